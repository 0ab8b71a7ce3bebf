package trace

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// table is a tall file as its first line shows it.
type table struct {
	slot     time.Duration
	numbered bool // the first column is the slot's number
	first    int  // the first column with counts
	names    []string
	width    int
}

// tallHeading reads the first line of a tall file; heading says whether it is one, or counts already.
func (r *reader) tallHeading() (t table, heading bool, err error) {
	t = table{slot: time.Second, width: len(r.cells)}
	numbers := 0
	for _, c := range r.cells {
		if c = bare(c); len(c) > 0 && len(bytes.Trim(c, "0123456789")) == 0 {
			numbers++
		}
	}
	word := strings.ToLower(r.cell(0))
	switch {
	case numbers == len(r.cells) && len(r.cells) > 2:
		return t, false, r.wrong(2, `a count, or a slot's number and a count; with more columns a heading such as `+
			`"second,first,second"`)
	case numbers == len(r.cells):
		t.numbered, t.first = len(r.cells) == 2, len(r.cells)-1
		return t, false, nil
	case word == "count" && len(r.cells) == 1:
		return t, true, nil
	case word == "minute":
		t.slot = time.Minute
	case word != "second":
		return t, false, r.wrong(0, `a count, or a heading that begins with count, second, minute, function or `+
			`HashOwner`)
	}
	if len(r.cells) == 1 {
		return t, true, nil // a column of counts, one a second or minute
	}
	t.numbered, t.first = true, 1
	seen := map[string]bool{}
	for i := 1; i < len(r.cells); i++ {
		name := r.cell(i)
		if name == "" || seen[name] {
			return t, false, r.wrong(i, "a name of its own for each function")
		}
		seen[name] = true
		t.names = append(t.names, name)
	}
	if len(t.names) == 1 && strings.EqualFold(t.names[0], "count") {
		t.names = nil
	}
	return t, true, nil
}

// pick says which columns are asked for.
func (t table) pick(n int, name string) (columns []int) {
	for i := t.first; i < t.width; i++ {
		if name == "" || t.names != nil && t.names[i-t.first] == name {
			columns = append(columns, i)
		}
	}
	return columns[:min(n, len(columns))]
}

// tall reads functions from columns of their own, or the one function that the file is about.
func (r *reader) tall(n int, name string) ([]Function, error) {
	t, heading, err := r.tallHeading()
	if err != nil {
		return nil, err
	}
	for _, one := range t.names {
		r.met(one)
	}
	columns := t.pick(n, name)
	r.more = len(columns) == n && t.width-t.first > n
	all := make([]Function, len(columns))
	for i, c := range columns {
		all[i].Slot = t.slot
		if t.names != nil {
			all[i].Name = t.names[c-t.first]
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	start, slots := int64(0), int64(0) // the first slot's number, and how many were read
	for ok := true; ok; heading = false {
		if !heading {
			if slots == 0 && t.numbered {
				if start, err = r.slotNumber(); err != nil {
					return nil, err
				}
			}
			if slots, err = r.slot(t, columns, all, start, slots); err != nil {
				return nil, err
			}
		}
		if ok, err = r.next(); err != nil {
			return nil, err
		}
	}
	if slots == 0 {
		return nil, fmt.Errorf("the trace %s has a heading and no counts", r.path)
	}
	return all, nil
}

// slot reads the line of a slot, those before it that the file leaves out being empty, and gives the number of slots
// now.
func (r *reader) slot(t table, columns []int, all []Function, start, slots int64) (int64, error) {
	if err := r.width(t.width); err != nil {
		return 0, err
	}
	number := slots
	if t.numbered {
		n, err := r.slotNumber()
		if err != nil {
			return 0, err
		}
		if number = n - start; number < slots {
			return 0, r.wrong(0, "a number over that of the line before it, %d", start+slots-1)
		}
	}
	if number >= int64(MaxSpan/t.slot) {
		return 0, r.wrong(0, "at most %d slots, which are a year", int64(MaxSpan/t.slot))
	}
	if number >= int64(maxKept/len(all)) {
		return 0, r.tooMany()
	}
	for i, c := range columns {
		n, err := r.number(c)
		if err != nil {
			return 0, err
		}
		all[i].Counts = append(slices.Grow(all[i].Counts, int(number-slots)+1), make([]int64, number-slots)...)
		all[i].Counts = append(all[i].Counts, n)
	}
	return number + 1, nil
}

// slotNumber reads the number of a line's slot, which may be a Unix time.
func (r *reader) slotNumber() (int64, error) {
	n, err := strconv.ParseInt(r.cell(0), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/2 {
		return 0, r.wrong(0, "the slot's number, 0 or more")
	}
	return n, nil
}
