package sample

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// PerfCostFile is the name of the file of invocations of perf-cost in a sub-experiment's folder.
const PerfCostFile = "perf-cost.csv"

// PerfCost is an invocation of perf-cost.
type PerfCost struct {
	MemoryMB   int    // as configured
	Type       string // of invocation
	Repetition int    // from 1: the value that it was to give
	Wanted     Tri    // Yes: a cold start, No: a warm instance, Unknown: either
	Warmup     bool   // it only made instances warm
	Row        Sample
}

// Obtained says whether the invocation was what was wanted. A function that does not say whether it was cold is taken
// for what was wanted.
func (p *PerfCost) Obtained() bool {
	return !p.Warmup && p.Row.Err == OK &&
		(p.Wanted == Unknown || p.Row.Cold == Unknown || p.Row.Cold == p.Wanted)
}

// GBSeconds is the billed time in s times the memory in GiB; false: the platform has not reported.
func (p *PerfCost) GBSeconds() (float64, bool) {
	if p.Row.Billed < 0 || p.Row.MemorySizeMB == 0 {
		return 0, false
	}
	return p.Row.Billed.Seconds() * float64(p.Row.MemorySizeMB) / 1024, true
}

// perfCostColumns are those of SeBS, then what joins a row with its request.
func perfCostColumns() []string {
	return []string{"memory", "type", "is_cold", "exec_time", "connection_time", "client_time", "provider_time",
		"mem_used", "billed_time_ms", "gb_seconds", "request_id", "repetition", "wanted_cold", "warmup", "obtained",
		"error"}
}

// PerfCostHeader is the first line of perf-cost.csv, without its line break.
func PerfCostHeader() string { return strings.Join(perfCostColumns(), ",") }

// PerfCostWriter writes perf-cost.csv. Rows gather until Flush makes them durable. It is not safe for concurrent use.
type PerfCostWriter struct{ w Writer }

// CreatePerfCosts makes a new file, durably; a file that exists is an error, for results are never overwritten.
func CreatePerfCosts(path string) (*PerfCostWriter, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	p := newPerfCostWriter(f, path)
	return p, p.w.establish(f, path)
}

func newPerfCostWriter(f *os.File, path string) *PerfCostWriter {
	p := &PerfCostWriter{w: Writer{out: f, name: path}}
	p.w.buf = append(append(p.w.buf, PerfCostHeader()...), '\n')
	return p
}

// RewritePerfCosts puts rows in the place of those of a file, all or none.
func RewritePerfCosts(path string, rows []PerfCost) error {
	f, err := os.Create(path + rewriteSuffix)
	if err != nil {
		return fmt.Errorf("write the rows anew: %w", err)
	}
	p := newPerfCostWriter(f, f.Name())
	for i := range rows {
		p.Append(&rows[i])
	}
	if err := p.Close(); err != nil {
		return errors.Join(err, removeIfThere(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write the rows anew: %w", errors.Join(err, removeIfThere(f.Name())))
	}
	return syncDir(filepath.Dir(path))
}

// Append adds a row to the buffer. Times are in ms; what is not known is empty.
func (p *PerfCostWriter) Append(v *PerfCost) {
	w, s := &p.w, &v.Row
	w.count(int64(v.MemoryMB), true)
	w.comma().text(v.Type)
	w.comma().tri(s.Cold)
	w.comma().millis(s.Service)
	if w.comma(); s.NewConn && s.Err == OK {
		w.millis(max(s.DNS, 0) + max(s.Connect, 0) + max(s.TLS, 0))
	}
	w.comma().millis(s.Latency)
	w.comma().millis(s.ProviderDuration)
	w.comma().count(int64(s.MaxMemoryMB), false)
	w.comma().millis(s.Billed)
	gb, ok := v.GBSeconds()
	if w.comma(); ok {
		w.buf = strconv.AppendFloat(w.buf, gb, 'f', 9, 64)
	}
	w.comma().text(s.RequestID)
	w.comma().count(int64(v.Repetition), true)
	w.comma().tri(v.Wanted)
	w.comma().text(strconv.FormatBool(v.Warmup))
	w.comma().text(strconv.FormatBool(v.Obtained()))
	w.comma().text(string(s.Err))
	w.buf = append(w.buf, '\n')
}

// Flush writes what has been appended and syncs it to disk.
func (p *PerfCostWriter) Flush() error { return p.w.Flush() }

// Close flushes and closes the file.
func (p *PerfCostWriter) Close() error { return p.w.Close() }

// ReadPerfCosts reads which invocation each row of a folder's perf-cost.csv is. Of its request it reads the id alone:
// all else is in latencies.csv, whose rows stand in the same order. A last line that a crash tore is left out.
func ReadPerfCosts(dir string) ([]PerfCost, error) {
	path := filepath.Join(dir, PerfCostFile)
	lines, err := readLines(path, perfCostColumns())
	if err != nil {
		return nil, err
	}
	all := make([]PerfCost, len(lines))
	for n, line := range lines {
		p := &all[n]
		p.Type, p.Row = line[1], Empty()
		p.Row.RequestID = line[10]
		var errs [4]error
		p.MemoryMB, errs[0] = strconv.Atoi(line[0])
		p.Repetition, errs[1] = strconv.Atoi(line[11])
		p.Wanted, errs[2] = parseTri(line[12])
		p.Warmup, errs[3] = strconv.ParseBool(line[13])
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fail.Input("%s: row %d: %w", path, n+1, err)
		}
	}
	return all, nil
}

// JoinPerfCosts gives each invocation its row of latencies.csv, which has the same order. What one of the files lacks
// after a crash is left out.
func JoinPerfCosts(rows []PerfCost, latencies string) ([]PerfCost, error) {
	f, err := wholefile.Open(latencies)
	if err != nil {
		return nil, fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	in, err := NewReader(f, latencies)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		var row Sample
		err := in.Read(&row)
		if errors.Is(err, io.EOF) {
			return rows[:i], nil
		}
		if err != nil {
			return nil, err
		}
		if row.RequestID != rows[i].Row.RequestID {
			return nil, fail.Input("%s: row %d is of request %q, that of %s of %q: the files are not of one run",
				latencies, i+1, row.RequestID, PerfCostFile, rows[i].Row.RequestID)
		}
		rows[i].Row = row
	}
	return rows, nil
}
