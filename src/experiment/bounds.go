package experiment

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// within says whether a number lies within the rule's bounds.
func (r *rule) within(f float64) bool {
	low, high := math.Inf(-1), math.Inf(1)
	if r.min != nil {
		low = toFloat(r.min)
	}
	if r.max != nil {
		high = toFloat(r.max)
	}
	return f >= low && f <= high && (!r.above || f > low)
}

func toFloat(bound any) float64 {
	switch b := bound.(type) {
	case int:
		return float64(b)
	case int64:
		return float64(b)
	case float64:
		return b
	}
	return math.NaN()
}

// allowed says in words what a value may be.
func (r *rule) allowed() string {
	switch r.kind {
	case boolean:
		return "true or false"
	case integer, number:
		return r.allowedNumber()
	case text:
		switch {
		case r.want != "":
			return r.want
		case r.enum != nil:
			return "one of " + strings.Join(append(slices.Clone(r.enum), sortedKeys(r.synonyms)...), ", ")
		case r.blank:
			return "text"
		}
		return "text that is not empty"
	case list:
		return "an array of one or more, each " + r.elem.allowed()
	case limits:
		return "an object of upper bounds, each a number >= 0"
	case sweep:
		return "an object whose values are arrays"
	case texts:
		return "an object whose values are texts"
	case bodies, oneBody:
		return bodyWanted
	case statuses:
		return r.elem.allowed() + ", or an array of those"
	case answers:
		return answerWanted
	case lineItems:
		return "an array of one or more sub-experiments"
	}
	return "an object"
}

// plainMax is the largest bound that is worth telling unasked: ports and shares. Bounds beyond it only keep arithmetic
// sane, and are told to whom they stop.
const plainMax = 65535

func (r *rule) allowedNumber() string {
	what := map[kind]string{integer: "an integer", number: "a number"}[r.kind]
	switch {
	case r.min == nil:
		return what
	case r.max != nil && toFloat(r.max) <= plainMax:
		return r.allowedRange()
	}
	return fmt.Sprintf("%s %s %v", what, map[bool]string{false: ">=", true: ">"}[r.above], r.min)
}

func (r *rule) allowedRange() string {
	what := map[kind]string{integer: "an integer", number: "a number"}[r.kind]
	if r.above {
		return fmt.Sprintf("%s over %v, up to %v", what, r.min, r.max)
	}
	return fmt.Sprintf("%s from %v to %v", what, r.min, r.max)
}

// allowedInstead says what is allowed instead of that number.
func (r *rule) allowedInstead(literal string) string {
	f, err := strconv.ParseFloat(literal, 64)
	switch {
	case r.max != nil && f > toFloat(r.max):
		return r.allowedRange()
	case r.kind == integer && strings.ContainsAny(literal, ".eE") && err == nil:
		return r.allowedNumber() + ", written without fraction or exponent"
	case r.max == nil && r.kind == integer && r.within(f):
		return r.allowedNumber() + " that fits 64 bits"
	case err != nil:
		return r.allowedNumber() + " that fits 64 bits"
	}
	return r.allowedNumber()
}
