package experiment

import "encoding/json"

// RawObject is a JSON object kept as it stands in the file.
type RawObject = json.RawMessage

// Network holds the keys of the types network-ping-pong, invocation-overhead, eviction and perf-cost. A key is zero
// where it does not belong to the sub-experiment's type.
type Network struct {
	Invocations       int       `json:"Invocations,omitempty"`
	Repetitions       int       `json:"Repetitions,omitempty"`
	Threads           int       `json:"Threads,omitempty"`
	FirstPort         int       `json:"FirstPort,omitempty"`
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
}
