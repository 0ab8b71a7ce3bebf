package pingpong

import (
	"cmp"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// The files that a summary writes into the sub-experiment's folder, over those that are there.
const (
	StatisticsFile = "network-ping-pong-statistics.csv"
	ClocksFile     = "clock-offsets.csv"
)

// Summarize reads latencies.csv, network-ping-pong.csv and the run's record. It writes
// network-ping-pong-statistics.csv and clock-offsets.csv.
func (s Study) Summarize(dir string) (study.Summary, error) { return study.SummarizeFolder(s, dir) }

// SummarizeWith is Summarize for those who have read the record.
func (Study) SummarizeWith(rec *run.Record, dir string) (study.Summary, error) {
	sum, rows, sub, err := study.FromTable(rec, dir, sample.ReadPingPongs)
	if err != nil || sub == nil {
		return sum, err
	}
	p := described(sub.Exchange, rows)
	sum.Latencies.PingPong, sum.Latencies.Findings = p, p.Findings()
	return sum, errors.Join(study.WriteTable(filepath.Join(dir, StatisticsFile), p.Write),
		study.WriteTable(filepath.Join(dir, ClocksFile), p.WriteClocks))
}

// clockKey names a clock. Over UDP an exchange synchronises its invocation's; over HTTP requests of many invocations
// meet an instance.
type clockKey struct {
	invocation int
	instance   string
}

func keyOf(exchange string, row *sample.PingPong) clockKey {
	if exchange == experiment.ExchangeHTTP && row.InstanceID != "" {
		return clockKey{-1, row.InstanceID}
	}
	return clockKey{row.Invocation, row.InstanceID}
}

// described is what rows say.
func described(exchange string, rows []sample.PingPong) *analyze.PingPong {
	by := map[clockKey][]sample.PingPong{}
	for i := range rows {
		key := keyOf(exchange, &rows[i])
		by[key] = append(by[key], rows[i])
	}
	offsets := map[clockKey]time.Duration{}
	var clocks []analyze.Clock
	for _, key := range slices.SortedFunc(maps.Keys(by), func(a, b clockKey) int {
		return cmp.Or(cmp.Compare(by[a][0].Invocation, by[b][0].Invocation), cmp.Compare(a.instance, b.instance))
	}) {
		o, ok := netprobe.Estimate(by[key])
		if !ok {
			continue
		}
		offsets[key] = o.Offset
		clocks = append(clocks, analyze.Clock{Invocation: by[key][0].Invocation, Instance: key.instance,
			Samples: o.Samples, Offset: o.Offset, Bound: o.Bound, RTT: o.RTT, Mean: o.Mean, SD: o.SD, At: o.At})
	}
	return analyze.DescribePingPong(exchange, rows, clocks, func(row *sample.PingPong) time.Duration {
		return offsets[keyOf(exchange, row)]
	})
}
