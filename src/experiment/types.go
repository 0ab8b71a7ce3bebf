// Package experiment reads an experiment file: strict decoding with positions, defaults, sweeps, validation. It is the
// only package that knows the file's JSON keys.
package experiment

import "encoding/json"

// RawObject is a JSON object kept as it is in the file.
type RawObject = json.RawMessage

// Experiment is a validated file with every default filled in and every sweep expanded. Marshalled, it is an
// experiment file again that loads to the same plan.
type Experiment struct {
	Schema     string `json:"$schema,omitempty"`
	Sequential bool   `json:"Sequential"` // as Order says
	// sequential, parallel or interleaved; never empty after Load
	Order    string `json:"Order"`
	Repeat   int    `json:"Repeat"`          // how often the plan is sent; 0 as 1
	Until    *Until `json:"Until,omitempty"` // nil: Repeat times, no more
	Provider string `json:"Provider"`
	// empty: not given, and the probed functions are deployed already
	Runtime string `json:"Runtime,omitempty"`
	Region  string `json:"Region,omitempty"`
	// host[:port][/path] that images are pushed to; empty: the provider's own, the Engine's store for local
	Registry       string          `json:"Registry,omitempty"`
	Storage        *Storage        `json:"Storage,omitempty"`
	Seed           *int64          `json:"Seed,omitempty"` // drawn by Load where the file has none: never nil after it
	SubExperiments []SubExperiment `json:"SubExperiments"`
}

// Storage names the object store of storage transfers.
type Storage struct {
	Endpoint string `json:"Endpoint,omitempty"`
	Bucket   string `json:"Bucket,omitempty"`
	Region   string `json:"Region,omitempty"`
}

// Values of Platform.KeepAliveDistribution.
const (
	KeepAliveFixed       = "fixed"
	KeepAliveExponential = "exponential"
)

// Platform is what a sub-experiment asks of platforms that have such settings (the local one has all of them).
type Platform struct {
	KeepAliveSeconds float64 `json:"KeepAliveSeconds"` // an idle instance lives this long; default 600
	// fixed: every idle period lasts KeepAliveSeconds; exponential: drawn anew for each, with that mean
	KeepAliveDistribution string `json:"KeepAliveDistribution"`
	Concurrency           int    `json:"Concurrency"`  // requests that one instance serves at once; default 1
	MaxInstances          int    `json:"MaxInstances"` // 0: no limit
	Queueing              string `json:"Queueing"`     // spawn (AWS), queue (Azure) or shared (Cloud Run)
	// how an image is talked to: runtime-api (AWS) or http (a server on $PORT: Cloud Run, Knative)
	ImageContract string `json:"ImageContract"`
}

// SubExperiment is one line of an experiment: functions of one kind and the bursts they get.
type SubExperiment struct {
	Title    string `json:"Title"`
	Type     string `json:"Type"`
	Function string `json:"Function"`
	Handler  string `json:"Handler,omitempty"` // empty: the runtime's own
	// empty, like Function: not given, and the probed functions are deployed already
	Runtime                string   `json:"Runtime"`
	PackageType            string   `json:"PackageType"` // Zip or Image, synonyms resolved; of a URL likewise
	PackagePattern         string   `json:"PackagePattern"`
	FunctionImageSizeMB    float64  `json:"FunctionImageSizeMB"` // MiB; 0: as built
	FunctionMemoryMB       int      `json:"FunctionMemoryMB"`    // of a URL likewise 0
	FunctionTimeoutSeconds int      `json:"FunctionTimeoutSeconds"`
	Architecture           string   `json:"Architecture"`
	FillerPlacement        string   `json:"FillerPlacement"`
	FillerRead             bool     `json:"FillerRead"`
	BaseImage              string   `json:"BaseImage,omitempty"`
	ColdPull               bool     `json:"ColdPull"`
	Reuse                  bool     `json:"Reuse"`
	Public                 bool     `json:"Public"`
	SnapStartEnabled       bool     `json:"SnapStartEnabled"`
	CPUBoostEnabled        bool     `json:"CPUBoostEnabled"`
	Platform               Platform `json:"Platform"`
	ProviderReport         bool     `json:"ProviderReport"`
	TraceContext           bool     `json:"TraceContext,omitempty"`
	Entry                  string   `json:"Entry"`
	EntryAuth              string   `json:"EntryAuth"`
	InvokeMode             string   `json:"InvokeMode"`
	StreamBytes            int64    `json:"StreamBytes"`
	StreamChunkBytes       int64    `json:"StreamChunkBytes"`
	StreamPauseSeconds     float64  `json:"StreamPauseSeconds"`
	Parallelism            int      `json:"Parallelism"`
	Bursts                 int      `json:"Bursts"`
	BurstSizes             []int    `json:"BurstSizes"`
	IATSeconds             float64  `json:"IATSeconds"`
	IATType                string   `json:"IATType"`
	IATJitterSeconds       float64  `json:"IATJitterSeconds"`
	IATStepSeconds         float64  `json:"IATStepSeconds"`
	Schedule               string   `json:"Schedule"`
	ColdStart              string   `json:"ColdStart"` // idle or force
	DesiredServiceTimes    []string `json:"DesiredServiceTimes"`
	// overrides calibration, cycles like the service times
	BusySpinIncrements      []int64 `json:"BusySpinIncrements,omitempty"`
	PayloadLengthBytes      int64   `json:"PayloadLengthBytes"`
	DataTransferChainLength int     `json:"DataTransferChainLength"`
	StorageTransfer         bool    `json:"StorageTransfer"`
	Connections             string  `json:"Connections"`
	// open at once in a sustained load; 0 for bursts
	MaxConnections  int     `json:"MaxConnections,omitempty"`
	Protocol        string  `json:"Protocol"`
	RatePerSecond   float64 `json:"RatePerSecond,omitempty"`
	DurationSeconds float64 `json:"DurationSeconds,omitempty"`
	// constant, poisson, or path or path#function of a trace: absolute after Load
	Arrivals       string    `json:"Arrivals,omitempty"`
	TraceSpacing   string    `json:"TraceSpacing,omitempty"` // random or even; empty without a trace
	Cmds           RawObject `json:"Cmds,omitempty"`
	Thresholds     Limits    `json:"Thresholds,omitempty"`
	Optimize       string    `json:"Optimize,omitempty"` // cost, speed or balanced; empty: nothing is recommended
	BalancedWeight float64   `json:"BalancedWeight,omitempty"`
	WarmupBursts   int       `json:"WarmupBursts"`
	TimeoutSeconds float64   `json:"TimeoutSeconds"`
	MaxErrorRatio  float64   `json:"MaxErrorRatio"`
	Visualization  string    `json:"Visualization"`
	// of requests of the user's own: what ${env:NAME} stands for is never in here
	Method       string            `json:"Method,omitempty"`       // empty: see RequestMethod
	Path         string            `json:"Path,omitempty"`         // behind the endpoint's own
	Headers      map[string]string `json:"Headers,omitempty"`      //
	Body         RawObject         `json:"Body,omitempty"`         // see Bodies; paths of files are absolute after Load
	Environment  map[string]string `json:"Environment,omitempty"`  // of the deployed function
	ExpectStatus []int             `json:"ExpectStatus,omitempty"` // see Expectation
	ExpectBody   RawObject         `json:"ExpectBody,omitempty"`
	TypeKeys

	traced traced // what Load found in the trace
}

// Limits are upper bounds by metric name, e.g. {"p99_ms": 300, "errors": 0}.
type Limits map[string]float64
