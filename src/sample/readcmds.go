package sample

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// CmdNumbers are the numbers of a column of cmds.csv.
type CmdNumbers struct {
	CmdColumn
	Values []float64 // in the order of the rows, warm-up left out
}

// CmdFailures are the requests in which a micro-test failed.
type CmdFailures struct {
	Test string
	Rows int
	Why  string // of the first
}

// ReadCmds reads the cmds.csv of a folder: the columns that have a unit, and the tests that failed. Warm-up is left
// out, and so is a last line that a crash tore.
func ReadCmds(dir string, tests []string) (numbers []CmdNumbers, failed []CmdFailures, err error) {
	path := filepath.Join(dir, CmdsFile)
	f, err := wholefile.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read rows: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := csv.NewReader(f)
	in.FieldsPerRecord, in.ReuseRecord = -1, true
	t := newCmdTable(tests)
	for n := 0; ; n++ {
		line, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return t.numbers, t.failed, nil
		case err != nil:
			return nil, nil, fail.Input("%s: %w", path, err)
		case n == 0:
			err = t.head(line)
		case len(line) == t.width:
			err = t.row(line)
		default:
			if _, rest := in.Read(); errors.Is(rest, io.EOF) {
				return t.numbers, t.failed, nil
			}
			err = fmt.Errorf("%d cells, the header has %d", len(line), t.width)
		}
		if err != nil {
			return nil, nil, fail.Input("%s: row %d: %w", path, n, err)
		}
	}
}

// cmdTable gathers what is read of a file.
type cmdTable struct {
	tests   []string
	width   int // of a row
	warmup  int // column
	at      []int
	numbers []CmdNumbers
	errors  []int // columns of the tests' errors
	failed  []CmdFailures
}

func newCmdTable(tests []string) *cmdTable {
	t := &cmdTable{tests: tests}
	key, cols := cmdKey(), CmdColumns(tests)
	t.width = len(key) + len(cols)
	for i, c := range key {
		if c.name == "Warmup" {
			t.warmup = i
		}
	}
	for i, c := range cols {
		if c.Unit != "" {
			t.at, t.numbers = append(t.at, len(key)+i), append(t.numbers, CmdNumbers{CmdColumn: c})
		}
		for _, test := range tests {
			if c.Name == test+".error" {
				t.errors, t.failed = append(t.errors, len(key)+i), append(t.failed, CmdFailures{Test: test})
			}
		}
	}
	return t
}

// head checks that the file is one of these micro-tests.
func (t *cmdTable) head(line []string) error {
	w := Writer{}
	for i, name := range line {
		if i > 0 {
			w.comma()
		}
		w.text(name)
	}
	if want := CmdsHeader(t.tests); string(w.buf) != want {
		return fmt.Errorf("the first line is not %s", want)
	}
	return nil
}

func (t *cmdTable) row(line []string) error {
	if line[t.warmup] == "true" {
		return nil
	}
	for i, at := range t.at {
		if line[at] == "" {
			continue
		}
		v, err := strconv.ParseFloat(line[at], 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s is %q, which is not a number", t.numbers[i].Name, clip(line[at]))
		}
		t.numbers[i].Values = append(t.numbers[i].Values, v)
	}
	for i, at := range t.errors {
		if why := line[at]; why != "" {
			if t.failed[i].Rows++; t.failed[i].Rows == 1 {
				t.failed[i].Why = why
			}
		}
	}
	return nil
}
