package generate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// vendor is what adapts functions to the run's provider.
type vendor struct {
	row     provider.Provider
	adapter provider.Adapter // nil: functions are Lambda handlers, or servers on $PORT, as they are
}

func vendorOf(row provider.Provider) vendor { return vendor{row, row.Adapter()} }

// language is the language of a function: its runtime's, or the vendor's own.
func (v vendor) language(fn *run.Function) language {
	if a := v.adapt(fn.Language); len(a.From) > 0 {
		return language{handler: a.Handler, own: a.Check, from: a.From}
	}
	return languages()[fn.Language]
}

func (v vendor) adapt(language string) provider.Adaptation {
	if v.adapter == nil {
		return provider.Adaptation{}
	}
	return v.adapter.Adapt(language)
}

// adaptation is what is added to a function: nothing to images, or if the vendor has its own language.
func (v vendor) adaptation(fn *run.Function) provider.Adaptation {
	a := v.adapt(fn.Language)
	if fn.PackageType == "Image" || len(a.From) > 0 {
		return provider.Adaptation{}
	}
	return a
}

// hasForm reports whether the vendor calls functions in its own form, which works nowhere else.
func (v vendor) hasForm() bool { return v.adapter != nil && v.row.Language == "" }

// own checks a user's folder by the rules of the language and then by those of the vendor.
func (v vendor) own(fn *run.Function, dir, handler string) (string, error) {
	form, err := v.language(fn).own(dir, handler)
	if check := v.adaptation(fn).Check; err == nil && check != nil {
		return check(dir, handler)
	}
	return form, err
}

// note says, once each, in the log and in the record, what a provider does differently from the file.
func (v vendor) note(r *run.Run) {
	if v.adapter == nil {
		return
	}
	told := map[string]bool{}
	for _, fn := range r.Functions {
		for _, text := range v.adapter.Notes(fn) {
			if told[text] {
				continue
			}
			told[text] = true
			r.Log.Warnf("%s", text)
			if r.Record != nil {
				r.Record.Notes = append(r.Record.Notes, text)
			}
		}
	}
}

// putBeside writes the files that the provider needs beside a function's code.
func (v vendor) putBeside(r *run.Run, src *run.Source, fn *run.Function) error {
	beside := v.adaptation(fn).Beside
	if beside == nil {
		return nil
	}
	files, err := beside(src.Handler)
	if err != nil {
		return err
	}
	src.Beside = filepath.Join(r.WorkDir, "src", src.Key+".beside")
	for _, f := range files {
		if err := writeFile(filepath.Join(src.Beside, filepath.FromSlash(f.Name)), f.Text); err != nil {
			return err
		}
	}
	return nil
}

// goText is the extension of an adapter's Go files, which are not part of this module's own build.
const goText = ".go.txt"

// renderAdapter adds the adapter's files to a rendered measurement function.
func renderAdapter(dir string, a provider.Adaptation) error {
	if a.Add != "" {
		if err := renderTree(dir, a.Add); err != nil {
			return err
		}
	}
	if a.Package != "" {
		if err := renamePackage(dir, a.Package); err != nil {
			return err
		}
	}
	for name, text := range a.Extra {
		if err := writeFile(filepath.Join(dir, name), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// renamePackage renames the package main of rendered files, because a main package cannot be imported.
func renamePackage(dir, name string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	clause := []byte("\npackage main\n")
	for _, f := range files {
		text, err := wholefile.ReadFile(f)
		if err != nil {
			return err
		}
		text = bytes.Replace(append([]byte("\n"), text...), clause, fmt.Appendf(nil, "\npackage %s\n", name), 1)
		if err := os.WriteFile(f, text[1:], 0o644); err != nil {
			return err
		}
	}
	return nil
}
