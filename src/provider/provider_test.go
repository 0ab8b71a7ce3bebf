package provider

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

func TestCompleteURL(t *testing.T) {
	for in, want := range map[string]string{
		"www.google.com":            "https://www.google.com",
		"localhost:8080/f?x=1":      "http://localhost:8080/f?x=1",
		"127.0.0.1:80":              "http://127.0.0.1:80",
		"[::1]:8080/a":              "http://[::1]:8080/a",
		"http://example.org/a?b=c":  "http://example.org/a?b=c",
		"https://example.org":       "https://example.org",
		"producer.192.1.2.3.nip.io": "https://producer.192.1.2.3.nip.io",
		"bücher.example:81/ü":       "https://xn--bcher-kva.example:81/%C3%BC",
	} {
		got, err := CompleteURL(in)
		if err != nil || got != want {
			t.Errorf("CompleteURL(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "ftp://example.org", "http://", "https:///path", "http://a b"} {
		if got, err := CompleteURL(in); fail.Code(err) != fail.CodeInput {
			t.Errorf("CompleteURL(%q) = %q, %v; want an input error", in, got, err)
		}
	}
}

func TestStandingMatchesEachEndpointOnce(t *testing.T) {
	file := endpointsIn(t, `[
	 {"GatewayID":"a.example/f","FunctionMemoryMB":128,"ImageSizeMB":10,"PackageType":"Zip"},
	 {"GatewayID":"http://b.example/f?k=v","FunctionMemoryMB":128,"ImageSizeMB":14,"PackageType":"Zip"},
	 {"GatewayID":"c.example","FunctionMemoryMB":256,"ImageSizeMB":60,"PackageType":"Image"}]`)
	s, err := OpenEndpoints(filepath.Dir(file), Provider{Name: "aws"})
	if err != nil {
		t.Fatal(err)
	}
	fns := []*run.Function{sized(zip("f0-0", 0, 128), 14), sized(zip("f1-0", 1, 128), 10),
		{Name: "f2-0", Sub: 2, MemoryMB: 256, PackageType: "Image", ImageSizeMB: 999}}
	got, err := s.Match(fns)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"https://a.example/f", "http://b.example/f?k=v", "https://c.example"} {
		if got[i].URL != want || got[i].Function != fns[i].Name {
			t.Errorf("function %d got %+v; want %s", i, got[i], want)
		}
	}
	_, err = s.Match(append(fns, sized(zip("f0-1", 0, 128), 14), sized(zip("f0-2", 0, 512), 14)))
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "1 more of: Zip, 128 MB") ||
		!strings.Contains(err.Error(), "1 more of: Zip, 512 MB") {
		t.Errorf("too few endpoints: %v", err)
	}
}

// TestChainsTakeNeighbours: producer and consumer alternate in the published file, and a chain of two begins with a
// producer whatever else the experiment takes.
func TestChainsTakeNeighbours(t *testing.T) {
	list := func(n int) string {
		var out []string
		for i := range n {
			out = append(out,
				fmt.Sprintf(`{"GatewayID":"%s%d:80","FunctionMemoryMB":128,"ImageSizeMB":60,"PackageType":"Image"}`,
					[]string{"producer", "consumer"}[i%2], i/2))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	of := func(sub int, lengths ...int) (out []*run.Function) {
		for replica, n := range lengths {
			for hop := range n {
				out = append(out, &run.Function{Name: fmt.Sprintf("f%d-%d-%d", sub, replica, hop), Sub: sub,
					Replica: replica, Hop: hop, MemoryMB: 128, PackageType: "Image"})
			}
		}
		return out
	}
	for name, c := range map[string]struct {
		endpoints int
		fns       []*run.Function
		want      string // the endpoints' hosts; empty: too few
		missing   string
	}{
		"one chain":    {2, of(0, 2), "producer0 consumer0", ""},
		"two chains":   {4, of(0, 2, 2), "producer0 consumer0 producer1 consumer1", ""},
		"burst before": {4, slices.Concat(of(0, 1), of(1, 2)), "producer1 producer0 consumer0", ""},
		"a gap is left": {5, slices.Concat(of(0, 3), of(1, 2)), "producer0 consumer0 producer1 consumer1 producer2",
			""},
		"what is left":     {3, slices.Concat(of(0, 1), of(1, 2)), "producer1 producer0 consumer0", ""},
		"one is missing":   {3, of(0, 2, 2), "", "1 more of: Image, 128 MB of memory, size 0 MiB"},
		"many are missing": {3, slices.Concat(of(0, 2), of(1, 5), of(0, 1)), "", "5 more of"},
	} {
		s, err := OpenEndpoints(endpointsIn(t, list(c.endpoints)), vhive)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.DeployFunctions(t.Context(), c.fns)
		if c.missing != "" {
			var e *fail.Error
			if !errors.As(err, &e) || e.Code != fail.CodeInput || !strings.Contains(err.Error(), c.missing) ||
				!strings.Contains(e.Hint, "Knative") {
				t.Errorf("%s: %v, want %q", name, err, c.missing)
			}
			continue
		}
		var hosts []string
		for i, e := range got {
			hosts = append(hosts, strings.TrimSuffix(strings.TrimPrefix(e.URL, "http://"), ":80"))
			if e.Function != c.fns[i].Name {
				t.Errorf("%s: endpoint %d is of %s", name, i, e.Function)
			}
		}
		if err != nil || strings.Join(hosts, " ") != c.want {
			t.Errorf("%s: %v, %v; want %s", name, hosts, err, c.want)
		}
	}
}

// vhive is a row whose endpoints files have addresses without a scheme.
var vhive = Provider{Name: "vhive", Scheme: "http", EndpointsHint: "deploy Knative services"}

func zip(name string, sub, memory int) *run.Function {
	return &run.Function{Name: name, Sub: sub, MemoryMB: memory, PackageType: "Zip"}
}

// sized is a function with a package of so many MiB.
func sized(fn *run.Function, mib float64) *run.Function {
	fn.ImageSizeMB = mib
	return fn
}

func TestFitsToFiveMegabytes(t *testing.T) {
	fn := sized(zip("f", 0, 128), 10)
	for size, want := range map[float64]bool{5: true, 4.9: false, 15: true, 15.1: false, 10: true} {
		e := Endpoint{PackageType: "Zip", MemoryMB: 128, ImageSizeMB: size}
		if got := Fits(e, fn); got != want {
			t.Errorf("an endpoint of %g MB for a function of 10 MB: %v, want %v", size, got, want)
		}
	}
}

func TestPublishedEndpointFilesLoad(t *testing.T) {
	for file, n := range map[string]int{"vHive.json": 24, "golang-transfer.json": 16} {
		s, err := OpenEndpoints(filepath.Join("testdata", file), vhive)
		if err != nil {
			t.Fatal(err)
		}
		if all, _ := s.ListAPIs(t.Context()); len(all) != n {
			t.Errorf("%s has %d endpoints, want %d", file, len(all), n)
		}
	}
	if _, err := OpenEndpoints("testdata", vhive); err != nil {
		t.Errorf("vHive.json is not found in its folder: %v", err)
	}
}

func TestBadEndpointFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no list":     {`{}`, "aws.json:1:1: found an object; want an array"},
		"unknown key": {`[{"Gateway":"a"}]`, `aws.json:1:3: [0].Gateway: unknown key; did you mean "GatewayID"?`},
		"no address":  {`[{"PackageType":"Zip"}]`, "aws.json:1:2: [0].GatewayID: missing"},
		"package type": {`[{"GatewayID":"a","PackageType":"Rpm"}]`,
			`[0].PackageType: found "Rpm" (string); want one of Zip, Image`},
		"scheme":   {`[{"GatewayID":"ftp://a","PackageType":"Zip"}]`, "ftp://a"},
		"trailing": {`[] []`, "after top-level value"},
	} {
		_, err := OpenEndpoints(endpointsIn(t, c.text), Provider{Name: "aws"})
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v; want an input error with %q", name, err, c.want)
		}
	}
	for _, path := range []string{"nowhere", t.TempDir()} {
		if _, err := OpenEndpoints(path, Provider{Name: "aws"}); fail.Code(err) != fail.CodeInput {
			t.Errorf("%s: error is %v", path, err)
		}
	}
}

func endpointsIn(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aws.json")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
