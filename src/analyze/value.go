package analyze

import (
	"fmt"
	"math"
	"strconv"
)

// Value is a number that may not exist: the standard deviation of one sample, the p99 of none. The zero Value means "no
// data"; it is written as an empty cell and as JSON null, never as NaN.
type Value struct {
	V  float64
	OK bool
}

// Of wraps a number. NaN and infinities (a ratio over zero) become "no data".
func Of(v float64) Value {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Value{}
	}
	return Value{V: v, OK: true}
}

// Ratio is a/b, without data if either has none or b is zero.
func Ratio(a, b Value) Value {
	if !a.OK || !b.OK {
		return Value{}
	}
	return Of(a.V / b.V)
}

// Format writes the number with the given count of decimals, or nothing.
func (v Value) Format(decimals int) string {
	if !v.OK {
		return ""
	}
	return strconv.FormatFloat(v.V, 'f', decimals, 64)
}

// MarshalJSON writes the number, or null. Twelve digits are more than any measurement has, and hide that processors
// with a fused multiply-add compute sums slightly differently.
func (v Value) MarshalJSON() ([]byte, error) {
	if !v.OK {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, v.V, 'g', 12, 64), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Value) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*v = Value{}
		return nil
	}
	f, err := strconv.ParseFloat(string(data), 64)
	if err != nil {
		return fmt.Errorf("a value is a number or null, not %s", data)
	}
	*v = Of(f)
	return nil
}
