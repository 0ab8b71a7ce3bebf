package analyze

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

const (
	msDecimals    = 3 // µs: what latencies.csv has
	exactDecimals = 6 // means, deviations and ratios are no samples: keep what an independent check needs
)

type column struct {
	name string
	cell func(Summary) string
}

// Header is the list of columns of statistics.csv: the sub-experiment's identity, the original's columns, then the
// rest.
func Header() []string {
	var names []string
	for _, c := range columns() {
		names = append(names, c.name)
	}
	return names
}

// WriteCSV writes statistics.csv: the header and a row for each sub-experiment. Latencies are in ms with three
// decimals; a value that does not exist is an empty cell.
func WriteCSV(w io.Writer, rows []Summary) error {
	out := csv.NewWriter(w)
	cols := columns()
	lines := [][]string{Header()}
	for _, s := range rows {
		line := make([]string, len(cols))
		for i, c := range cols {
			line[i] = c.cell(s)
		}
		lines = append(lines, line)
	}
	if err := out.WriteAll(lines); err != nil {
		return fmt.Errorf("writing statistics: %w", err)
	}
	return nil
}

func columns() []column {
	cols := identityColumns()
	cols = append(cols, originalColumns()...)
	cols = append(cols, furtherColumns()...)
	cols = append(cols, clientColumns()...)
	cols = append(cols, platformColumns()...)
	cols = append(cols, orderedColumns()...)
	return append(cols, splitIntervalColumns()...)
}

// splitIntervalColumns are the number of warm requests, and the 95 % intervals of the percentiles of cold and of warm
// ones. A part without requests has empty cells.
func splitIntervalColumns() []column {
	cols := []column{whole("Warm Count", Summary.WarmCount)}
	for _, part := range []struct {
		name string
		of   func(*Summary) *Split
	}{{"Cold", func(s *Summary) *Split { return &s.Cold }}, {"Warm", func(s *Summary) *Split { return &s.Warm }}} {
		for _, q := range []struct {
			name string
			of   func(*Split) Interval
		}{
			{"50%ile", func(s *Split) Interval { return s.CI50 }},
			{"99%ile", func(s *Split) Interval { return s.CI99 }},
		} {
			bound := func(end string, of func(Interval) Value) column {
				return column{part.name + " " + q.name + " CI " + end, func(s Summary) string {
					i := q.of(part.of(&s))
					return known(part.of(&s).Count > 0, i.cell(of(i)))
				}}
			}
			cols = append(cols, bound("Low", func(i Interval) Value { return i.Low }),
				bound("High", func(i Interval) Value { return i.High }))
		}
	}
	return cols
}

func identityColumns() []column {
	num := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	return []column{
		{"Sub-experiment", func(s Summary) string { return strconv.Itoa(s.Index) }},
		{"Title", func(s Summary) string { return s.Title }},
		{"Provider", func(s Summary) string { return s.Provider }},
		{"Runtime", func(s Summary) string { return s.Runtime }},
		{"Function", func(s Summary) string { return s.Function }},
		{"Package Type", func(s Summary) string { return s.PackageType }},
		{"Memory (MB)", func(s Summary) string { return known(s.MemoryMB > 0, strconv.Itoa(s.MemoryMB)) }},
		{"Image Size (MiB)", func(s Summary) string { return known(s.ImageSizeMB > 0, num(s.ImageSizeMB)) }},
		{"IAT (s)", func(s Summary) string { return s.IATSeconds.Format(-1) }},
		{"Burst Sizes", func(s Summary) string { return s.BurstSizes }},
		{"Service Times", func(s Summary) string { return s.ServiceTimes }},
		{"Payload (bytes)", func(s Summary) string { return s.PayloadBytes.Format(0) }},
	}
}

// originalColumns have the names and the order that published plotting scripts read.
func originalColumns() []column {
	return []column{
		count("Count", func(s Summary) int { return s.Count }),
		exact("Mean", func(s Summary) Value { return s.Mean }),
		exact("Standard Deviation", func(s Summary) Value { return s.SD }),
		ms("Min", func(s Summary) Value { return s.Min }),
		ms("25%ile", func(s Summary) Value { return s.P25 }),
		ms("50%ile", func(s Summary) Value { return s.P50 }),
		ms("75%ile", func(s Summary) Value { return s.P75 }),
		ms("95%ile", func(s Summary) Value { return s.P95 }),
		ms("Max", func(s Summary) Value { return s.Max }),
	}
}

func furtherColumns() []column {
	return []column{
		ms("99%ile", func(s Summary) Value { return s.P99 }),
		ms("99.9%ile", func(s Summary) Value { return s.P999 }),
		exact("TMR", func(s Summary) Value { return s.TMR }),
		exact("MR", func(s Summary) Value { return s.MR }),
		exact("TR", func(s Summary) Value { return s.TR }),
		count("Errors", func(s Summary) int { return s.Errors }),
		whole("Cold Count", Summary.ColdCount),
		ms("Cold 50%ile", func(s Summary) Value { return s.Cold.P50 }),
		ms("Cold 99%ile", func(s Summary) Value { return s.Cold.P99 }),
		ms("Warm 50%ile", func(s Summary) Value { return s.Warm.P50 }),
		ms("Warm 99%ile", func(s Summary) Value { return s.Warm.P99 }),
		{"50%ile CI Low", func(s Summary) string { return s.CI50.cell(s.CI50.Low) }},
		{"50%ile CI High", func(s Summary) string { return s.CI50.cell(s.CI50.High) }},
		{"99%ile CI Low", func(s Summary) string { return s.CI99.cell(s.CI99.Low) }},
		{"99%ile CI High", func(s Summary) string { return s.CI99.cell(s.CI99.High) }},
	}
}

// clientColumns are the columns on the client's own effect on the requests.
func clientColumns() []column {
	return []column{
		ms("Spread 50%ile (ms)", func(s Summary) Value { return s.Client.Spread50 }),
		ms("Spread Max (ms)", func(s Summary) Value { return s.Client.SpreadMax }),
		ms("Lateness 99%ile (ms)", func(s Summary) Value { return s.Client.Lateness99 }),
		ms("Lateness Max (ms)", func(s Summary) Value { return s.Client.LatenessMax }),
		whole("Suspect Count", func(s Summary) Value { return s.Client.Measured(s.Client.Suspects) }),
		whole("Late Count", func(s Summary) Value { return s.Client.Measured(s.Client.Late) }),
		whole("Unsent", func(s Summary) Value { return s.Client.Measured(s.Client.Unsent) }),
	}
}

// platformColumns say what is known of the platform: instances, money, reports.
func platformColumns() []column {
	return []column{
		whole("Instances", func(s Summary) Value { return s.Instances.Count }),
		ms("Requests per Instance", func(s Summary) Value { return s.Instances.Requests }),
		ms("Instance Lifetime 50%ile (s)", func(s Summary) Value { return s.Instances.Lifetime50 }),
		exact("Cost per Million (USD)", func(s Summary) Value { return s.CostPerMillion }),
		whole("Joined Reports", func(s Summary) Value { return s.Joined }),
		exact("Standing Cost (USD)", func(s Summary) Value { return s.Standing }),
	}
}

// orderedColumns are the distribution once more, with units in the headings and the percentiles in order: earlier
// columns keep the names and places that existing scripts read.
func orderedColumns() []column {
	return []column{
		exact("Mean (ms)", func(s Summary) Value { return s.Mean }),
		exact("Standard Deviation (ms)", func(s Summary) Value { return s.SD }),
		ms("Min (ms)", func(s Summary) Value { return s.Min }),
		ms("25%ile (ms)", func(s Summary) Value { return s.P25 }),
		ms("50%ile (ms)", func(s Summary) Value { return s.P50 }),
		ms("75%ile (ms)", func(s Summary) Value { return s.P75 }),
		ms("95%ile (ms)", func(s Summary) Value { return s.P95 }),
		ms("99%ile (ms)", func(s Summary) Value { return s.P99 }),
		ms("99.9%ile (ms)", func(s Summary) Value { return s.P999 }),
		ms("Max (ms)", func(s Summary) Value { return s.Max }),
	}
}

func count(name string, of func(Summary) int) column {
	return column{name, func(s Summary) string { return strconv.Itoa(of(s)) }}
}

func whole(name string, of func(Summary) Value) column {
	return column{name, func(s Summary) string { return of(s).Format(0) }}
}

func ms(name string, of func(Summary) Value) column {
	return column{name, func(s Summary) string { return of(s).Format(msDecimals) }}
}

func exact(name string, of func(Summary) Value) column {
	return column{name, func(s Summary) string { return of(s).Format(exactDecimals) }}
}

// known is a cell that is empty if nothing is known.
func known(is bool, text string) string {
	if !is {
		return ""
	}
	return text
}
