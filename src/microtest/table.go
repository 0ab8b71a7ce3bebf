package microtest

import (
	"io"
	"math"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// WriteCSV writes entries as a table, with the column names of cmds.csv and latencies.csv.
func WriteCSV(out io.Writer, entries []Entry) error {
	var found []string
	for i := range entries {
		for _, test := range testsOf(entries[i].Cmds) {
			if !slices.Contains(found, test) {
				found = append(found, test)
			}
		}
	}
	w := sample.NewDecodedWriter(out, found)
	for i := range entries {
		row := entries[i].row()
		w.Append(&row)
	}
	return w.Close()
}

// testsOf lists the tests that results are of.
func testsOf(c *sample.Cmds) (tests []string) {
	if c == nil {
		return nil
	}
	for _, t := range []struct {
		name  string
		there bool
	}{{"sleep_till", c.SleepTill != nil}, {"sleep", c.Sleep != nil}, {"stat", c.Stat != nil}, {"io", c.IO != nil},
		{"net", c.Net != nil}, {"cpu", c.CPU != nil}, {"cpuu", c.CPUU != nil}} {
		if _, failed := c.Errors[t.name]; t.there || failed {
			tests = append(tests, t.name)
		}
	}
	var others []string
	for name := range c.Other {
		others = append(others, name)
	}
	for name := range c.Errors {
		if !slices.Contains(tests, name) && !slices.Contains(others, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return append(tests, others...)
}

func (e *Entry) row() sample.Decoded {
	s := sample.Empty()
	s.Endpoint, s.MemorySizeMB, s.Cmds = e.Function, e.MemoryMB, e.Cmds
	d := sample.Decoded{Line: e.Line, Region: e.Region, Runtime: e.Runtime, Failure: e.Error, RunID: e.RunID,
		SubRunID: e.SubRunID, Worker: e.Worker}
	if e.Sent != nil {
		s.SentAt, s.ReceivedAt, s.Latency = unixMillis(*e.Sent), unixMillis(*e.Received), millis(*e.Latency)
	}
	if r := e.Report; r != nil {
		s.RequestID, s.ProviderDuration, s.Billed = r.RequestID, millis(r.Duration), millis(r.Billed)
		s.MemorySizeMB, s.MaxMemoryMB = r.MemoryMB, r.MaxMemory
		if r.Init != nil {
			s.ProviderInit = millis(*r.Init)
		}
		if r.Restore != nil {
			s.Restore = millis(*r.Restore)
		}
	}
	d.Row = s
	return d
}

func millis(ms float64) time.Duration { return time.Duration(math.Round(ms * 1e6)) }

// unixMillis is an instant in Unix ms. A float of today's instants has a resolution of 0.24 µs.
func unixMillis(ms float64) time.Time {
	whole, part := math.Modf(ms)
	return time.UnixMilli(int64(whole)).Add(millis(part)).UTC()
}
