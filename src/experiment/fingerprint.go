package experiment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
)

// Fingerprint is equal for two experiments that measure the same thing in the same way, so that their runs belong to
// one history. What it leaves out: the seed; titles; thresholds, plots and what is recommended; how often the plan is
// repeated; the registry; the folders of files that were made absolute. A key at its default counts like one that is
// not there, so that keys of newer versions change nothing. The error is that of a key's value that cannot be written.
func (e *Experiment) Fingerprint() (string, error) {
	leftOut := []string{"$schema", "Seed", "SubExperiments", "Registry", "Sequential", "Order", "Repeat", "Until"}
	lines := []string{"order: " + e.order()}
	lines, err := appendValues(lines, topKeys(nil), reflect.ValueOf(*e), leftOut)
	if err != nil {
		return "", err
	}
	leftOut = []string{"Title", "Thresholds", "Visualization", "Optimize", "BalancedWeight"}
	for i := range e.SubExperiments {
		s := &e.SubExperiments[i]
		lines = append(lines, fmt.Sprintf("sub-experiment %d", i))
		own := slices.DeleteFunc(subKeys(), func(k key) bool { return !k.belongs(s) })
		if lines, err = appendValues(lines, own, reflect.ValueOf(*s), leftOut); err != nil {
			return "", err
		}
	}
	hash := sha256.New()
	for _, line := range lines {
		fmt.Fprintf(hash, "%d %s\n", len(line), line)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// order is how the sub-experiments take turns.
func (e *Experiment) order() string {
	if order := reflect.ValueOf(*e).FieldByName("Order"); order.IsValid() && order.String() != "" {
		return order.String()
	}
	return map[bool]string{true: "sequential", false: "parallel"}[e.Sequential]
}

// absolutePath is a file's absolute path in a JSON text, up to its last separator.
var absolutePath = regexp.MustCompile(`"(@?)(?:/|[A-Za-z]:\\\\)[^"]*[/\\]`)

// appendValues appends a line for each key whose value is not its default.
func appendValues(lines []string, keys []key, of reflect.Value, leftOut []string) ([]string, error) {
	fields := fieldsByKey(of.Type())
	for _, k := range keys {
		at, is := fields[k.name]
		if !is || slices.Contains(leftOut, k.name) {
			continue
		}
		field := of.FieldByIndex(at)
		if field.IsZero() || k.def != nil && reflect.DeepEqual(field.Interface(), k.def) {
			continue
		}
		value, err := plainJSON(field.Interface())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		if k.name == "Arrivals" || k.name == "Body" {
			value = absolutePath.ReplaceAll(value, []byte(`"$1`))
		}
		if text := field; k.name == "Function" && filepath.IsAbs(text.String()) {
			value = []byte(filepath.Base(text.String()))
		}
		lines = append(lines, k.name+": "+string(value))
	}
	return lines, nil
}
