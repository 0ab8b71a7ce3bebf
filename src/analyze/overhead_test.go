package analyze

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// overheadRow is an invocation that took so many ms, on a clock that is 5 s ahead.
func overheadRow(size int64, wanted, cold sample.Tri, ms int, bound time.Duration) sample.Overhead {
	at := time.Unix(1_800_000_000, 0)
	return sample.Overhead{Size: size, Wanted: wanted, Cold: cold, Start: at, Clock: true, Offset: 5 * time.Second,
		OffsetError: bound, Finish: at.Add(5*time.Second + time.Duration(ms)*time.Millisecond)}
}

func TestOverhead(t *testing.T) {
	const us = time.Microsecond
	rows := []sample.Overhead{
		overheadRow(1000, sample.Yes, sample.Yes, 30, 7*us), overheadRow(1000, sample.Yes, sample.Yes, 10, 9*us),
		overheadRow(1000, sample.Yes, sample.Yes, 20, 8*us), overheadRow(1000, sample.Yes, sample.Yes, 40, 8*us),
		overheadRow(1000, sample.Yes, sample.No, 900, 800*us),
		overheadRow(1000, sample.No, sample.No, -1, 2*us),
		overheadRow(2<<20, sample.Yes, sample.Yes, 70, 3*us),
		overheadRow(2<<20, sample.No, sample.Yes, 70, 3*us),
	}
	o := DescribeOverhead("code", []int64{1000, 2 << 20}, 4, rows)
	cold, warm := o.Series[0].Points, o.Series[1].Points
	if p := cold[0]; p.Count != 4 || p.Tried != 5 || p.Wanted != 4 || p.P25.V != 10 || p.Median.V != 20 ||
		p.P75.V != 30 || p.Min.V != 10 || p.Max.V != 40 || p.Error.V != 0.009 {
		t.Errorf("cold, 1000 bytes: %+v", p)
	}
	if p := warm[1]; p.Count != 0 || p.Tried != 1 || p.Median.OK || p.Error.OK || warm[0].Median.V != -1 {
		t.Errorf("warm, 2 MiB: %+v", p)
	}
	if got, want := o.Findings(), []string{
		"cold: median 20.000 ms at 1000 bytes, 70.000 ms at 2 MiB; each at most 0.009 ms off",
		"cold at 2 MiB: 3 of 4 not obtainable, in 1 tries",
		"warm: median -1.000 ms at 1000 bytes; each at most 0.002 ms off",
		"warm at 1000 bytes: 3 of 4 not obtainable, in 1 tries",
		"warm at 2 MiB: 4 of 4 not obtainable, in 1 tries",
	}; !slices.Equal(got, want) {
		t.Errorf("findings\n%s", strings.Join(got, "\n"))
	}
	var text bytes.Buffer
	if err := o.Write(&text); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(text.String(), "\n"); len(lines) != 6 || !strings.HasPrefix(lines[1],
		"code,1000,cold,4,4,5,10.000000,10.000000,20.000000,30.000000,40.000000,25.000000,") ||
		lines[4] != "code,2097152,warm,4,0,1,,,,,,,,n<6,n<6," {
		t.Errorf("%s", text.String())
	}
	none := DescribeOverhead("payload", []int64{1, 2}, 2, []sample.Overhead{overheadRow(1, sample.No, sample.Yes, 1, 0),
		overheadRow(2, sample.No, sample.Yes, 1, 0)})
	if got := none.Findings(); len(got) != 1 || got[0] != "warm: not obtainable at any of 2 sizes, in 2 tries" {
		t.Errorf("none: %q", got)
	}
}

func TestBytesWords(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 1024: "1024 bytes", 1 << 20: "1 MiB"} {
		if got := bytesWords(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
