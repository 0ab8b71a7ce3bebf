package reportline

import (
	"testing"
	"time"
)

func TestReportRoundTrip(t *testing.T) {
	r := Report{
		RequestID: "id", Duration: 12340 * time.Microsecond, Billed: 13 * time.Millisecond, MemoryMB: 128,
		MaxMemory: 64,
		Init:      99990 * time.Microsecond, Queue: 10 * time.Microsecond, Instance: "abc", Cold: true, Status: "error",
		ErrorClass: "X.Y",
	}
	want := "REPORT RequestId: id\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory " +
		"Used: 64 MB\tInit Duration: 99.99 ms" +
		"\tStatus: error\tError Type: X.Y\tQueue Duration: 0.01 ms\tInstance: abc\tCold: true"
	if r.String() != want {
		t.Errorf("got  %s\nwant %s", r, want)
	}
	if got, ok := Parse(want + "\n"); !ok || got != r {
		t.Errorf("read back %+v", got)
	}
	aws := "REPORT RequestId: 3604209a-e9a3-11e6-939a-754dd98c7be3\tDuration: 12.34 ms\tBilled Duration: 13 ms " +
		"Memory Size: x"
	if _, ok := Parse(aws); ok {
		t.Error("a line with a broken number was read")
	}
	aws = "REPORT RequestId: 36\tDuration: 12.34 ms\tBilled Duration: 100 ms\tMemory Size: 128 MB\tMax Memory Used: " +
		"18 MB\tInit Duration: 5.5 ms\t"
	if got, ok := Parse(aws); !ok || !got.Cold || got.MaxMemory != 18 || got.Init != 5500*time.Microsecond {
		t.Errorf("AWS's line: %v %+v", ok, got)
	}
	restored := "REPORT RequestId: 36\tDuration: 90.00 ms\tBilled Duration: 298 ms\tMemory Size: 1024 MB\tMax Memory " +
		"Used: 141 MB\tRestore Duration: 684.16 ms\tBilled Restore Duration: 207 ms\t"
	if got, ok := Parse(restored); !ok || !got.Cold || got.Init != 0 || got.Restore != 684160*time.Microsecond {
		t.Errorf("AWS's line of a restored snapshot: %v %+v", ok, got)
	}
	for _, line := range []string{"", "START RequestId: x", "REPORT ", "REPORT Duration: 1 ms"} {
		if _, ok := Parse(line); ok {
			t.Errorf("%q was read", line)
		}
	}
}
