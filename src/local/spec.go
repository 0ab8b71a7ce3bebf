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
	"time"
)

// Queueing modes: what a request does when no instance is free.
const (
	QueueingSpawn  = "spawn"  // AWS: another instance; at MaxInstances 429
	QueueingQueue  = "queue"  // Azure: at MaxInstances it waits, first come first served, up to the function's timeout
	QueueingShared = "shared" // Cloud Run: fills an instance, even one that is starting, to Concurrency before another is started
)

// FunctionSpec is one function of a PUT.
type FunctionSpec struct {
	Name             string            `json:"name"`
	Path             string            `json:"path"`   // under /<service>; default /<name>
	Method           string            `json:"method"` // default ANY
	PackageType      string            `json:"packageType,omitempty"`
	Architecture     string            `json:"architecture,omitempty"`
	Runtime          string            `json:"runtime"`
	Handler          string            `json:"handler"`
	MemoryMB         int               `json:"memoryMB"`       // default 128
	TimeoutSeconds   int               `json:"timeoutSeconds"` // default 60
	Environment      map[string]string `json:"environment,omitempty"`
	Artifact         string            `json:"artifact"`                // absolute path of the ZIP
	Image            string            `json:"image,omitempty"`         // package type Image: reference in the Engine or a registry
	ImageContract    string            `json:"imageContract,omitempty"` // runtime-api (default) or http
	ColdPull         bool              `json:"coldPull,omitempty"`      // each cold start drops the Engine's copy and pulls
	KeepAliveSeconds *float64          `json:"keepAliveSeconds"`        // default 600; 0: every request is cold
	Concurrency      int               `json:"concurrency"`             // default 1
	MaxInstances     int               `json:"maxInstances"`            // 0: no limit
	Queueing         string            `json:"queueing"`                // default spawn
	Tags             map[string]string `json:"tags,omitempty"`
}

// ServiceSpec is the body of a PUT: all functions of a service.
type ServiceSpec struct {
	Tags      map[string]string `json:"tags,omitempty"`
	Functions []FunctionSpec    `json:"functions"`
}

// Service is a deployed service as the control API tells it.
type Service struct {
	Service   string            `json:"service"`
	Tags      map[string]string `json:"tags"`
	Functions []Function        `json:"functions"`
}

// Function is a deployed function as the control API tells it.
type Function struct {
	Name           string            `json:"name"`
	Path           string            `json:"path"`
	Method         string            `json:"method"`
	URL            string            `json:"url"`
	PackageType    string            `json:"packageType"`
	Image          string            `json:"image,omitempty"`
	ImageBytes     int64             `json:"imageBytes,omitempty"` // as the Engine counts: layers unpacked
	Runtime        string            `json:"runtime"`
	Handler        string            `json:"handler"`
	MemoryMB       int               `json:"memoryMB"`
	TimeoutSeconds int               `json:"timeoutSeconds"`
	PackageBytes   int64             `json:"packageBytes"` // of a ZIP package
	PackageSHA256  string            `json:"packageSHA256"`
	RuntimeVersion string            `json:"runtimeVersion"` // what the interpreter said; empty for a bootstrap in the package
	LimitsEnforced bool              `json:"limitsEnforced"`
	Instances      int               `json:"instances"` // processes that stand now
	Tags           map[string]string `json:"tags"`
}

// Status is the platform as /v1/status tells it.
type Status struct {
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"startedAt"`
	Gateway   string    `json:"gateway"`
	Dir       string    `json:"dir"`
	Services  int       `json:"services"`
	Instances int       `json:"instances"`
	Limits    Limits    `json:"limits"`
}

// Limits says which limits are enforced, and why not where they are not.
type Limits struct {
	Memory bool   `json:"memory"`
	CPU    bool   `json:"cpu"`
	Why    string `json:"why,omitempty"`
}

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
	nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)
	pathForm = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)
	envForm  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	methods  = []string{"ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
)

// normalise fills in defaults and checks a whole service; it reports every fault at once.
func (s *ServiceSpec) normalise(service string) error {
	var faults []error
	if !nameForm.MatchString(service) {
		faults = append(faults, fmt.Errorf("service name %q: letters, digits, - and _, at most 128", service))
	}
	if len(s.Functions) == 0 {
		faults = append(faults, errors.New("functions: a service has at least one"))
	}
	names, routes := map[string]bool{}, map[string]string{}
	for i := range s.Functions {
		f := &s.Functions[i]
		for _, err := range f.normalise() {
			faults = append(faults, fmt.Errorf("functions[%d] %q: %w", i, f.Name, err))
		}
		if names[f.Name] {
			faults = append(faults, fmt.Errorf("functions[%d]: a second function is called %q", i, f.Name))
		}
		names[f.Name] = true
		route := f.Method + " " + f.Path
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

func (f *FunctionSpec) normalise() (faults []error) {
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	f.Path = cmp.Or(f.Path, "/"+f.Name)
	f.Method = strings.ToUpper(cmp.Or(f.Method, "ANY"))
	f.MemoryMB = cmp.Or(f.MemoryMB, 128)
	f.TimeoutSeconds = cmp.Or(f.TimeoutSeconds, 60)
	f.Concurrency = cmp.Or(f.Concurrency, 1)
	f.Queueing = cmp.Or(f.Queueing, QueueingSpawn)
	if f.KeepAliveSeconds == nil {
		f.KeepAliveSeconds = new(600.0)
	}
	if !nameForm.MatchString(f.Name) {
		bad("name: letters, digits, - and _, at most 128")
	}
	if !pathForm.MatchString(f.Path) {
		bad("path %q: it starts with / and holds letters, digits and ._~/- (path parameters are not supported)", f.Path)
	}
	if !slices.Contains(methods, f.Method) {
		bad("method %q: one of %s", f.Method, strings.Join(methods, ", "))
	}
	f.PackageType = cmp.Or(f.PackageType, packageZip)
	f.normalisePackage(bad)
	if a := cmp.Or(f.Architecture, architecture); a != architecture && !(a == "x86_64" && architecture == "amd64") {
		bad("architecture %q does not run on this machine (%s)", a, architecture)
	}
	between := func(what string, v, low, high int) {
		if v < low || v > high {
			bad("%s %d: from %d to %d", what, v, low, high)
		}
	}
	between("memoryMB", f.MemoryMB, 32, 131072)
	between("timeoutSeconds", f.TimeoutSeconds, 1, 3600)
	between("concurrency", f.Concurrency, 1, 1000)
	between("maxInstances", f.MaxInstances, 0, 100_000)
	if k := *f.KeepAliveSeconds; k < 0 || k > 86400 || k != k {
		bad("keepAliveSeconds %v: from 0 to 86400", k)
	}
	if !slices.Contains([]string{QueueingSpawn, QueueingQueue, QueueingShared}, f.Queueing) {
		bad("queueing %q: one of spawn, queue, shared", f.Queueing)
	}
	return append(faults, f.checkEnvironment()...)
}

// Package types.
const (
	packageZip   = "Zip"
	packageImage = "Image"
)

// imageForm is a reference to an image, roughly: the Engine knows better.
var imageForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$`)

func (f *FunctionSpec) normalisePackage(bad func(format string, args ...any)) {
	switch f.PackageType {
	case packageZip:
		if !filepath.IsAbs(f.Artifact) {
			bad("artifact %q: not an absolute path", f.Artifact)
		}
		if f.Image != "" || f.ColdPull || f.ImageContract == ContractHTTP {
			bad("image, coldPull and imageContract belong to package type Image")
		}
		f.ImageContract = ""
	case packageImage:
		f.ImageContract = cmp.Or(f.ImageContract, ContractRuntimeAPI)
		if f.ImageContract != ContractRuntimeAPI && f.ImageContract != ContractHTTP {
			bad("imageContract %q: one of %s, %s", f.ImageContract, ContractRuntimeAPI, ContractHTTP)
		}
		if !imageForm.MatchString(f.Image) {
			bad("image %q: want a reference such as registry.example.org/name@sha256:…", f.Image)
		}
		if f.Artifact != "" {
			bad("artifact belongs to package type Zip")
		}
	default:
		bad("package type %q: one of %s, %s", f.PackageType, packageZip, packageImage)
	}
}

func (f *FunctionSpec) checkEnvironment() (faults []error) {
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
	return slices.Contains([]string{"_HANDLER", "LAMBDA_TASK_ROOT", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "TMPDIR"}, key)
}
