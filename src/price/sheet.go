package price

import (
	"bytes"
	_ "embed" // prices.csv
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

//go:embed prices.csv
var embedded string

// anyone in a region's or an architecture's cell stands for all of them.
const anyone = "*"

// Row is one price.
type Row struct {
	Provider     string
	Regions      []string // or "*"
	Architecture string   // or "*"
	Item         string
	Unit         string
	USD          float64 // for one unit
	Source       string  // address where it is published
	Date         string  // day on which it was looked up, yyyy-mm-dd
}

// Sheet is a list of prices.
type Sheet struct {
	rows []Row
}

func columns() []string {
	return []string{"provider", "region", "architecture", "item", "unit", "usd", "source", "date"}
}

// Embedded is the prices that come with stellar.
func Embedded() (*Sheet, error) { return Read(strings.NewReader(embedded), "prices.csv") }

// ReadFile reads prices from a file, or the embedded ones where path is empty.
func ReadFile(path string) (*Sheet, error) {
	if path == "" {
		return Embedded()
	}
	text, err := wholefile.ReadFile(path)
	if err != nil {
		return nil, fail.Input("the file of prices: %w", err)
	}
	return Read(bytes.NewReader(text), path)
}

// Read reads prices. The error is one of bad input that names the line, and says what is wrong with it.
func Read(in io.Reader, name string) (*Sheet, error) {
	r := csv.NewReader(in)
	r.Comment = '#'
	r.FieldsPerRecord = -1
	s := &Sheet{}
	wrong := func(line int, err error) error {
		return fail.Input("%s:%d: %w", name, line, err).
			WithHint("a file of prices is CSV with the columns %s; docs/cost.md shows one",
				strings.Join(columns(), ","))
	}
	for first := true; ; first = false {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			return nil, wrong(parse.Line, parse.Err)
		}
		if err != nil {
			return nil, fail.Input("the file of prices: %w", err)
		}
		line, _ := r.FieldPos(0)
		if first {
			if !slices.Equal(cells, columns()) {
				return nil, wrong(line, fmt.Errorf("the columns are %q", strings.Join(cells, ",")))
			}
			continue
		}
		row, err := parseRow(cells)
		if err == nil {
			err = s.add(row)
		}
		if err != nil {
			return nil, wrong(line, err)
		}
	}
	if len(s.rows) == 0 {
		return nil, wrong(1, errors.New("there is no price in it"))
	}
	return s, nil
}

func parseRow(cells []string) (Row, error) {
	if len(cells) != len(columns()) {
		return Row{}, fmt.Errorf("found %d cells; want %d", len(cells), len(columns()))
	}
	for i, c := range cells {
		if strings.TrimSpace(c) == "" {
			return Row{}, fmt.Errorf("%s is empty", columns()[i])
		}
	}
	row := Row{Provider: cells[0], Regions: strings.Fields(cells[1]), Architecture: cells[2], Item: cells[3],
		Unit: cells[4], Source: cells[6], Date: cells[7]}
	rule, ok := rules()[row.Provider]
	if !ok {
		return Row{}, fmt.Errorf("provider %q has no rule of billing; those with one are %s", row.Provider,
			strings.Join(slices.Sorted(maps.Keys(rules())), ", "))
	}
	unit, ok := rule.units[row.Item]
	switch {
	case !ok:
		return Row{}, fmt.Errorf("%s does not bill %q; it bills %s", row.Provider, row.Item,
			strings.Join(slices.Sorted(maps.Keys(rule.units)), ", "))
	case row.Unit != unit:
		return Row{}, fmt.Errorf("the unit of %s is %q; want %q", row.Item, row.Unit, unit)
	case !slices.Contains([]string{anyone, "amd64", "arm64"}, row.Architecture):
		return Row{}, fmt.Errorf("architecture %q; want amd64, arm64 or *", row.Architecture)
	}
	var err error
	row.USD, err = strconv.ParseFloat(cells[5], 64)
	if err != nil || row.USD < 0 || math.IsInf(row.USD, 0) || math.IsNaN(row.USD) {
		return Row{}, fmt.Errorf("usd %q is no amount of 0 or more", cells[5])
	}
	if _, err := time.Parse(time.DateOnly, row.Date); err != nil {
		return Row{}, fmt.Errorf("date %q; want yyyy-mm-dd", row.Date)
	}
	return row, nil
}

// add takes a price in, unless another one is for the same thing.
func (s *Sheet) add(row Row) error {
	for _, other := range s.rows {
		if other.Provider != row.Provider || other.Item != row.Item || other.Architecture != row.Architecture {
			continue
		}
		for _, region := range row.Regions {
			if slices.Contains(other.Regions, region) {
				return fmt.Errorf("%s of %s in %s has a price already", row.Item, row.Provider, region)
			}
		}
	}
	s.rows = append(s.rows, row)
	return nil
}

// find is the price of an item for a function. That of its own region comes before that of all, then that of its own
// architecture.
func (s *Sheet) find(f Function, item string) (found Row, ok bool) {
	best := 0
	for _, row := range s.rows {
		if row.Provider != f.Provider || row.Item != item {
			continue
		}
		fit := 1
		switch {
		case f.Region != "" && slices.Contains(row.Regions, regionName(f.Region)):
			fit += 2
		case !slices.Contains(row.Regions, anyone):
			continue
		}
		switch row.Architecture {
		case f.Architecture:
			fit++
		case anyone:
		default:
			continue
		}
		if fit > best {
			best, found, ok = fit, row, true
		}
	}
	return found, ok
}

// regionName writes a region as the file of prices does: Azure also takes "West Europe" for westeurope.
func regionName(region string) string { return strings.ToLower(strings.ReplaceAll(region, " ", "")) }

// For are the prices of one provider.
func (s *Sheet) For(provider string) *Sheet {
	out := &Sheet{}
	for _, row := range s.rows {
		if row.Provider == provider {
			out.rows = append(out.rows, row)
		}
	}
	return out
}

// Len is the number of prices.
func (s *Sheet) Len() int { return len(s.rows) }

// Write writes the prices as Read takes them.
func (s *Sheet) Write(out io.Writer) error {
	w := csv.NewWriter(out)
	lines := [][]string{columns()}
	for _, r := range s.rows {
		lines = append(lines, []string{r.Provider, strings.Join(r.Regions, " "), r.Architecture, r.Item, r.Unit,
			strconv.FormatFloat(r.USD, 'f', -1, 64), r.Source, r.Date})
	}
	if err := w.WriteAll(lines); err != nil {
		return fmt.Errorf("write prices: %w", err)
	}
	return nil
}
