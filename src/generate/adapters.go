package generate

import "stellar/src/run"

// adapter turns the measurement function of a language into one of a provider whose managed runtimes call functions in a form
// of their own: files that are added to it, and the entry point that is in them. It translates event and response, nothing
// else.
type adapter struct {
	dir     string // folder of raw-code/, adapters/<provider>/<language>
	handler string
}

// adapters are by provider and language; those that are not here are Lambda handlers or servers on $PORT as they are.
func adapters() map[string]map[string]adapter {
	return map[string]map[string]adapter{}
}

func adapterOf(r *run.Run, fn *run.Function) adapter {
	if fn.PackageType == "Image" {
		return adapter{}
	}
	return adapters()[r.Experiment.ProviderKind()][fn.Language]
}
