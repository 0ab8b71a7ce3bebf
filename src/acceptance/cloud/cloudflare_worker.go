package cloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
)

func readUpload(r *http.Request) (u upload, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return u, err
	}
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return u, nil
		}
		if err != nil {
			return u, err
		}
		if err := u.add(part); err != nil {
			return u, err
		}
	}
}

func (u *upload) add(part *multipart.Part) error {
	text, err := io.ReadAll(part)
	if err != nil {
		return err
	}
	if part.FormName() == "metadata" {
		return json.Unmarshal(text, &u.metadata)
	}
	u.modules = append(u.modules, uploadedModule{part.FormName(), part.Header.Get("Content-Type"), text})
	return nil
}

// moduleKinds are the names that workerd's configuration has for what Wrangler uploads.
var moduleKinds = map[string]string{
	"application/javascript+module": "esModule",
	"application/javascript":        "commonJsModule",
	"application/octet-stream":      "data",
	"text/plain":                    "text",
	"application/wasm":              "wasm",
}

// start runs an upload in workerd, in the place of what runs under the name.
func (a *Cloudflare) start(name string, u upload) error {
	dir, err := os.MkdirTemp(a.dir, name+"-")
	if err != nil {
		return err
	}
	slices.SortStableFunc(u.modules, func(x, y uploadedModule) int { // the first module is the main one
		first := func(m uploadedModule) int { return map[bool]int{false: 1}[m.name == u.metadata.MainModule] }
		return first(x) - first(y)
	})
	var modules, bindings []string
	for i, m := range u.modules {
		kind := moduleKinds[m.kind]
		if kind == "" {
			return fmt.Errorf("module %s has the type %q", m.name, m.kind)
		}
		file := fmt.Sprintf("module-%d", i)
		if err := os.WriteFile(filepath.Join(dir, file), m.text, 0o644); err != nil {
			return err
		}
		modules = append(modules, fmt.Sprintf("(name = %q, %s = embed %q)", m.name, kind, file))
	}
	for _, b := range u.metadata.Bindings {
		if b.Type != "plain_text" {
			return fmt.Errorf("binding %s has the type %q", b.Name, b.Type)
		}
		bindings = append(bindings, fmt.Sprintf("(name = %q, text = %q)", b.Name, b.Text))
	}
	address := ""
	if h := a.workers[name]; h != nil && h.address != "" {
		address = h.address
	} else if address, err = relaytest.FreeAddress(); err != nil {
		return err
	}
	config := fmt.Sprintf(`using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = %q, http = (), service = "main")]);
const worker :Workerd.Worker = (compatibilityDate = %q, modules = [%s], bindings = [%s]);
`, address, u.metadata.CompatibilityDate, strings.Join(modules, ",\n"), strings.Join(bindings, ",\n"))
	if err := os.WriteFile(filepath.Join(dir, "config.capnp"), []byte(config), 0o644); err != nil {
		return err
	}
	a.stop(name)
	cmd := exec.Command(a.workerd, "serve", "config.capnp")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	a.workers[name] = &worker{u, address, cmd}
	where := filepath.Join(a.addresses(), name)
	return errors.Join(os.WriteFile(where, []byte("http://"+address), 0o644), lab.Listens(address))
}

func (a *Cloudflare) stop(name string) {
	h := a.workers[name]
	delete(a.workers, name)
	if h != nil {
		kill(h.process)
	}
}
