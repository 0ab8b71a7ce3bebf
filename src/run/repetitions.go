package run

// Repetitions is how often the plan was sent, with Repeat or Until.
type Repetitions struct {
	Complete int    `json:"complete"` // all that took part in them sent them as a whole
	Ended    string `json:"ended,omitempty"`
	Looks    []Look `json:"looks,omitempty"` // with Until
}

// Look is how narrow the intervals of the medians were after some repetitions.
type Look struct {
	After   int     `json:"after"` // repetitions
	Seconds float64 `json:"seconds"`
	Level   float64 `json:"level"` // of these intervals, 0 to 1
	Widths  []Width `json:"widths"`
}

// Width is the interval of one sub-experiment's median.
type Width struct {
	SubExperiment int      `json:"subExperiment"`
	Part          string   `json:"part"` // of the requests: cold, warm, or all where functions do not report that
	Requests      int      `json:"requests"`
	Bursts        int      `json:"bursts"`
	HalfWidth     *float64 `json:"halfWidth,omitempty"` // as a share of the median; nil: there is no interval
}
