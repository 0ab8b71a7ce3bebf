package experiment

// kind is the shape of a key's value.
type kind int

const (
	boolean kind = iota
	integer
	number
	text
	list      // of rule.elem
	object    // with rule.fields
	limits    // metric name to upper bound
	commands  // the micro-tests, kept as they stand
	texts     // name to text; check is for the names, elem for the values
	bodies    // bodies of requests, kept as they stand
	oneBody   // one of them
	statuses  // an integer, or a list of those
	answers   // what an answer's body has to be, kept as it stands
	sweep     // key to array of values
	lineItems // the sub-experiments
)

// rule is what a value may be. One table of keys with their rules drives decoding, defaults, ranges, the JSON schema
// and the suggestions for misspelt words.
type rule struct {
	kind     kind
	min, max any               // bounds, numbers; nil: none
	above    bool              // min itself is not allowed
	enum     []string          // the words allowed
	synonyms map[string]string // words accepted beside them
	want     string            // words for a text that has a form of its own
	pattern  string            // for the schema, where check is a pattern
	check    func(string) (value, note string, err error)
	runtime  bool // a runtime's id: it may be replaced by another one
	blank    bool // an empty text is allowed and means the same as no key
	elem     *rule
	fields   []key
}

// key is one key of the file.
type key struct {
	name string
	doc  string
	rule
	def       any      // constant default; nil: none, or computed
	computed  string   // how the default comes about, for the schema
	types     []string // the sub-experiment types it belongs to; nil: all
	forced    bool     // it belongs to types with bursts, too, where ColdStart is force
	published bool     // used by published files: see isOld
	required  bool
	unswept   bool // may not stand in a Sweep
}

func names(keys []key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.name
	}
	return all
}

func lookup(keys []key, name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
	}
	return nil
}

// Bounds that keep arithmetic on durations and counts far from overflow; nothing sensible lies beyond them.
const (
	maxSeconds = 366 * 24 * 3600
	maxBursts  = 100_000_000
	maxPayload = 1 << 30 // the measurement function's own limit
)

func seconds(least any) rule { return rule{kind: number, min: least, max: maxSeconds} }

func atLeast(least, most any) rule { return rule{kind: integer, min: least, max: most} }

func words(enum ...string) rule { return rule{kind: text, enum: enum} }

func packageType() rule {
	return rule{kind: text, enum: []string{"Zip", "Image"}, synonyms: map[string]string{"Container": "Image",
		"Docker": "Image"}}
}

// topKeys is the table of the file's own keys; known are the providers that it may name.
func topKeys(known []Provider) []key {
	blank := rule{kind: text, blank: true}
	first := []key{
		{name: "$schema", rule: blank, doc: "Address of the schema, for editors; `stellar schema` prints it."},
		{name: "Sequential", rule: rule{kind: boolean}, def: false, published: true,
			doc: "Run the sub-experiments one after the other, else side by side; Order says more."},
	}
	return append(append(first, orderKeys()...), []key{
		{name: "Provider", rule: providerRule(known), def: "aws", published: true,
			computed: "`aws` in files of the published form, which have no newer key; else it is required",
			doc:      providerWords(known) + " that is probed as it is."},
		{name: "Runtime", rule: runtimeRule(), def: DefaultRuntime, published: true,
			doc: "Runtime of sub-experiments that name none."},
		{name: "Region", rule: blank, computed: "the provider's own", doc: "Region to deploy to."},
		{name: "Registry", rule: rule{kind: text, blank: true, check: checkRegistry},
			computed: "STELLAR_REGISTRY, else the provider's own; the Engine's store for local",
			doc:      "Registry that images are pushed to and deployed from by digest: host[:port][/path]."},
		{name: "Storage", rule: rule{kind: object, fields: []key{
			{name: "Endpoint", rule: rule{kind: text, blank: true, check: checkEndpoint},
				doc: "Address of the object store."},
			{name: "Bucket", rule: blank, doc: "Bucket that payloads go through."},
			{name: "Region", rule: blank, doc: "Region of the bucket."},
		}}, computed: "the embedded store (local), else the provider's own", doc: "Object store of storage transfers."},
		{name: "Seed", rule: rule{kind: integer}, computed: "drawn, and written into the run's record",
			doc: "Every random draw of the run follows from it: same seed, same schedule."},
		{name: "SubExperiments", rule: rule{kind: lineItems}, required: true, published: true,
			doc: "What is measured, one or more."},
	}...)
}

// subKeys is the table of a sub-experiment's keys, in the order in which they are written.
func subKeys() []key {
	ks := functionKeys()
	ks = append(ks, entryKeys()...)
	ks = append(ks, loadKeys()...)
	ks = append(ks, requestKeys()...)
	ks = append(ks, ownRequestKeys()...)
	ks = append(ks, typeKeys()...)
	return append(ks, sweepKey())
}

// sweepKey is the key that expands a sub-experiment.
func sweepKey() key {
	return key{name: "Sweep", rule: rule{kind: sweep}, unswept: true,
		doc: "Keys with arrays of values: the sub-experiment is expanded into the cartesian product, the last key " +
			"varying fastest."}
}

// functionKeys are about what is deployed.
func functionKeys() []key {
	return []key{
		{name: "Title", rule: rule{kind: text, check: checkTitle}, computed: "<function>-<index>", published: true,
			unswept: true,
			doc:     "Names the output folder."},
		{name: "Type", rule: words(typeNames(func(subType) bool { return true })...),
			computed: "burst; data-transfer where DataTransferChainLength is over 1",
			doc:      "What kind of experiment it is."},
		{name: "Function", rule: rule{kind: text}, computed: "hellopy in files of the published form, else measure",
			published: true,
			doc: "Function to measure: a folder under raw-code, a path to your own function, or on aws a function " +
				"that exists: its ARN, or stack:NAME/LOGICAL-ID of a CloudFormation stack."},
		{name: "Handler", rule: rule{kind: text, blank: true}, computed: "the runtime's own", published: true,
			doc: "Entry point, e.g. main.lambda_handler."},
		{name: "Runtime", rule: runtimeRule(), computed: "the file's Runtime",
			doc: "Runtime of the function. Retired ids become their successor, with a note."},
		{name: "PackageType", rule: packageType(), def: "Zip", published: true,
			doc: "How the function is packaged; Container and Docker mean Image."},
		{name: "PackagePattern", rule: rule{kind: text}, def: "**", published: true,
			doc: "Which files go into the package. " +
				"Files in which credentials are kept (.npmrc, .yarnrc*, pip.conf, .pypirc, .netrc and the like) " +
				"never do."},
		{name: "FunctionImageSizeMB", rule: rule{kind: number, min: 0, max: 1 << 20}, def: 0.0, published: true,
			doc: "Size of the deployed package in MiB, fractions allowed; 0: as built."},
		{name: "FunctionMemoryMB", rule: atLeast(1, 1<<20), def: 128, published: true,
			doc: "Memory of the function in MiB."},
		{name: "FunctionTimeoutSeconds", rule: atLeast(1, maxSeconds), def: 60,
			doc: "Time that the function may take, in seconds."},
		{name: "Architecture", rule: words("amd64", "arm64"), def: "amd64",
			doc: "Processor architecture; for provider local this machine's own."},
		{name: "FillerPlacement", rule: words("front", "back", "spread"), def: "back",
			doc: "Where in the package the filler lies."},
		{name: "FillerRead", rule: rule{kind: boolean}, def: false, doc: "Whether the function reads the filler at " +
			"init."},
		{name: "BaseImage", rule: rule{kind: text, blank: true}, computed: "the language's own",
			doc: "Base of images."},
		{name: "ColdPull", rule: rule{kind: boolean}, def: false,
			doc: "Images: the local platform drops its copy before each cold start."},
		{name: "ColdStart", rule: words(ColdIdle, ColdForce), def: ColdIdle,
			doc: "idle: instances die of the IAT; force: before each burst after warm-up every endpoint is made " +
				"cold, by an update of the function."},
		{name: "Reuse", rule: rule{kind: boolean}, def: false,
			doc: "Take over fitting functions that already stand instead of deploying new ones."},
		{name: "Public", rule: rule{kind: boolean}, def: false, doc: "Deploy without the run's token check."},
		{name: "SnapStartEnabled", rule: rule{kind: boolean}, def: false, published: true, doc: "AWS SnapStart."},
		{name: "CPUBoostEnabled", rule: rule{kind: boolean}, def: false, doc: "Cloud Run start-up CPU boost."},
		{name: "Platform", rule: rule{kind: object, fields: platformKeys()},
			doc: "Settings of platforms that have them; the local one has all."},
		{name: "ProviderReport", rule: rule{kind: boolean},
			computed: "true for perf-cost, with Optimize and for Entry sdk-async, else false",
			doc:      "Whether each row gets what the platform itself reports of its request."},
		{name: "TraceContext", rule: rule{kind: boolean}, def: false,
			doc: "Whether each request carries a trace of its own (header field traceparent)."},
	}
}

// PlatformKeys names the keys of Platform.
func PlatformKeys() []string { return names(platformKeys()) }

// platformKeys are the keys of Platform.
func platformKeys() []key {
	return []key{
		{name: "KeepAliveSeconds", rule: seconds(0), def: 600.0, doc: "An idle instance lives this long, in seconds."},
		{name: "KeepAliveDistribution", rule: words(KeepAliveFixed, KeepAliveExponential),
			def: KeepAliveFixed,
			doc: "fixed: every idle period lasts KeepAliveSeconds; exponential: it is drawn anew from the run's " +
				"seed, with KeepAliveSeconds as its mean."},
		{name: "Concurrency", rule: atLeast(1, 100_000), def: 1, doc: "Requests that one instance serves at once."},
		{name: "MaxInstances", rule: atLeast(0, 1_000_000), def: 0, doc: "Instances at most; 0: no limit."},
		{name: "ImageContract", rule: words("runtime-api", "http"), computed: defaultImageContract,
			doc: "How an image is talked to: runtime-api as on AWS Lambda, http for a server on $PORT as on Cloud " +
				"Run and Knative."},
		{name: "Queueing", rule: words("spawn", "queue", "shared"), def: "spawn",
			doc: "What a request does that finds no idle instance: spawn starts one (as AWS), queue waits for one " +
				"(as Azure), " +
				"shared joins a busy one (as Cloud Run)."},
	}
}

// loadKeys are about what the functions get to do.
func loadKeys() []key {
	return []key{
		{name: "Parallelism", rule: atLeast(1, 100_000), def: 1, published: true,
			doc: "Identical functions deployed, so that cold samples come faster."},
		{name: "Bursts", rule: atLeast(1, maxBursts), published: true,
			computed: "none: required for burst and data-transfer, unless RatePerSecond or a trace sets a sustained " +
				"load",
			doc: "Bursts in all, over all endpoints."},
		{name: "BurstSizes", rule: listOf(atLeast(1, 1_000_000)), def: []int{1}, published: true,
			doc: "Requests of a burst; cycles, one element a round."},
		{name: "IATSeconds", rule: seconds(0), def: 0.0, published: true,
			doc: "Pause between two bursts to the same endpoint, in seconds."},
		{name: "IATType", rule: words("stochastic", "deterministic", "step"), def: "stochastic",
			doc: "stochastic: IATSeconds plus an exponential part; deterministic: IATSeconds exactly; " +
				"step: grows by IATStepSeconds a round, up to IATSeconds."},
		{name: "IATJitterSeconds", rule: seconds(0), computed: "5 % of IATSeconds",
			doc: "Mean of the exponential part of stochastic, in seconds."},
		{name: "IATStepSeconds", rule: rule{kind: number, min: 0, above: true, max: maxSeconds}, def: 1.0,
			doc: "Step of the IAT type step, in seconds."},
		{name: "Schedule", rule: words("closed", "open"), computed: "closed; open for a sustained load",
			doc: "closed: the IAT starts when the burst's last response is in; open: bursts leave at planned " +
				"instants."},
		{name: "DesiredServiceTimes", rule: listOf(rule{kind: text, want: `a Go duration >= 0 such as "100ms"`,
			check: checkDuration}),
			def: []string{"0ms"}, published: true, doc: "Service times as Go durations; cycles, one element a round."},
		{name: "BusySpinIncrements", rule: listOf(rule{kind: integer, min: 0}), published: true,
			computed: "calibrated", doc: "Iterations of the spin loop instead of calibrated ones; cycles, one " +
				"element a round."},
		{name: "PayloadLengthBytes", rule: atLeast(0, maxPayload), def: int64(0), published: true,
			doc: "Payload that each hop passes on, in bytes."},
		{name: "DataTransferChainLength", rule: atLeast(1, 1000), def: 1, published: true,
			doc: "Functions in the chain."},
		{name: "StorageTransfer", rule: rule{kind: boolean}, def: false, published: true,
			doc: "Pass the payload through object storage rather than inline."},
	}
}

// requestKeys are about how requests are sent and judged.
func requestKeys() []key {
	return []key{
		{name: "Connections", rule: words("new", "reuse", "shared"),
			computed: "new for eviction and perf-cost and where requests to an endpoint lie over 55 s apart, else " +
				"reuse for http1 and shared for h2, h2c and grpc",
			doc: "new: every request opens its own connection; reuse: one warmed connection per burst slot; " +
				"shared (h2, h2c and grpc): warmed connections that carry up to 200 requests each."},
		{name: "MaxConnections", rule: atLeast(1, 1_000_000), computed: "1000 for a sustained load",
			doc: "Sustained load: so many connections are open at once at most; a request that finds none free waits " +
				"and is late."},
		{name: "Protocol", rule: words("http1", "h2", "h2c", "grpc"), computed: defaultProtocol,
			doc: "Protocol of the requests."},
		{name: "RatePerSecond", rule: rule{kind: number, min: 0, above: true, max: 10_000_000},
			doc: "Sustained open-loop load instead of bursts: requests a second, over all endpoints in turn."},
		{name: "DurationSeconds", rule: rule{kind: number, min: 0, above: true, max: maxSeconds},
			doc: "How long the sustained load lasts, in seconds; cuts a trace short."},
		{name: "Arrivals", rule: rule{kind: text, want: "constant, poisson, or the path of a trace file",
			check: checkArrivals},
			computed: "constant for a sustained load",
			doc: "Arrivals of the sustained load: constant, poisson, or the path of a trace file, relative to the " +
				"experiment file, " +
				"with #function behind it where it has several."},
		{name: "TraceSpacing", rule: words("random", "even"), computed: "random for a trace",
			doc: "Where a trace's requests lie within their second or minute: uniformly at random, or evenly spaced."},
		{name: "Cmds", rule: rule{kind: commands}, doc: "Micro-tests that each request asks for, with " +
			"their arguments, in the order in which they run; see docs/experiments/micro-tests.md."},
		{name: "Thresholds", rule: rule{kind: limits, enum: Metrics()},
			doc: "Upper bounds by metric; a missed one ends the run with exit code 5."},
		{name: "Optimize", rule: words(OptimizeCost, OptimizeSpeed, OptimizeBalanced),
			doc: "Recommend a memory size of a sweep over FunctionMemoryMB: the cheapest, the fastest, or a balance."},
		{name: "BalancedWeight", rule: rule{kind: number, min: 0, max: 1}, computed: "0.5 for Optimize balanced",
			doc: "Optimize balanced: weight of the cost; that of the time is the rest."},
		{name: "WarmupBursts", rule: atLeast(0, maxBursts), def: 0, doc: "First rounds that are left out of the " +
			"statistics."},
		{name: "TimeoutSeconds", rule: rule{kind: number, min: 0, above: true, max: maxSeconds},
			computed: "900; 180 for grpc; 30 for a hostname or URL",
			doc:      "Time that a request may take, in seconds."},
		{name: "MaxErrorRatio", rule: rule{kind: number, min: 0, max: 1}, def: 0.1,
			doc: "Share of failed requests above which the sub-experiment stops, once 10 are in."},
		{name: "Visualization", rule: rule{kind: text, enum: []string{"all", "bar", "cdf", "histogram", "none"},
			pattern: barPattern,
			want:    "all, bar, bar-<ms>, cdf, histogram or none", check: checkVisualization}, def: "cdf",
			published: true,
			doc: "Plots to draw; bar-<ms> colours the bars above that latency; all is cdf and bar. histogram: one of " +
				"each burst, 48 on a sheet."},
	}
}

func listOf(r rule) rule { return rule{kind: list, elem: &r} }
