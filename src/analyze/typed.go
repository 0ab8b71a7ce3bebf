package analyze

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// textColumns are the columns of statistics.csv that hold texts, and wholeColumns those that hold whole numbers; all
// others hold numbers.
func textColumns() []string {
	return []string{"Title", "Provider", "Runtime", "Function", "Package Type", "Burst Sizes", "Service Times"}
}

func wholeColumns() []string {
	return []string{"Sub-experiment", "Memory (MB)", "Payload (bytes)", "Count", "Errors", "Cold Count",
		"Warm Count", "Suspect Count", "Late Count", "Unsent", "Instances", "Joined Reports"}
}

// BriefColumns are those of statistics.csv that a short table shows.
func BriefColumns() []string {
	return []string{"Sub-experiment", "Title", "Count", "Errors", "Cold Count", "Cold 50%ile", "Cold 99%ile",
		"Warm 50%ile", "Warm 99%ile", "50%ile (ms)", "95%ile (ms)", "99%ile (ms)", "TMR", "Cost per Million (USD)"}
}

func field(name string) sample.Field {
	f := sample.Field{Name: name, Kind: sample.NumberKind, Decimals: -1}
	switch {
	case slices.Contains(textColumns(), name):
		f.Kind = sample.TextKind
	case slices.Contains(wholeColumns(), name):
		f.Kind = sample.IntegerKind
	}
	return f
}

// IdentityFields describes the columns that say to which sub-experiment a row of statistics.csv belongs.
func IdentityFields() []sample.Field {
	var fields []sample.Field
	for _, c := range identityColumns() {
		fields = append(fields, field(c.name))
	}
	return fields
}

// Values are the cells of IdentityFields.
func (i Identity) Values() []sample.Value {
	var values []sample.Value
	for _, c := range identityColumns() {
		values = append(values, typed(field(c.name).Kind, c.cell(Summary{Identity: i})))
	}
	return values
}

// typed is a cell of statistics.csv as a value. A cell that should be a number and is none, such as n<299 where an
// interval needs more requests, is empty.
func typed(kind sample.Kind, cell string) sample.Value {
	switch kind {
	case sample.IntegerKind:
		if n, err := strconv.ParseInt(cell, 10, 64); err == nil {
			return sample.IntegerValue(n)
		}
		return sample.Value{}
	case sample.NumberKind:
		if v, err := strconv.ParseFloat(cell, 64); err == nil && !math.IsInf(v, 0) {
			return sample.NumberValue(v)
		}
		return sample.Value{}
	}
	return sample.TextValue(cell)
}

// ReadStatistics reads a statistics.csv with typed cells, a row for each sub-experiment. The name is the file's, for
// messages. A file without the first column of statistics.csv is an error of bad input.
func ReadStatistics(in io.Reader, name string) (fields []sample.Field, rows [][]sample.Value, err error) {
	table := csv.NewReader(in)
	header, err := table.Read()
	if first := identityColumns()[0].name; err == nil && header[0] != first {
		err = fmt.Errorf("the first column is %q, want %q", header[0], first)
	}
	if err != nil {
		return nil, nil, fail.Input("%s: %w", name, err)
	}
	for _, column := range header {
		fields = append(fields, field(column))
	}
	for {
		cells, err := table.Read()
		if errors.Is(err, io.EOF) {
			return fields, rows, nil
		}
		if err != nil {
			return nil, nil, fail.Input("%s: %w", name, err)
		}
		row := make([]sample.Value, len(cells))
		for i, cell := range cells {
			row[i] = typed(fields[i].Kind, cell)
		}
		rows = append(rows, row)
	}
}
