package provider

import (
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// File is a file that a deployment starts from.
type File struct {
	Name string // slashes, under the folder that the function which gives it names
	Text []byte
}

// Writer is a connection whose vendor's CLI reads files. It makes no request: the files follow from the arguments.
type Writer interface {
	// Files are those of one unit, named from the unit's folder. where is what Locate said; nil: not known, or the
	// provider is not FilesLocated. Before packages have an identity it is asked only for its error.
	Files(r *run.Run, u Unit, where map[string]string) ([]File, error)
}

// Adapter is a connection whose vendor calls functions in a form of its own. It makes no request.
type Adapter interface {
	// Adapt says what turns functions of a language into the vendor's. The zero value: nothing is added to them, which
	// is so for images of every vendor.
	Adapt(language string) Adaptation
	// Notes are what the vendor does otherwise than a function asks, where that is no reason not to run.
	Notes(fn *Function) []string
}

// Adaptation turns the measurement function of a language into one of a vendor whose managed runtimes call functions in
// a form of their own. What it adds translates event and response, nothing else.
type Adaptation struct {
	// Handler is the entry point in the added files; empty: the language's own.
	Handler string
	// Add is the folder of raw-code/ that is added to the measurement function; empty: none.
	Add string
	// Extra are files that are added and cannot lie in raw-code/, by name.
	Extra map[string]string
	// Package is, for Go, the package that the files become, which the vendor's own main imports; empty: main.
	Package string
	// Source says that the vendor builds: sources are uploaded as they are.
	Source bool
	// Check checks a user's folder beyond what the language asks, and gives the handler in the vendor's form; nil: the
	// language's own check is enough. An error may be a KeyError.
	Check func(dir, handler string) (string, error)
	// From are the files and folders of raw-code/ that make the measurement function in place of the language's own.
	// With them the vendor has a language for itself: Handler and Check are then that language's, and nothing else is
	// used.
	From []string
	// Beside gives the files that are packed beside the code, for an entry point; nil: none.
	Beside func(handler string) ([]File, error)
}

// Writer is what writes the files that the vendor's CLI reads; nil where it reads none.
func (p Provider) Writer() Writer {
	w, _ := p.offline().(Writer)
	return w
}

// Adapter is what fits functions to the vendor; nil where they are Lambda handlers, or servers on $PORT, as they are.
func (p Provider) Adapter() Adapter {
	a, _ := p.offline().(Adapter)
	return a
}

// KeyError is an error about a key of the experiment file that is not the one under which it was found.
type KeyError struct {
	Key string
	Err error
}

func (e *KeyError) Error() string { return e.Err.Error() }

// Unwrap gives the error itself.
func (e *KeyError) Unwrap() error { return e.Err }
