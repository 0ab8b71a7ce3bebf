package experiment

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
)

// Essence is what decides whether runs of two experiments belong to one history: the keys with a value, as JSON, that
// say what is measured and how. What it leaves out: the seed; titles; thresholds, plots and what is recommended; how
// often the plan is repeated; the registry; the folders of files that were made absolute. A key at its default counts
// like one that is not there, so that keys of newer versions change nothing.
type Essence map[string]string

// Essence is that of the experiment. The error is that of a key's value that cannot be written.
func (e *Experiment) Essence() (Essence, error) {
	leftOut := []string{"$schema", "Seed", "SubExperiments", "Registry", "Sequential", "Order", "Repeat", "Until"}
	out := Essence{"Order": e.Ordering(), "SubExperiments": strconv.Itoa(len(e.SubExperiments))}
	if err := out.add("", topKeys(nil), reflect.ValueOf(*e), leftOut); err != nil {
		return nil, err
	}
	leftOut = []string{"Title", "Thresholds", "Visualization", "Optimize", "BalancedWeight"}
	for i := range e.SubExperiments {
		s := &e.SubExperiments[i]
		own := slices.DeleteFunc(subKeys(), func(k key) bool { return !k.belongs(s) })
		if err := out.add(fmt.Sprintf("SubExperiments[%d].", i), own, reflect.ValueOf(*s), leftOut); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Fingerprint is the same for equal essences, and for those alone.
func (e Essence) Fingerprint() string {
	hash := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(e)) {
		fmt.Fprintf(hash, "%d %s%d %s\n", len(key), key, len(e[key]), e[key])
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// Unlike says where the essence differs from another one, in the order of the keys.
func (e Essence) Unlike(other Essence) []string {
	names := slices.Concat(slices.Collect(maps.Keys(e)), slices.Collect(maps.Keys(other)))
	slices.Sort(names)
	var out []string
	for _, name := range slices.Compact(names) {
		if a, b := e[name], other[name]; a != b {
			out = append(out, fmt.Sprintf("%s %s, not %s", name, cmp.Or(a, "by default"), cmp.Or(b, "by default")))
		}
	}
	return out
}

// absolutePath is a file's absolute path in a JSON text, up to its last separator.
var absolutePath = regexp.MustCompile(`"(@?)(?:/|[A-Za-z]:\\\\)[^"]*[/\\]`)

// add adds the keys whose values are not their defaults.
func (e Essence) add(prefix string, keys []key, of reflect.Value, leftOut []string) error {
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
			return fmt.Errorf("%s: %w", k.name, err)
		}
		if k.name == "Arrivals" || k.name == "Body" {
			value = absolutePath.ReplaceAll(value, []byte(`"$1`))
		}
		if text := field; k.name == "Function" && filepath.IsAbs(text.String()) {
			value = []byte(filepath.Base(text.String()))
		}
		e[prefix+k.name] = string(value)
	}
	return nil
}
