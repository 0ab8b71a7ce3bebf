// Package run represents one run: its directory, its record, and the journal of what must be undone.
package run

import (
	"errors"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
)

// Logger is how packages write to the log; the caller decides where lines go.
type Logger interface {
	Debugf(format string, args ...any)
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
}

// Run carries one run through the stages. A stage reads what earlier stages have filled in and adds its own results.
type Run struct {
	ID         string                 // <UTC yyyymmddThhmmssZ>-<provider>-<4 letters>
	Dir        string                 // results, absolute: <out>/<ID>
	ServiceDir string                 // <Dir>/serverless: serverless.yml, plugin, packages
	WorkDir    string                 // scratch of this run, removed at its end
	CacheDir   string                 // builds, shared between runs
	Experiment *experiment.Experiment // effective: defaults filled in, sweeps expanded
	BaseDir    string                 // folder of the experiment file: relative function paths start here
	Service    string                 // name of the service, unique to this run, valid on every provider
	Tags       map[string]string      // stellar-run, stellar-expires: on every resource
	Token      string                 // secret of this run, 64 hex digits; only its SHA-256 leaves the process
	Functions  []*Function            // one per sub-experiment, replica and hop of a chain, in that order
	Results    []Result               // one per sub-experiment, set by the probing stage
	Record     *Record                // what is written to run.json
	Journal    *Journal
	Log        Logger

	index     Index
	indexed   Indexed // the run's entry in it; empty: it has none
	unwritten bool    // the record as it is now could not be written
}

// Unplaced are the functions without an endpoint: functions of an earlier run are used instead.
func (r *Run) Unplaced() []*Function {
	var out []*Function
	for _, f := range r.Functions {
		if f.Endpoint == nil {
			out = append(out, f)
		}
	}
	return out
}

// Making is the run as the stages see it that make and deploy functions: without those that exist already.
func (r *Run) Making() *Run {
	exists := func(f *Function) bool { return f.Existing != "" }
	if !slices.ContainsFunc(r.Functions, exists) {
		return r
	}
	making := *r
	making.Functions = slices.DeleteFunc(slices.Clone(r.Functions), exists)
	return &making
}

// Result says how a sub-experiment ended.
type Result struct {
	Sub    int
	Dir    string // its folder, absolute
	Rows   int    // rows written, failed requests among them
	Failed int    // failed requests
	Unsent int    // requests of a sustained load that were due and never sent
	// IdleClose is the shortest time without use after which the server closed a connection; 0: it closed none.
	IdleClose time.Duration
	Stopped   error  // why it ended early, nil where it did not
	Cut       string // likewise, where that was asked for and is no failure; empty: it was not
	Note      string // what may have influenced it, for the run's notes; empty: nothing is known
}

// ErrUnfinished is why a sub-experiment ended early whose run died.
var ErrUnfinished = errors.New("its run ended before it was complete")

// Function is one function to deploy, or one that exists.
type Function struct {
	Name           string // f<sub>-<replica>, of a chain f<sub>-<replica>-<hop>: unique in the service
	Sub            int    // index of its sub-experiment
	Existing       string // names a function that others have deployed, as the experiment does; empty: stellar makes it
	Replica        int
	Hop            int     // place in its chain, from 0; 0 where there is none
	Language       string  // go, python, …: which builder
	Runtime        string  // as the experiment says, e.g. go, python3.13
	Handler        string  // entry point, e.g. main.lambda_handler, bootstrap
	Generated      bool    // the measurement function, rather than one of the user's
	Architecture   string  // amd64, arm64
	PackageType    string  // Zip, Image
	Pattern        string  // which files of the build go into the package, e.g. **
	ImageSizeMB    float64 // size of its package in MiB; 0: as built
	MemoryMB       int
	TimeoutSeconds int
	Platform       experiment.Platform
	ColdPull       bool // images on the local platform: each cold start pulls the image anew
	SnapStart      bool
	CPUBoost       bool
	Entry          string            // how it is called: experiment.EntryHTTP, …
	EntryAuth      string            // of experiment.EntryURL
	InvokeMode     string            // likewise
	Method         string            // of its requests, in capitals
	PathsBelow     bool              // requests go to paths below the function's own
	Env            map[string]string // what the function finds in its environment
	Source         *Source           // set by generate; shared by functions with the same code
	Package        *Package          // set by generate (identity, path) and pack (size, hash); shared likewise
	Endpoint       *Endpoint         // set by deploy
}

// LanguageDocker is the language of a function whose image is made by the user's own Dockerfile: no builder touches it.
const LanguageDocker = "docker"

// LanguageWorkers is the language of functions for Cloudflare's Workers: JavaScript modules. Other forms of JavaScript
// do not run there.
const LanguageWorkers = "workers"

// PackageModules is the type of a package that is a folder of modules, which are uploaded one by one.
const PackageModules = "Modules"

// PackageSource is the type of a package that is a folder of sources, from which the provider builds.
const PackageSource = "Source"

// Source is one distinct piece of function code for one runtime and architecture.
type Source struct {
	Key      string // distinct per (function, runtime's language, architecture), safe as a file name
	Dir      string // rendered source, absolute
	Language string
	Runtime  string
	Handler  string
	// entry point by which the local platform can run it; empty: it cannot, the code is in another provider's form
	LocalHandler string
	Architecture string
	Generated    bool // the measurement function, rendered from raw-code/; false: the user's own folder
	// absolute; the folder's own Dockerfile, for images: the folder is its context and no builder touches it
	Dockerfile string
	Unbuilt    bool // the provider builds: the sources are only checked here, and shipped as they are
	ForImage   bool // some package of it is an image made by a generated Dockerfile
	// absolute; a folder of files that lie beside what is built, whatever PackagePattern says; empty: none
	Beside    string
	Build     string      // set by build: names its result by all that decides it, code and toolchain
	BuildDir  string      // set by build: the files to package, absolute; read only, it lies in the cache
	Toolchain string      // set by build: name and version
	FromCache bool        // set by build: an earlier run made it
	Installed []Installed // set by build: packages that came from elsewhere
	Reads     []string    // set by build: files and folders outside of Dir that it read, absolute
	// set by build where ForImage and the language needs it: the files of its Runtime API loop, for /opt/stellar
	LoopDir string
}

// Installed is one package that a build brought in: from a registry, a repository or a folder.
type Installed struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Package is one distinct deployable package.
type Package struct {
	Name   string // file name without ending, distinct per (source, package type, base, target size, placement)
	Type   string // Zip, Image, Modules, Source
	Source *Source
	// Zip, Modules, Source: absolute, under ServiceDir/packages; a folder where the package is one of modules or
	// sources
	Path        string
	BaseImage   string        // Image: what it is built from; empty: the language's own
	Contract    string        // Image: runtime-api, http
	TargetBytes bytesize.Size // 0: as built
	Placement   string        // front, back, spread
	ReadFiller  bool
	Seed        int64 // of the filler
	Pattern     string
	// set by pack; of an image the sum of its compressed layers, as a registry tells it; of sources the ZIP that is
	// made of them
	Bytes     bytesize.Size
	CodeBytes bytesize.Size // set by pack: size of the package without filler
	SHA256    string        // set by pack, hex; of an image the digest of its manifest once pushed, else its id
	// Image, set by pack: what to deploy: repository@sha256:… once pushed, else a tag of the Engine's
	Image string
}

// Endpoint is where a deployed function answers.
type Endpoint struct {
	// name of the function, or empty for one that stood already
	Function    string  `json:"function,omitempty"`
	URL         string  `json:"url"` // scheme, host, path and query
	Provider    string  `json:"provider"`
	MemoryMB    int     `json:"memoryMB,omitempty"`
	PackageType string  `json:"packageType,omitempty"`
	ImageSizeMB float64 `json:"imageSizeMB,omitempty"`
	Entry       string  `json:"entry,omitempty"`    // what URL is; empty: an HTTP address of the function
	Deployed    bool    `json:"deployed,omitempty"` // by stellar: it knows the run's token
	// secret: of the run that deployed it, where that is another one
	Token string `json:"-"`
	// what the platform says of it: packageBytes, runtimeVersion, limits…
	Detail map[string]string `json:"detail,omitempty"`
}
