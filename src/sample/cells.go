package sample

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// memo keeps earlier cells of one column of one file: times in one file share their minute, texts and service times
// repeat. Without it, most of the time for reading ten million rows would be spent on making the same values again.
type memo struct {
	text string        // the last cell
	span time.Duration // what it meant, where that is a duration
	seen map[string]string

	minute int64               // seconds from 1970 to the start of the minute in prefix
	prefix [len(toMinute)]byte // that minute as text
	filled bool                // there is one
}

// toMinute is the part of timeLayout that instants of one minute share.
const toMinute = "2006-01-02T15:04:"

// maxSeen bounds the number of different texts of one column that are kept: a foreign file may have one per row.
const maxSeen = 8192

// again is the cell as a string, made anew only if it differs from the last one.
func (m *memo) again(cell []byte) string {
	if string(cell) != m.text {
		m.text = string(cell)
	}
	return m.text
}

// repeated is the cell as a string, made anew only if it is a new one.
func (m *memo) repeated(cell []byte) string {
	if string(cell) == m.text {
		return m.text
	}
	text, ok := m.seen[string(cell)]
	if !ok {
		text = string(cell)
		if m.seen == nil {
			m.seen = map[string]string{}
		}
		if len(m.seen) < maxSeen {
			m.seen[text] = text
		}
	}
	m.text = text
	return text
}

// parseTime reads an RFC 3339 time. The form of this package (UTC, nine decimals) is parsed here; any other form is
// left to the standard library.
func (m *memo) parseTime(cell []byte) (time.Time, error) {
	if len(cell) == 0 {
		return time.Time{}, nil
	}
	const from, dot = len(toMinute), len(toMinute) + 2 // seconds, then nine decimals and a Z
	if len(cell) == dot+11 && cell[dot] == '.' && cell[dot+10] == 'Z' {
		second, ok := digits(cell[from:dot])
		nanos, fine := digits(cell[dot+1 : dot+10])
		if ok && fine && second < 60 && m.knows(cell) {
			return time.Unix(m.minute+second, nanos).UTC(), nil
		}
	}
	t, err := time.Parse(time.RFC3339Nano, string(cell))
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not an RFC 3339 time", clip(cell))
	}
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}, fmt.Errorf("%q lies outside the years 1 to 9999", clip(cell))
	}
	return t, nil
}

// knows reports whether the cell's minute is the current one; a new minute is read and, if valid, kept.
func (m *memo) knows(cell []byte) bool {
	if m.filled && [len(toMinute)]byte(cell) == m.prefix {
		return true
	}
	t, err := time.Parse(time.RFC3339Nano, string(cell[:len(toMinute)])+"00Z")
	if err != nil || t.Year() < 1 {
		return false
	}
	m.prefix, m.minute, m.filled = [len(toMinute)]byte(cell), t.Unix(), true
	return true
}

// digits is the value of up to 18 decimal digits.
func digits(text []byte) (n int64, ok bool) {
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	for _, c := range text {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return n, true
}

// parseMillis reads milliseconds with any number of decimals, to the nearest nanosecond.
func parseMillis(cell []byte) (time.Duration, error) {
	if len(cell) == 0 {
		return None, nil
	}
	// Three decimals, as this package writes them. Up to nine digits before them the general way below is exact, too.
	if dot := len(cell) - 4; dot > 0 && dot <= 9 && cell[dot] == '.' {
		whole, ok := digits(cell[:dot])
		micros, fine := digits(cell[dot+1:])
		if ok && fine {
			return time.Duration(whole*1_000_000 + micros*1000), nil
		}
	}
	ms, err := strconv.ParseFloat(string(cell), 64)
	if err != nil || math.IsNaN(ms) || ms < 0 || ms > maxMillis {
		return None, fmt.Errorf("%q is not a number of milliseconds from 0 to %.0f", clip(cell), float64(maxMillis))
	}
	return time.Duration(math.Round(ms * 1e6)), nil
}

// maxMillis is about three years, far beyond any latency and well within the range in which a float64 has three exact
// decimals.
const maxMillis = 1e11

func parseCount(cell []byte) (int64, error) {
	if len(cell) == 0 {
		return 0, nil
	}
	if n, ok := digits(cell); ok {
		return n, nil
	}
	n, err := strconv.ParseInt(string(cell), 10, 64)
	if err != nil || n < 0 {
		if errors.Is(err, strconv.ErrRange) {
			return 0, fmt.Errorf("%q is too large", clip(cell))
		}
		return 0, fmt.Errorf("%q is not a whole number of 0 or more", clip(cell))
	}
	return n, nil
}

// parseCost reads an amount of money, to the last bit of what was written.
func parseCost(cell []byte) (float64, error) {
	if len(cell) == 0 {
		return math.NaN(), nil
	}
	usd, err := strconv.ParseFloat(string(cell), 64)
	if err != nil || math.IsNaN(usd) || math.IsInf(usd, 0) || usd < 0 {
		return math.NaN(), fmt.Errorf("%q is not an amount of 0 or more USD", clip(cell))
	}
	return usd, nil
}

// clip shortens a cell for an error message, because a file may contain very long ones.
func clip[T string | []byte](cell T) string {
	if len(cell) > 60 {
		return string(cell[:60]) + "…"
	}
	return string(cell)
}
