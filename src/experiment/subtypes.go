package experiment

import "slices"

// Sub-experiment types.
const (
	TypeBurst    = "burst"
	TypeTransfer = "data-transfer"
	TypePingPong = "network-ping-pong"
	TypeOverhead = "invocation-overhead"
	TypeEviction = "eviction"
	TypePerfCost = "perf-cost"
)

// Values of ColdStart: how functions become cold.
const (
	ColdIdle  = "idle"  // their instances die of the IAT
	ColdForce = "force" // each endpoint is made cold before each burst
)

// Values of Exchange: how the network and clocks are measured.
const (
	ExchangeUDP  = "udp"  // datagrams that the function sends to this machine
	ExchangeHTTP = "http" // the instants of warm requests: this machine needs no address that functions reach
)

// MaxExchanges is the most datagrams of one invocation: the function's rows of more do not fit into its answer.
const MaxExchanges = 100_000

// subType is what the reading of a file needs to know of a type of sub-experiments. All else is in the type's study.
type subType struct {
	name     string
	bursts   bool                       // sends bursts, or a sustained load in their place
	defaults TypeKeys                   // of the keys that belong to the type
	requests func(s *SubExperiment) int // of a type without bursts: requests in all
	// likewise: the time in requests and in pauses, in seconds, where making functions cold and their cold start take
	// update; nil: none
	seconds func(s *SubExperiment, update float64) (busy, pause float64)
}

// subTypes are all types. A new one is a row here, its keys in typeKeys and their fields in TypeKeys.
func subTypes() []subType {
	return []subType{
		{name: TypeBurst, bursts: true, defaults: TypeKeys{MaxRetries: 10}},
		{name: TypeTransfer, bursts: true, defaults: TypeKeys{MaxRetries: 10, Fan: 1}},
		{
			name:     TypePingPong,
			defaults: TypeKeys{Invocations: 50, Repetitions: 1000, Threads: 1, FirstPort: 12000, Exchange: ExchangeUDP},
			requests: func(s *SubExperiment) int {
				if s.Exchange == ExchangeHTTP {
					return s.Invocations * s.Repetitions
				}
				return s.Invocations
			},
		},
		{
			name: TypeOverhead,
			defaults: TypeKeys{
				Repetitions: 5, FirstPort: 12000, Exchange: ExchangeUDP, MaxRetries: 10, N: 20,
				OverheadType:     OverheadCode,
				CodePackageBegin: 1048576, CodePackageEnd: 261619712, CodePackagePoints: 20,
				PayloadBegin: 1024, PayloadEnd: 6251000, PayloadPoints: 20,
			},
			requests: (*SubExperiment).overheadRequests,
			seconds: func(s *SubExperiment, update float64) (busy, pause float64) {
				return float64(s.overheadRequests()) * s.ServiceTime(0).Seconds(), float64(s.overheadCold()) * update
			},
		},
		{
			name: TypeEviction,
			defaults: TypeKeys{EvictionSeconds: []float64{1, 10, 30, 60, 120, 300, 600, 900, 1200}, Copies: 1,
				Repetitions: 10},
			requests: func(s *SubExperiment) int {
				return max(s.Parallelism, 1) * len(s.EvictionSeconds) * s.Copies * (1 + s.Repetitions) // at most
			},
			seconds: func(s *SubExperiment, _ float64) (busy, pause float64) { // at most
				longest := 0.0
				for _, t := range s.EvictionSeconds {
					longest = max(longest, t)
				}
				n := float64(s.Repetitions)
				return (1 + n) * s.ServiceTime(0).Seconds(), longest * n
			},
		},
		{
			name: TypePerfCost,
			defaults: TypeKeys{Repetitions: 50, MemorySizesMB: []int{128, 256}, Concurrency: 50,
				MaxRetries: 10},
			requests: func(s *SubExperiment) int {
				// cold, warm, burst, sequential; and those that make instances warm
				return s.perfCostFunctions() * (4*s.Repetitions + min(s.Concurrency, s.Repetitions) + 1)
			},
			seconds: (*SubExperiment).perfCostSeconds,
		},
	}
}

// perfCostFunctions is how many functions a sub-experiment of type perf-cost measures, one after the other.
func (s *SubExperiment) perfCostFunctions() int { return max(s.Parallelism, 1) * len(s.MemorySizesMB) }

// perfCostSeconds is the time of type perf-cost, retries not counted: of each function Repetitions cold and sequential
// invocations one by one, as many warm ones and ones in bursts Concurrency at once, and two bursts that make instances
// warm. Before each cold invocation and each burst the function is made cold, or idles for the IAT.
func (s *SubExperiment) perfCostSeconds(update float64) (busy, pause float64) {
	functions, size := float64(s.perfCostFunctions()), max(min(s.Concurrency, s.Repetitions), 1)
	bursts := (s.Repetitions + size - 1) / size
	each := update
	if s.ColdStart != ColdForce {
		each = s.IATSeconds
	}
	busy = functions * float64(2*s.Repetitions+2*bursts+2) * s.ServiceTime(0).Seconds()
	return busy, functions * float64(s.Repetitions+bursts) * each
}

// subTypeOf is the row of a type; a row without a name stands for one that no file can have.
func subTypeOf(name string) subType {
	for _, t := range subTypes() {
		if t.name == name {
			return t
		}
	}
	return subType{}
}

// typeNames lists the types that pass, in the order of the table.
func typeNames(passes func(subType) bool) []string {
	var out []string
	for _, t := range subTypes() {
		if passes(t) {
			out = append(out, t.name)
		}
	}
	return out
}

// belongs reports whether a key belongs to a sub-experiment.
func (k *key) belongs(s *SubExperiment) bool {
	return k.types == nil || slices.Contains(k.types, s.Type) ||
		k.forced && s.ColdStart == ColdForce && subTypeOf(s.Type).bursts
}

// TypeKeys holds the keys that belong to single types. A key is zero where it does not belong to the sub-experiment's.
type TypeKeys struct {
	Invocations       int       `json:"Invocations,omitempty"`
	Repetitions       int       `json:"Repetitions,omitempty"`
	Threads           int       `json:"Threads,omitempty"`
	FirstPort         int       `json:"FirstPort,omitempty"`
	Exchange          string    `json:"Exchange,omitempty"`
	AdvertiseAddress  string    `json:"AdvertiseAddress,omitempty"`
	OverheadType      string    `json:"OverheadType,omitempty"`
	CodePackageBegin  int64     `json:"CodePackageBegin,omitempty"`
	CodePackageEnd    int64     `json:"CodePackageEnd,omitempty"`
	CodePackagePoints int       `json:"CodePackagePoints,omitempty"`
	PayloadBegin      int64     `json:"PayloadBegin,omitempty"`
	PayloadEnd        int64     `json:"PayloadEnd,omitempty"`
	PayloadPoints     int       `json:"PayloadPoints,omitempty"`
	N                 int       `json:"N,omitempty"`
	MaxRetries        int       `json:"MaxRetries,omitempty"`
	EvictionSeconds   []float64 `json:"EvictionSeconds,omitempty"`
	Copies            int       `json:"Copies,omitempty"`
	MemorySizesMB     []int     `json:"MemorySizesMB,omitempty"`
	Concurrency       int       `json:"Concurrency,omitempty"`
	ChainRuntimes     []string  `json:"ChainRuntimes,omitempty"`
	Fan               int       `json:"Fan,omitempty"`
}

// typeKeys are the keys that belong to single types; their defaults are in subTypes.
func typeKeys() []key {
	pingPong, overhead := []string{TypePingPong}, []string{TypeOverhead}
	both := []string{TypePingPong, TypeOverhead}
	eviction, perfCost := []string{TypeEviction}, []string{TypePerfCost}
	bytes := atLeast(1, int64(1)<<40)
	points := atLeast(1, 10_000)
	return []key{
		{name: "Invocations", rule: atLeast(1, 65535), types: pingPong, computed: "50",
			doc: "Invocations; with Exchange udp each has a port of its own."},
		{name: "Repetitions", rule: atLeast(1, 1_000_000), types: []string{TypePingPong, TypeOverhead, TypePerfCost,
			TypeEviction},
			computed: "network-ping-pong 1000, invocation-overhead 5, perf-cost 50, eviction 10",
			doc:      "Exchanges an invocation, repetitions a point, or waits of a function at most."},
		{name: "Threads", rule: atLeast(1, 10_000), types: pingPong, computed: "1", doc: "Invocations at once."},
		{name: "FirstPort", rule: atLeast(1, 65535), types: both, computed: "12000",
			doc: "First UDP port that the driver listens on."},
		{name: "Exchange", rule: words(ExchangeUDP, ExchangeHTTP), types: both, computed: ExchangeUDP,
			doc: "How round trips and clocks are measured: datagrams from the function to this machine, or the " +
				"instants of warm requests, which need no address that functions reach."},
		{name: "AdvertiseAddress", rule: rule{kind: text, blank: true}, types: both,
			computed: "found from the route to the endpoint",
			doc:      "Address that functions reach the driver at; must be given behind NAT."},
		{name: "OverheadType", rule: words(OverheadCode, OverheadPayload), types: overhead, computed: "code",
			doc: "What grows: the package or the request body."},
		{name: "CodePackageBegin", rule: bytes, types: overhead, computed: "1048576",
			doc: "Smallest package, in bytes."},
		{name: "CodePackageEnd", rule: bytes, types: overhead, computed: "261619712",
			doc: "Largest package, in bytes."},
		{name: "CodePackagePoints", rule: points, types: overhead, computed: "20",
			doc: "Package sizes, evenly spaced."},
		{name: "PayloadBegin", rule: bytes, types: overhead, computed: "1024", doc: "Smallest request body, in bytes."},
		{name: "PayloadEnd", rule: bytes, types: overhead, computed: "6251000", doc: "Largest request body, in bytes."},
		{name: "PayloadPoints", rule: points, types: overhead, computed: "20", doc: "Body sizes, evenly spaced."},
		{name: "N", rule: atLeast(1, 1000), types: overhead, computed: "20",
			doc: "Clock synchronisation ends after this many exchanges in a row without a smaller round trip."},
		{name: "MaxRetries", rule: atLeast(0, 1000), types: []string{TypeOverhead, TypePerfCost}, forced: true,
			computed: "10",
			doc: "Tries again at most for a row that was not cold, or not warm, as wanted; for a burst with " +
				"ColdStart force that an instance of before has answered."},
		{name: "EvictionSeconds", rule: listOf(seconds(0)), types: eviction,
			computed: "[1, 10, 30, 60, 120, 300, 600, 900, 1200]",
			doc: "Range of the waits between two invocations, in seconds: from the smallest to the largest, chosen " +
				"where the answer is least certain. So many functions are measured side by side."},
		{name: "Copies", rule: atLeast(1, 10_000), types: eviction, computed: "1",
			doc: "Functions for each element of EvictionSeconds."},
		{name: "MemorySizesMB", rule: listOf(atLeast(1, 1<<20)), types: perfCost, computed: "[128, 256]",
			doc: "Memory sizes, in MiB."},
		{name: "Concurrency", rule: atLeast(1, 100_000), types: perfCost, computed: "50", doc: "Invocations at once."},
		{name: "ChainRuntimes", rule: listOf(runtimeRule()), types: []string{TypeTransfer}, computed: "all Runtime",
			doc: "Runtime of each function of a chain, cycling."},
		{name: "Fan", rule: atLeast(1, MaxChain), types: []string{TypeTransfer}, computed: "1",
			doc: "How many functions each function of a chain calls at once; 1: a chain."},
	}
}
