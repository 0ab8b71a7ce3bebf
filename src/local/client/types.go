// Package client has the client of the local platform's control API, and the types that both sides share.
package client

import "time"

// Queueing modes: what a request does when no instance is free.
const (
	QueueingSpawn = "spawn" // AWS: another instance; at MaxInstances 429
	QueueingQueue = "queue" // Azure: at MaxInstances it waits, first come first served, up to the function's timeout
	// Cloud Run: fills an instance, even one that is starting, to Concurrency before another is started
	QueueingShared = "shared"
)

// Distributions of the keep-alive.
const (
	KeepAliveFixed       = "fixed"
	KeepAliveExponential = "exponential" // drawn anew for every idle period of an instance
)

// FunctionSpec is one function of a PUT.
type FunctionSpec struct {
	Name           string            `json:"name"`
	Path           string            `json:"path"`   // under /<service>; default /<name>
	Method         string            `json:"method"` // default ANY
	PackageType    string            `json:"packageType,omitempty"`
	Architecture   string            `json:"architecture,omitempty"`
	Runtime        string            `json:"runtime"`
	Handler        string            `json:"handler"`
	MemoryMB       int               `json:"memoryMB"`       // default 128
	TimeoutSeconds int               `json:"timeoutSeconds"` // default 60
	Environment    map[string]string `json:"environment,omitempty"`
	Artifact       string            `json:"artifact"` // absolute path of the ZIP
	// package type Image: reference in the Engine or a registry
	Image         string `json:"image,omitempty"`
	ImageContract string `json:"imageContract,omitempty"` // runtime-api (default) or http
	// each cold start drops the Engine's copy and pulls
	ColdPull         bool     `json:"coldPull,omitempty"`
	KeepAliveSeconds *float64 `json:"keepAliveSeconds"` // default 600; 0: every request is cold
	// fixed (default): every idle period lasts KeepAliveSeconds; exponential: that is its mean
	KeepAliveDistribution string            `json:"keepAliveDistribution,omitempty"`
	KeepAliveSeed         uint64            `json:"keepAliveSeed,omitempty"` // of the draws; below 2^53
	Concurrency           int               `json:"concurrency"`             // default 1
	MaxInstances          int               `json:"maxInstances"`            // 0: no limit
	Queueing              string            `json:"queueing"`                // default spawn
	Tags                  map[string]string `json:"tags,omitempty"`
	URL                   *FunctionURL      `json:"functionURL,omitempty"` // nil: it has none
}

// FunctionURL is the settings of a function's own address, as Lambda has them.
type FunctionURL struct {
	AuthType   string `json:"authType"`   // default NONE
	InvokeMode string `json:"invokeMode"` // default BUFFERED
}

// Values of FunctionURL.
const (
	AuthNone       = "NONE"
	AuthIAM        = "AWS_IAM" // requests are signed with the platform's keys
	InvokeBuffered = "BUFFERED"
	InvokeStreamed = "RESPONSE_STREAM" // the caller gets the response while the function makes it
)

// ServiceSpec is the body of a PUT: all functions of a service.
type ServiceSpec struct {
	Tags      map[string]string `json:"tags,omitempty"`
	Functions []FunctionSpec    `json:"functions"`
}

// Service is a deployed service in the control API.
type Service struct {
	Service   string            `json:"service"`
	Tags      map[string]string `json:"tags"`
	Functions []Function        `json:"functions"`
}

// Function is a deployed function in the control API.
type Function struct {
	Name           string `json:"name"`
	Path           string `json:"path"`
	Method         string `json:"method"`
	URL            string `json:"url"`
	FunctionURL    string `json:"functionURL,omitempty"`
	LambdaName     string `json:"lambdaName"` // in the Lambda API
	PackageType    string `json:"packageType"`
	Image          string `json:"image,omitempty"`
	ImageBytes     int64  `json:"imageBytes,omitempty"` // as the Engine counts: layers unpacked
	Runtime        string `json:"runtime"`
	Handler        string `json:"handler"`
	MemoryMB       int    `json:"memoryMB"`
	TimeoutSeconds int    `json:"timeoutSeconds"`
	PackageBytes   int64  `json:"packageBytes"` // of a ZIP package
	PackageSHA256  string `json:"packageSHA256"`
	// what the interpreter said; empty for a bootstrap in the package
	RuntimeVersion string            `json:"runtimeVersion"`
	LimitsEnforced bool              `json:"limitsEnforced"`
	Instances      int               `json:"instances"` // processes that stand now
	Tags           map[string]string `json:"tags"`
}

// Status is the platform's status, as in /v1/status.
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

// Limits says which limits are enforced, and why others are not.
type Limits struct {
	Memory bool   `json:"memory"`
	CPU    bool   `json:"cpu"`
	Why    string `json:"why,omitempty"`
}

// Contracts of images: how a function is asked.
const (
	ContractRuntimeAPI = "runtime-api" // it asks the Runtime API, as on AWS Lambda
	ContractHTTP       = "http"        // it is a server on $PORT, as on Cloud Run and Knative
)

// Package types.
const (
	PackageZip   = "Zip"
	PackageImage = "Image"
)
