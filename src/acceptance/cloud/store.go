package cloud

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// resources are those that there are; of a unit, or all.
func (c store) resources(unit string) []resource {
	var all []resource
	files, err := filepath.Glob(filepath.Join(c.dir, "things", "*.json"))
	must(err)
	slices.Sort(files)
	for _, f := range files {
		var one resource
		c.read(filepath.Join("things", filepath.Base(f)), &one)
		if unit == "" || one.Unit == unit {
			all = append(all, one)
		}
	}
	return all
}

// visible are a unit's resources as the vendor shows them.
func (c store) visible(a ask) []resource {
	return slices.DeleteFunc(c.resources(a.unit), func(t resource) bool {
		return t.Late > 0 || t.Scope != a.scope ||
			a.kind != "" && a.kind != t.Kind
	})
}

// look is a question whether a unit is there; what comes late has come by the next one.
func (c store) look(a ask) []resource {
	stand := c.visible(a)
	for _, t := range c.resources(a.unit) {
		if t.Late > 0 {
			t.Late--
			c.write(t.file(), t)
		}
	}
	return stand
}

func (t resource) file() string {
	return filepath.Join("things", strings.NewReplacer("/", "_", ":",
		"_").Replace(t.Kind+" "+t.Scope+" "+t.Name)+".json")
}

func (c store) add(all []resource, late int) {
	for _, t := range all {
		t.Late = late
		c.write(t.file(), t)
	}
}

func (c store) drop(all []resource) {
	for _, t := range all {
		must(os.Remove(filepath.Join(c.dir, t.file())))
	}
}

func (c store) read(name string, into any) {
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	must(err)
	must(json.Unmarshal(text, into))
}

func (c store) write(name string, what any) {
	text, err := json.Marshal(what)
	must(err)
	path := filepath.Join(c.dir, name)
	must(os.MkdirAll(filepath.Dir(path), 0o755))
	must(os.WriteFile(path, text, 0o644))
}

// plainNames are the variables whose values are no secret, and say where a call goes.
var plainNames = []string{"REGION", "ACCOUNT_ID", "PROJECT", "ENDPOINT", "SUBSCRIPTION_ID", "TENANT_ID",
	"METRICS", "OUTPUT_FILE"}

func (c store) record(one call) {
	one.Time = time.Now()
	line, err := json.Marshal(one)
	must(err)
	f, err := os.OpenFile(filepath.Join(c.dir, "calls.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(err)
	_, err = f.Write(append(line, '\n'))
	must(err)
	must(f.Close())
}

// call is what is recorded of a command.
func (c command) call() call {
	one := call{Program: c.Program, Args: c.Args, Dir: c.Dir, Env: map[string]string{}}
	for _, kv := range c.Env {
		name, value, _ := strings.Cut(kv, "=")
		if !slices.ContainsFunc(vendorNames, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		if !slices.ContainsFunc(plainNames, func(part string) bool { return strings.Contains(name, part) }) {
			value = "…"
		}
		one.Env[name] = value
	}
	return one
}

// vendorNames begin the variables of the vendors.
var vendorNames = []string{"AWS_", "AZURE_", "ARM_", "ALIBABA_", "ALIYUN_", "CLOUDSDK_", "GOOGLE_", "CLOUDFLARE_",
	"WRANGLER_"}

// calls are all that were made, in their order.
func (c store) calls() []call {
	text, err := os.ReadFile(filepath.Join(c.dir, "calls.jsonl"))
	if os.IsNotExist(err) {
		return nil
	}
	must(err)
	var all []call
	for line := range strings.Lines(string(text)) {
		var one call
		must(json.Unmarshal([]byte(line), &one))
		all = append(all, one)
	}
	return all
}

// lock is the cloud's: what is asked of it is done one by one.
func (c store) lock() (unlock func()) {
	f, err := os.OpenFile(filepath.Join(c.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	must(err)
	must(syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	return func() { must(f.Close()) }
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
