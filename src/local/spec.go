package local

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// apiError is an error that carries its HTTP status.
type apiError struct {
	status int
	msg    string
}

func (e *apiError) Error() string { return e.msg }

func refuse(status int, format string, args ...any) *apiError {
	return &apiError{status: status, msg: fmt.Sprintf(format, args...)}
}

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`) // and at most maxName
	pathForm = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*(\{[A-Za-z0-9._-]+\+\})?$`)
	envForm  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	methods  = []string{"ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
)

// Bounds of lengths, in bytes. As counts in the patterns they would be expanded at every start of the program.
const (
	maxName  = 128
	maxImage = 512
)

// maxKeepAlive is a leap year in seconds, as in experiment files.
const maxKeepAlive = 366 * 24 * 3600

func isName(s string) bool { return len(s) <= maxName && nameForm.MatchString(s) }

// normalise fills in defaults and checks a whole service; it reports every mistake at once.
func normalise(s *client.ServiceSpec, service string) error {
	var faults []error
	if !isName(service) {
		faults = append(faults, fmt.Errorf("service name %q: letters, digits, - and _, at most 128", service))
	}
	if _, taken := apiVersions[service]; taken || "/"+service+"/" == urlPrefix {
		faults = append(faults, fmt.Errorf("service name %q: the Lambda API and function URLs have this path", service))
	}
	if len(s.Functions) == 0 {
		faults = append(faults, errors.New("functions: a service has at least one"))
	}
	names, routes := map[string]bool{}, map[string]string{}
	for i := range s.Functions {
		f := &s.Functions[i]
		for _, err := range normaliseFunction(f) {
			faults = append(faults, fmt.Errorf("functions[%d] %q: %w", i, f.Name, err))
		}
		if names[f.Name] {
			faults = append(faults, fmt.Errorf("functions[%d]: a second function is called %q", i, f.Name))
		}
		names[f.Name] = true
		route := f.Method + " " + routePath(f.Path)
		if other, ok := routes[route]; ok {
			faults = append(faults, fmt.Errorf("functions[%d] %q: route %s is taken by %q", i, f.Name, route, other))
		}
		routes[route] = f.Name
	}
	if err := errors.Join(faults...); err != nil {
		return refuse(http.StatusBadRequest, "%s", err)
	}
	return nil
}

// normaliseFunction fills in the defaults of one function and lists its mistakes.
func normaliseFunction(f *client.FunctionSpec) (faults []error) {
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	f.Path = cmp.Or(f.Path, "/"+f.Name)
	f.Method = strings.ToUpper(cmp.Or(f.Method, "ANY"))
	f.MemoryMB = cmp.Or(f.MemoryMB, 128)
	f.TimeoutSeconds = cmp.Or(f.TimeoutSeconds, 60)
	f.Concurrency = cmp.Or(f.Concurrency, 1)
	f.Queueing = cmp.Or(f.Queueing, client.QueueingSpawn)
	if f.KeepAliveSeconds == nil {
		f.KeepAliveSeconds = new(600.0)
	}
	f.KeepAliveDistribution = cmp.Or(f.KeepAliveDistribution, client.KeepAliveFixed)
	if !isName(f.Name) {
		bad("name: letters, digits, - and _, at most 128")
	}
	base, variable := greedy(f.Path)
	if !pathForm.MatchString(f.Path) || variable != "" && !strings.HasSuffix(base, "/") {
		bad("path %q: it starts with / and holds letters, digits and ._~/-; only its last element can be a variable, "+
			"for all below, such as /{proxy+}", f.Path)
	}
	if !slices.Contains(methods, f.Method) {
		bad("method %q: one of %s", f.Method, strings.Join(methods, ", "))
	}
	f.PackageType = cmp.Or(f.PackageType, client.PackageZip)
	normalisePackage(f, bad)
	if a := cmp.Or(f.Architecture, architecture); a != architecture && !(a == "x86_64" && architecture == "amd64") {
		bad("architecture %q does not run on this machine (%s)", a, architecture)
	}
	normaliseURL(f, bad)
	between := func(what string, v, low, high int) {
		if v < low || v > high {
			bad("%s %d: from %d to %d", what, v, low, high)
		}
	}
	between("memoryMB", f.MemoryMB, 32, 131072)
	between("timeoutSeconds", f.TimeoutSeconds, 1, 3600)
	between("concurrency", f.Concurrency, 1, 100_000)
	between("maxInstances", f.MaxInstances, 0, 1_000_000)
	if k := *f.KeepAliveSeconds; k < 0 || k > maxKeepAlive || k != k {
		bad("keepAliveSeconds %v: from 0 to %d", k, maxKeepAlive)
	}
	if d := f.KeepAliveDistribution; d != client.KeepAliveFixed && d != client.KeepAliveExponential {
		bad("keepAliveDistribution %q: one of %s, %s", d, client.KeepAliveFixed, client.KeepAliveExponential)
	}
	if !slices.Contains([]string{client.QueueingSpawn, client.QueueingQueue, client.QueueingShared}, f.Queueing) {
		bad("queueing %q: one of spawn, queue, shared", f.Queueing)
	}
	return append(faults, checkEnvironment(f)...)
}

// greedy cuts a path before the variable for all paths below it, as /name/{proxy+} has one; variable is its name.
func greedy(path string) (base, variable string) {
	base, rest, found := strings.Cut(path, "{")
	if !found {
		return path, ""
	}
	return base, strings.TrimSuffix(rest, "+}")
}

// routePath is a path in the table of routes: a variable's name makes no difference there.
func routePath(path string) string {
	if base, variable := greedy(path); variable != "" {
		return base + allBelow
	}
	return path
}

// allBelow ends the paths of routes that lead all paths below to a function. No path of a function has this character.
const allBelow = "*"

func normaliseURL(f *client.FunctionSpec, bad func(format string, args ...any)) {
	u := f.URL
	if u == nil {
		return
	}
	u.AuthType, u.InvokeMode = cmp.Or(u.AuthType, client.AuthNone), cmp.Or(u.InvokeMode, client.InvokeBuffered)
	if u.AuthType != client.AuthNone && u.AuthType != client.AuthIAM {
		bad("functionURL.authType %q: one of %s, %s", u.AuthType, client.AuthNone, client.AuthIAM)
	}
	if u.InvokeMode != client.InvokeBuffered && u.InvokeMode != client.InvokeStreamed {
		bad("functionURL.invokeMode %q: one of %s, %s", u.InvokeMode, client.InvokeBuffered, client.InvokeStreamed)
	}
	if f.ImageContract == client.ContractHTTP {
		bad("functionURL belongs to functions of the contract %s", client.ContractRuntimeAPI)
	}
}

// imageForm is roughly the form of an image reference of at most maxImage bytes; the Engine checks it exactly.
var imageForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)

func normalisePackage(f *client.FunctionSpec, bad func(format string, args ...any)) {
	switch f.PackageType {
	case client.PackageZip:
		if !filepath.IsAbs(f.Artifact) {
			bad("artifact %q: not an absolute path", f.Artifact)
		}
		if f.Image != "" || f.ColdPull || f.ImageContract == client.ContractHTTP {
			bad("image, coldPull and imageContract belong to package type Image")
		}
		f.ImageContract = ""
	case client.PackageImage:
		f.ImageContract = cmp.Or(f.ImageContract, client.ContractRuntimeAPI)
		if f.ImageContract != client.ContractRuntimeAPI && f.ImageContract != client.ContractHTTP {
			bad("imageContract %q: one of %s, %s", f.ImageContract, client.ContractRuntimeAPI, client.ContractHTTP)
		}
		if len(f.Image) > maxImage || !imageForm.MatchString(f.Image) {
			bad("image %q: want a reference such as registry.example.org/name@sha256:…", f.Image)
		}
		if f.Artifact != "" {
			bad("artifact belongs to package type Zip")
		}
	default:
		bad("package type %q: one of %s, %s", f.PackageType, client.PackageZip, client.PackageImage)
	}
}

func checkEnvironment(f *client.FunctionSpec) (faults []error) {
	for k, v := range f.Environment {
		switch {
		case !envForm.MatchString(k):
			faults = append(faults, fmt.Errorf("environment: %q is not a variable's name", k))
		case reserved(k):
			faults = append(faults, fmt.Errorf("environment: %s is set by the platform", k))
		case strings.ContainsRune(v, 0):
			faults = append(faults, fmt.Errorf("environment: %s holds a NUL byte", k))
		}
	}
	return faults
}

// reserved tells names that the platform sets itself; as on Lambda, PATH, TZ and LANG may be overridden.
func reserved(key string) bool {
	if strings.HasPrefix(key, "AWS_LAMBDA_") {
		return true
	}
	return slices.Contains([]string{"_HANDLER", "LAMBDA_TASK_ROOT", "AWS_REGION", "AWS_DEFAULT_REGION",
		"AWS_EXECUTION_ENV", "TMPDIR"}, key)
}
