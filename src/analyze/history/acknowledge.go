package history

import "time"

// Acknowledgement says that a change is known, and why nothing is to be done about it.
type Acknowledgement struct {
	Experiment string    `json:"experiment"` // its fingerprint
	Sub        int       `json:"sub_experiment"`
	Part       string    `json:"part"`
	Metric     string    `json:"metric"`
	Since      string    `json:"since"`   // id of the first run of the new level
	Started    time.Time `json:"started"` // of that run: it may be deleted
	Worse      bool      `json:"worse"`
	Why        string    `json:"why"`
}

// near is the number of runs by which the place of a known change may differ: further runs can move it.
const near = 3

// acknowledge looks a change up among those that are known: of the same series, in the same direction, and at most near
// runs away.
func (s *Series) acknowledge(c *Change, runs []Run, known []Acknowledgement) {
	for _, k := range known {
		if k.Sub != s.Sub || k.Part != s.Part || k.Metric != s.Metric || k.Worse != c.Worse {
			continue
		}
		at := 0 // of the run that was named, or of the one that came after it
		for at < len(runs) && runs[at].Started.Before(k.Started) {
			at++
		}
		if d := at - c.Run; d >= -near && d <= near {
			c.Acknowledged = k.Why
		}
	}
}

// Unacknowledged makes an acknowledgement of every change to the worse that has none.
func (h History) Unacknowledged(experiment, why string) []Acknowledgement {
	var out []Acknowledgement
	for _, s := range h.Series {
		for _, c := range s.Changes {
			if c.Worse && c.Acknowledged == "" {
				out = append(out, Acknowledgement{Experiment: experiment, Sub: s.Sub, Part: s.Part, Metric: s.Metric,
					Since: c.Since, Started: h.Runs[c.Run].Started, Worse: true, Why: why})
			}
		}
	}
	return out
}

// Open are the series with a change to the worse that the newest run is past and that is not acknowledged, each with
// that change alone.
func (h History) Open() []Series {
	var out []Series
	for _, s := range h.Series {
		for _, c := range s.Changes {
			if c.Open {
				one := s
				one.Changes = []Change{c}
				out = append(out, one)
			}
		}
	}
	return out
}

// Newest is the newest run; nil without runs.
func (h History) Newest() *Run {
	if len(h.Runs) == 0 {
		return nil
	}
	return &h.Runs[len(h.Runs)-1]
}

// Short is how many further runs with values the longest series needs before any change can be found in it; 0: none.
func (h History) Short() int {
	longest := 0
	for _, s := range h.Series {
		if s.Untested == "" {
			longest = max(longest, s.count())
		}
	}
	return max(0, h.Fewest-longest)
}
