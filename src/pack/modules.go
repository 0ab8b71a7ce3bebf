package pack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// A Worker's package is a folder of modules, which Wrangler uploads one by one. Its size is the one that Cloudflare's
// limit uses since September 2026, and that Wrangler prints after "Total Upload:": the bytes of all modules,
// uncompressed (workers-sdk, packages/wrangler/src/deployment-bundle/bundle-reporter.ts; pull request 14001).

// fillersModule lists the fillers that our Worker reads when it starts.
const fillersModule = "fillers.mjs"

// moduleEndings are the files that make up a Worker, by the rules in its configuration; other files are not uploaded.
var moduleEndings = []string{".mjs", ".js", ".cjs", ".wasm", ".txt", ".html", ".sql", ".bin"}

// module is one file of a Worker.
type module struct {
	name string
	text []byte
}

func packModules(ctx context.Context, r *run.Run, packages []*run.Package) error {
	var problems []error
	var largest bytesize.Size
	for _, p := range packages {
		if err := ctx.Err(); err != nil {
			return err
		}
		code, err := codeModules(p, r.Log)
		if err != nil {
			return err
		}
		all, err := padModules(p, code)
		if errors.Is(err, errTooSmall) {
			largest = max(largest, totalSize(code))
			problems = append(problems, fmt.Errorf("package %s: the code alone is %s, more than the %s asked for",
				p.Name, totalSize(code).Exact(), p.TargetBytes.Exact()))
			continue
		}
		if err == nil {
			err = writeModules(p, all)
		}
		if err != nil {
			return fmt.Errorf("writing package %s: %w", p.Path, err)
		}
		p.Bytes, p.CodeBytes, p.SHA256 = totalSize(all), totalSize(code), hashModules(all)
		r.Log.Infof("package %s: %s, %s of it code", p.Name, p.Bytes.Fixed(2), p.CodeBytes.Fixed(2))
	}
	if len(problems) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(problems...)).
		WithHint("set FunctionImageSizeMB to 0 (as built) or at least %.3f", largest.MiB()+0.001)
}

// codeModules reads the modules of a build, in the order of their names. If our Worker is to read its filler, its list
// is changed accordingly.
func codeModules(p *run.Package, log run.Logger) ([]module, error) {
	files, err := selectFiles(selectionOf(p), log)
	if err != nil {
		return nil, err
	}
	var all []module
	for _, f := range files {
		if !slices.Contains(moduleEndings, path.Ext(f.name)) || !strings.HasPrefix(f.name, moduleRoot(p)) {
			log.Debugf("package %s: %s is no module and is left out", p.Name, f.name)
			continue
		}
		text, err := wholefile.ReadFile(f.path)
		if err != nil {
			return nil, fmt.Errorf("reading the build in %s: %w", p.Source.BuildDir, err)
		}
		if f.name == fillersModule && p.Source.Generated && p.ReadFiller && p.TargetBytes > 0 {
			text = fmt.Appendf(nil, "import filler from './%s';\nexport default [filler];\n", fillerName)
		}
		all = append(all, module{f.name, text})
	}
	if !slices.ContainsFunc(all, func(m module) bool { return m.name == p.Source.Handler }) {
		return nil, fail.Input("package %s: its main module %s is not among its files", p.Name, p.Source.Handler).
			WithHint("name it in Handler, and let PackagePattern match it")
	}
	return all, nil
}

// moduleRoot is the folder of the main module, with a slash after it; modules outside of it cannot be imported.
func moduleRoot(p *run.Package) string {
	if dir := path.Dir(p.Source.Handler); dir != "." {
		return dir + "/"
	}
	return ""
}

// padModules adds one module of filler, so that the package has exactly the wanted size.
func padModules(p *run.Package, code []module) ([]module, error) {
	gap := p.TargetBytes - totalSize(code)
	switch {
	case p.TargetBytes == 0:
		return code, nil
	case gap < 0:
		return nil, errTooSmall
	case gap > math.MaxInt32:
		return nil, fail.Input("package %s: %s is above the limit of every Worker", p.Name, p.TargetBytes.Fixed(2))
	case gap == 0 && !p.ReadFiller:
		return code, nil // a Worker that imports its filler has one, even if it is empty
	}
	stream, err := filler{seed: p.Seed}.stream()
	if err != nil {
		return nil, err
	}
	bytes := make([]byte, gap)
	stream.XORKeyStream(bytes, bytes)
	return append(slices.Clone(code), module{moduleRoot(p) + fillerName, bytes}), nil
}

// totalSize is the size of a Worker as Cloudflare counts it.
func totalSize(all []module) bytesize.Size {
	var n bytesize.Size
	for _, m := range all {
		n += bytesize.Size(len(m.text))
	}
	return n
}

// hashModules is the SHA-256 over the modules in their order, each after its name and length.
func hashModules(all []module) string {
	h := sha256.New()
	for _, m := range all {
		fmt.Fprintf(h, "%q %d\n", m.name, len(m.text))
		h.Write(m.text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeModules makes the folder under a temporary name and renames it when it is complete.
func writeModules(p *run.Package, all []module) (err error) {
	dir := filepath.Dir(p.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, p.Name+".part-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(temp)
		}
	}()
	for _, m := range all {
		to := filepath.Join(temp, filepath.FromSlash(m.name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, m.text, 0o644); err != nil {
			if free, ok := freeBytes(dir); ok && diskFull(err) {
				return noSpace(err, dir, bytesize.Size(len(m.text)), free)
			}
			return err
		}
	}
	if err := errors.Join(os.Chmod(temp, 0o755), os.RemoveAll(p.Path)); err != nil {
		return err
	}
	return os.Rename(temp, p.Path)
}
