package analyze

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ReadCSV reads what WriteCSV has written: of each sub-experiment its identity as far as Index and Title, the counts,
// the percentiles with their intervals, those of cold and of warm requests too, and the cost of a million requests.
// Columns are found by name, so that files of other versions can be read: what they do not have has no data.
func ReadCSV(r io.Reader) ([]Summary, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read statistics: its header: %w", err)
	}
	row := statisticsRow{at: map[string]int{}}
	for i, name := range header {
		row.at[name] = i
	}
	for _, name := range []string{"Sub-experiment", "Count", "50%ile"} {
		if _, there := row.at[name]; !there {
			return nil, fmt.Errorf("read statistics: it has no column %q", name)
		}
	}
	var out []Summary
	for {
		row.cells, err = in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read statistics: %w", err)
		}
		s := row.summary()
		if row.err != nil {
			line, _ := in.FieldPos(0)
			return nil, fmt.Errorf("read statistics: line %d: %w", line, row.err)
		}
		out = append(out, s)
	}
}

// statisticsRow is a row of statistics.csv.
type statisticsRow struct {
	at    map[string]int // column by name
	cells []string
	err   error // the first one
}

func (r *statisticsRow) summary() Summary {
	s := Summary{Identity: Identity{Index: r.count("Sub-experiment"), Title: r.text("Title")},
		Count: r.count("Count"), Errors: r.count("Errors"),
		P50: r.value("50%ile"), P95: r.value("95%ile"), P99: r.value("99%ile"), Mean: r.value("Mean"),
		CI50: r.interval("50%ile", Median), CI99: r.interval("99%ile", P99),
		CostPerMillion: r.value("Cost per Million (USD)")}
	s.ErrorRatio = Of(float64(s.Errors) / float64(s.Rows()))
	s.Cold, s.Warm = r.split("Cold"), r.split("Warm")
	// Files of older versions have only the number of cold requests. The others are warm if there is a percentile.
	if _, there := r.at["Warm Count"]; !there && s.Warm.P50.OK {
		s.Warm.Count = s.Count - s.Cold.Count
	}
	return s
}

// split is the cold or the warm part.
func (r *statisticsRow) split(part string) Split {
	return Split{Count: r.count(part + " Count"), P50: r.value(part + " 50%ile"), P99: r.value(part + " 99%ile"),
		CI50: r.interval(part+" 50%ile", Median), CI99: r.interval(part+" 99%ile", P99)}
}

func (r *statisticsRow) text(name string) string {
	if i, there := r.at[name]; there && i < len(r.cells) {
		return r.cells[i]
	}
	return ""
}

func (r *statisticsRow) fail(name, text string) {
	if r.err == nil {
		r.err = fmt.Errorf("column %q: %q is no number of that kind", name, text)
	}
}

func (r *statisticsRow) count(name string) int {
	text := r.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		r.fail(name, text)
	}
	return n
}

func (r *statisticsRow) value(name string) Value {
	text := r.text(name)
	if text == "" {
		return Value{}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !Of(v).OK {
		r.fail(name, text)
	}
	return Of(v)
}

// interval is an interval; a cell such as n<299 says that there is none.
func (r *statisticsRow) interval(of string, q Quantile) Interval {
	names := []string{of + " CI Low", of + " CI High"}
	if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(r.text(name), "n<") }) {
		return Interval{Need: MinSamples(q)}
	}
	return Interval{Low: r.value(names[0]), High: r.value(names[1]), Need: MinSamples(q)}
}
