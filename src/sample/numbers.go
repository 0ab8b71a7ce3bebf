package sample

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Numbers are those of a column of a table.
type Numbers struct {
	Name, Unit string
	Values     []float64 // in the order of the rows, warm-up and empty cells left out

	column string
}

// ReadStreams reads the numbers of streams.csv in a folder, and how many requests it has, warm-up left out.
func ReadStreams(dir string) (numbers []Numbers, requests int, err error) {
	numbers = []Numbers{{Name: "first_byte", column: "First Byte (ms)"}, {Name: "last_byte", column: "Last Byte (ms)"},
		{Name: "mean_gap", column: "Mean Gap (ms)"}, {Name: "max_gap", column: "Max Gap (ms)"}}
	requests, err = readMillis(filepath.Join(dir, StreamsFile), numbers)
	return numbers, requests, err
}

// ReadEvents reads the numbers of events.csv in a folder, and how many events it has, likewise.
func ReadEvents(dir string) (numbers []Numbers, events int, err error) {
	numbers = []Numbers{{Name: "accepted", column: "Accepted (ms)"},
		{Name: "sent_to_end", column: "Sent To End (ms)"},
		{Name: "provider_duration", column: "Provider Duration (ms)"}}
	events, err = readMillis(filepath.Join(dir, EventsFile), numbers)
	return numbers, events, err
}

// readMillis reads columns of durations, and counts the rows. Warm-up is left out, and so is a last line that a crash
// tore.
func readMillis(path string, numbers []Numbers) (rows int, err error) {
	f, err := wholefile.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read rows: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := csv.NewReader(f)
	in.FieldsPerRecord, in.ReuseRecord = -1, true
	head, err := in.Read()
	if err != nil {
		return 0, fail.Input("%s: the first line: %w", path, err)
	}
	width, warmup, at := len(head), slices.Index(head, "Warmup"), make([]int, len(numbers))
	for i := range numbers {
		numbers[i].Unit = "ms"
		if at[i] = slices.Index(head, numbers[i].column); at[i] < 0 || warmup < 0 {
			return 0, fail.Input("%s has no column %q, or no Warmup", path, numbers[i].column)
		}
	}
	for n := 1; ; n++ {
		line, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return 0, fail.Input("%s: %w", path, err)
		case len(line) != width:
			if _, rest := in.Read(); errors.Is(rest, io.EOF) {
				return rows, nil
			}
			return 0, fail.Input("%s: row %d: %d cells, the header has %d", path, n, len(line), width)
		case line[warmup] == "true":
			continue
		}
		rows++
		for i := range numbers {
			if line[at[i]] == "" {
				continue
			}
			v, err := strconv.ParseFloat(line[at[i]], 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return 0, fail.Input("%s: row %d: %s is %q, which is not a number", path, n, numbers[i].column,
					clip(line[at[i]]))
			}
			numbers[i].Values = append(numbers[i].Values, v)
		}
	}
}
