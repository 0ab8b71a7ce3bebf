package generate

import (
	"bytes"
	"fmt"
	"maps"
	"strconv"

	"gopkg.in/yaml.v3"

	"stellar/src/provider"
	"stellar/src/run"
)

// googleFiles is the one file that gcloud reads of a unit, for --env-vars-file: a function's environment variables, KEY: "value".
func googleFiles(_ Service, r *run.Run, u provider.Unit) ([]File, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Written by stellar for run %s: the environment of %s, for --env-vars-file.\n", r.ID, u.Name)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(texts(googleEnv(u.Functions[0]))); err != nil {
		return nil, fmt.Errorf("writing %s: %w", provider.EnvFile, err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("writing %s: %w", provider.EnvFile, err)
	}
	return []File{{Name: provider.EnvFile, Text: out.Bytes()}}, nil
}

// googleEnv is a function's environment. Google tells a function its memory nowhere: the measurement function finds it where AWS has
// it, as on the local platform.
func googleEnv(fn *run.Function) map[string]string {
	env := maps.Clone(fn.Env)
	if env == nil {
		env = map[string]string{}
	}
	if fn.Generated {
		env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = strconv.Itoa(fn.MemoryMB)
	}
	return env
}
