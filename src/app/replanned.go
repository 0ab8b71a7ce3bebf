package app

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// planned is a burst, or a request of a sustained load, as its rows have it.
type planned struct {
	at    time.Time // when it was to be released
	ended time.Time // the last response
	rows  int
}

// compare compares the rows of two folders of the sub-experiment.
func (s *RerunSchedule) compare(sub *experiment.SubExperiment, then, now string) error {
	s.What = "bursts"
	if sub.Sustained() {
		s.What = "requests"
	}
	a, err := readPlanned(then, sub.Sustained())
	if err != nil {
		return err
	}
	b, err := readPlanned(now, sub.Sustained())
	if err != nil {
		return err
	}
	s.Then, s.Now = len(a), len(b)
	if len(a) != len(b) {
		return nil
	}
	s.SameSizes = slices.EqualFunc(a, b, func(x, y planned) bool { return x.rows == y.rows })
	off := apart(a, b, planned.sinceFirst)
	if !sub.Sustained() && sub.Schedule != probe.Open {
		off = apart(a, b, planned.sinceLast) // the pause begins when the burst before it has ended
	}
	s.OffMs = &off
	return nil
}

// apart is the largest difference of two lists' waits, in milliseconds.
func apart(a, b []planned, wait func(p, first, last planned) time.Duration) (most float64) {
	for i := 1; i < len(a); i++ {
		off := wait(a[i], a[0], a[i-1]) - wait(b[i], b[0], b[i-1])
		most = max(most, math.Abs(float64(off)/float64(time.Millisecond)))
	}
	return most
}

func (p planned) sinceFirst(first, _ planned) time.Duration { return p.at.Sub(first.at) }

func (p planned) sinceLast(_, last planned) time.Duration { return p.at.Sub(last.ended) }

// readPlanned reads what was planned from a folder's rows, in the order of its instants. Of an experiment type without
// such rows there is nothing.
func readPlanned(dir string, single bool) (all []planned, err error) {
	f, err := wholefile.Open(filepath.Join(dir, study.LatenciesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, f.Name())
	if err != nil {
		return nil, err
	}
	rows.OmitRequestIDs()
	burst, endpoint := 0, ""
	err = rows.Each(func(s *sample.Sample) {
		switch {
		case s.PlannedAt.IsZero():
			return
		case len(all) == 0, single, s.Burst != burst, s.Endpoint != endpoint:
			all = append(all, planned{at: s.PlannedAt})
			burst, endpoint = s.Burst, s.Endpoint
		}
		last := &all[len(all)-1]
		last.rows++
		if s.ReceivedAt.After(last.ended) {
			last.ended = s.ReceivedAt
		}
	})
	slices.SortFunc(all, func(a, b planned) int { return a.at.Compare(b.at) })
	return all, err
}
