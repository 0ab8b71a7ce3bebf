package bytesize

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		size                 Size
		number, fixed, exact string
	}{
		{0, "0", "0.00 MiB", "0.000 MiB (0 bytes)"},
		{100, "0", "0.00 MiB", "0.000 MiB (100 bytes)"},
		{KiB, "0.001", "0.00 MiB", "0.001 MiB (1024 bytes)"},
		{10 * MiB, "10", "10.00 MiB", "10.000 MiB (10485760 bytes)"},
		{2*MiB + 512*KiB, "2.5", "2.50 MiB", "2.500 MiB (2621440 bytes)"},
		{500 * MB, "476.837", "476.84 MiB", "476.837 MiB (500000000 bytes)"},
		{10 * GiB, "10240", "10240.00 MiB", "10240.000 MiB (10737418240 bytes)"},
		{1 << 60, "1099511627776", "1099511627776.00 MiB", "1099511627776.000 MiB (1152921504606846976 bytes)"},
	} {
		if c.size.Number() != c.number || c.size.String() != c.number+" MiB" || c.size.Fixed(2) != c.fixed ||
			c.size.Exact() != c.exact {
			t.Errorf("%d: %q, %q, %q, %q", int64(c.size), c.size.Number(), c.size, c.size.Fixed(2), c.size.Exact())
		}
	}
}

// TestMiB converts what an experiment file may have there and back.
func TestMiB(t *testing.T) {
	for _, c := range []struct {
		mib  float64
		size Size
	}{{0, 0}, {10, 10 * MiB}, {0.5, 512 * KiB}, {0.0000005, 1}, {10.1, 10590618}, {1 << 20, 1 << 40}} {
		got := FromMiB(c.mib)
		if got != c.size || math.Abs(got.MiB()-c.mib) > 1e-6 {
			t.Errorf("%g MiB: %d bytes, %g MiB; want %d bytes", c.mib, int64(got), got.MiB(), int64(c.size))
		}
	}
}

func TestRoundUp(t *testing.T) {
	for in, want := range map[Size]Size{0: 0, 1: MiB, MiB: MiB, MiB + 1: 2 * MiB, GiB - 1: GiB} {
		if got := in.RoundUp(MiB); got != want {
			t.Errorf("%d: %d, want %d", int64(in), int64(got), int64(want))
		}
	}
}

func TestParse(t *testing.T) {
	pattern := regexp.MustCompile(`^[0-9]+` + Suffixes + `$`)
	for text, want := range map[string]Size{
		"0": 0, "4096": 4096, "1c": 1, "2w": 4, "2b": 1024, "1kB": 1000, "1KB": 1000, "1K": KiB, "1KiB": KiB,
		"3M": 3 * MiB, "3MB": 3 * MB,
		"10MiB": 10 * MiB, "1G": GiB, "1GB": GB, "2GiB": 2 * GiB, "9223372036854775807": math.MaxInt64,
	} {
		if got, err := Parse(text); got != want || err != nil || !pattern.MatchString(text) {
			t.Errorf("%q: %d, %v; want %d", text, int64(got), err, int64(want))
		}
	}
	for _, text := range []string{"", "MiB", "1 kB", " 1kB", "1kb", "-1", "+1", "1.5MiB", "1kBx", "0x10", "1TB"} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), "whole number and a unit") ||
			pattern.MatchString(text) {
			t.Errorf("%q: %d, %v", text, int64(got), err)
		}
	}
	for _, text := range []string{"9223372036854775808", "9223372036854775807K", "99999999999999999999999"} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "more than a size may be") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for suffix := range suffixes() {
		if !pattern.MatchString("1" + suffix) {
			t.Errorf("the pattern does not know %q", suffix)
		}
	}
}

// TestJSON writes a size as a number of bytes, as records of runs have it.
func TestJSON(t *testing.T) {
	text, err := json.Marshal(map[string]Size{"bytes": 10 * MiB})
	if err != nil || string(text) != `{"bytes":10485760}` {
		t.Errorf("%s, %v", text, err)
	}
	var back map[string]Size
	if err := json.Unmarshal(text, &back); err != nil || back["bytes"] != 10*MiB {
		t.Errorf("%v, %v", back, err)
	}
}
