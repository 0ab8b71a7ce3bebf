package local

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

func entriesOf(t *testing.T, parts ...string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(parts...))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestControlRefusals(t *testing.T) {
	p, c := testPlatform(t, nil)
	deployTo(t, c, nil)
	bearer := "Bearer " + testToken
	for _, test := range []struct {
		name, method, path, auth, host, body, want string
		status                                     int
	}{
		{"no token", "GET", "/v1/status", "", "", "", "token", 401},
		{"wrong token", "GET", "/v1/status", "Bearer " + testToken + "x", "", "", "token", 401},
		{"not a bearer", "GET", "/v1/status", testToken, "", "", "token", 401},
		{"rebound host", "GET", "/v1/status", bearer, "evil.example", "", "loopback", 403},
		{"localhost", "GET", "/v1/status", bearer, "localhost:1", "", `"version":"test"`, 200},
		{"IPv6 loopback", "GET", "/v1/status", bearer, "[::1]:1", "", `"version":"test"`, 200},
		{"path", "GET", "/v2", bearer, "", "", "no such path", 404},
		{"method", "PATCH", "/v1/services", bearer, "", "", "allowed are GET", 405},
		{"unknown service", "GET", "/v1/services/other", bearer, "", "", "no service", 404},
		{"unknown service's removal", "DELETE", "/v1/services/other", bearer, "", "", "no service", 404},
		{"unknown function", "POST", "/v1/services/s/functions/g/retire", bearer, "", "", "no function", 404},
		{"bad offset", "GET", "/v1/services/s/functions/f/logs?offset=-1", bearer, "", "", "offset", 400},
		{"not JSON", "PUT", "/v1/services/x", bearer, "", "{", "body", 400},
		{"unknown key", "PUT", "/v1/services/x", bearer, "", `{"functoins":[]}`, "functoins", 400},
		{"two values", "PUT", "/v1/services/x", bearer, "", `{"functions":[]} {}`, "follows", 400},
		{"no functions", "PUT", "/v1/services/x", bearer, "", `{}`, "at least one", 400},
		{"long name", "PUT", "/v1/services/" + strings.Repeat("x", maxName+1), bearer, "", `{"functions":[{}]}`,
			"at most 128", 400},
		{"longest name", "PUT", "/v1/services/" + strings.Repeat("x", maxName), bearer, "", `{}`,
			`{"error":"functions: a service has at least one"}`, 400},
		{"long image", "PUT", "/v1/services/x", bearer, "",
			`{"functions":[{"packageType":"Image","image":"` + strings.Repeat("x", maxImage+1) + `"}]}`,
			"want a reference", 400},
		{"large body", "PUT", "/v1/services/x", bearer, "",
			`{"tags":{"a":"` + strings.Repeat("x", maxControlBody) + `"}}`, "over", 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), test.method, p.ControlURL()+test.path,
				strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if test.auth != "" {
				req.Header.Set("Authorization", test.auth)
			}
			req.Host = test.host
			res, err := (&http.Client{}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != test.status || !strings.Contains(string(text), test.want) {
				t.Errorf("%v, status %d, %s; want %d and %q", err, res.StatusCode, text, test.status, test.want)
			}
			if test.status >= 400 && !strings.HasPrefix(string(text), `{"error":`) {
				t.Errorf("not the form of an error: %s", text)
			}
		})
	}
}

func TestSpecFaultsAllAtOnce(t *testing.T) {
	_, c := testPlatform(t, nil)
	minus := -1.0
	_, err := c.Put(t.Context(), "s p", client.ServiceSpec{Functions: []client.FunctionSpec{
		{Name: "a", Runtime: "go", Artifact: "rel.zip", MemoryMB: 1, TimeoutSeconds: -5, KeepAliveSeconds: &minus,
			Queueing: "often", KeepAliveDistribution: "uniform"},
		{Name: "a", Path: "no-slash", Method: "GRAB", Runtime: "go", Artifact: "/x", PackageType: "Image",
			Architecture: "vax"},
		{Name: "-", Runtime: "go", Artifact: "/x", Concurrency: -1,
			Environment: map[string]string{"AWS_LAMBDA_X": "", "2": "", "B": "\x00"}},
	}})
	if fail.Code(err) != fail.CodeInput {
		t.Errorf("exit code %d", fail.Code(err))
	}
	for _, want := range []string{
		`"s p"`, `"rel.zip"`, "memoryMB 1", "timeoutSeconds -5", "keepAliveSeconds -1", `"often"`, `"uniform"`, `called "a"`,
		`"no-slash"`, `"GRAB"`,
		`image "": want a reference`, `"vax"`, "concurrency -1", "AWS_LAMBDA_X is set by the platform", `"2" is not`,
		"NUL",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in: %v", want, err)
		}
	}
}

// A PUT is all or nothing: one bad function and the service that stood still does.
func TestPutIsAllOrNothing(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	first := getOK(t, url)
	text := filepath.Join(t.TempDir(), "text.zip")
	if err := os.WriteFile(text, []byte("this is no archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "plain.zip")
	if err := os.WriteFile(plain, zipOf(entry{"bootstrap", 0o644, []byte("#!/bin/sh\n")}), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.zip")
	if err := os.Symlink(testPackage, link); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*client.FunctionSpec)
		want   string
	}{
		"runtime":        {func(f *client.FunctionSpec) { f.Runtime = "cobol" }, `runtime "cobol" is not supported`},
		"missing":        {func(f *client.FunctionSpec) { f.Artifact = "/nowhere/x.zip" }, "no such file"},
		"folder":         {func(f *client.FunctionSpec) { f.Artifact = t.TempDir() }, "not a regular file"},
		"link":           {func(f *client.FunctionSpec) { f.Artifact = link }, "not a regular file"},
		"not a ZIP":      {func(f *client.FunctionSpec) { f.Artifact = text }, "not a ZIP archive"},
		"not executable": {func(f *client.FunctionSpec) { f.Artifact = plain }, "not executable"},
		"handler": {func(f *client.FunctionSpec) { f.Runtime, f.Handler = "python3.13", "main" },
			"<module>.<function>"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := testSpec(nil)
			bad := testSpec(test.change).Functions[0]
			bad.Name, bad.Path = "g", ""
			spec.Functions = append(spec.Functions, bad)
			_, err := c.Put(t.Context(), "s", spec)
			var status *client.StatusError
			if !errors.As(err, &status) || status.Status/100 != 4 || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v; want a 4xx with %q", err, test.want)
			}
			if r := getOK(t, url); r.ID != first.ID {
				t.Error("the service that stood was changed")
			}
			if left := entriesOf(t, p.opts.Dir, "packages"); len(left) != 1 {
				t.Errorf("packages: %v", left)
			}
		})
	}
}

func TestServicesAreListed(t *testing.T) {
	p, c := testPlatform(t, nil)
	for _, name := range []string{"b", "a"} {
		if _, err := c.Put(t.Context(), name,
			testSpec(func(f *client.FunctionSpec) { f.Tags = map[string]string{"k": "v"} })); err != nil {
			t.Fatal(err)
		}
	}
	list, err := c.Services(t.Context())
	if err != nil || len(list) != 2 || list[0].Service != "a" || list[1].Service != "b" {
		t.Fatalf("%v %+v", err, list)
	}
	f := list[0].Functions[0]
	if f.URL != p.GatewayURL()+"/a/f" || f.PackageSHA256 == "" || f.PackageBytes == 0 || f.Tags["k"] != "v" ||
		list[0].Tags["stellar-run"] != "r" {
		t.Errorf("%+v", f)
	}
	if left := entriesOf(t, p.opts.Dir, "packages"); len(left) != 1 {
		t.Errorf("the same package twice: %v", left)
	}
	if err := c.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	var status *client.StatusError
	if _, err := c.Service(t.Context(), "a"); !errors.As(err, &status) || status.Status != 404 {
		t.Errorf("after its removal: %v", err)
	}
	getOK(t, p.GatewayURL()+"/b/f") // the package is still there for the other
}

func TestLogOffsets(t *testing.T) {
	l := newLogFile(filepath.Join(t.TempDir(), "x", "f.log"), 4*maxLogLine, func(err error) { t.Error(err) })
	if text, next, err := l.read(5, 100); err != nil || len(text) != 0 || next != 0 {
		t.Errorf("empty log: %q %d %v", text, next, err)
	}
	var all strings.Builder
	line := strings.Repeat("y", 1000)
	for i := range 1000 {
		l.printf("%06d %s", i, line)
		fmt.Fprintf(&all, "%06d %s\n", i, line)
	}
	var got strings.Builder
	var from, at int64
	for {
		text, next, err := l.read(at, 3000)
		if err != nil {
			t.Fatal(err)
		}
		if at == 0 {
			from = next - int64(len(text))
		}
		if len(text) == 0 {
			break
		}
		got.Write(text)
		at = next
	}
	if at != int64(all.Len()) || got.String() != all.String()[from:] || got.Len() < 2*maxLogLine-2000 {
		t.Errorf("read %d bytes from %d to %d of %d", got.Len(), from, at, all.Len())
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
	l.printf("after the end")
	if !absent(l.path) || !absent(l.path+".1") {
		t.Error("the files are still there")
	}
}
