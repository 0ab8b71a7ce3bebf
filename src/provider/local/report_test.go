package local

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

// TestReports reads a log that comes in pieces, whatever they cut through.
func TestReports(t *testing.T) {
	line := reportline.Report{RequestID: "a", Duration: 2 * time.Millisecond, Billed: 8 * time.Millisecond,
		MemoryMB: 128, MaxMemory: 12, Init: 6 * time.Millisecond, Instance: "i", Cold: true}
	warm := reportline.Report{RequestID: "b", Duration: time.Millisecond, MemoryMB: 128, Instance: "i"}
	log := "of an older line\nSTART RequestId: a\nhello\n" + line.String() + "\n>" + line.String() + "\n" +
		warm.String() + "\nREPORT RequestId: not yet whole"
	want := []provider.Report{
		{RequestID: "a", Duration: 2 * time.Millisecond, Billed: 8 * time.Millisecond, Init: 6 * time.Millisecond,
			Restore: provider.NotReported, MemoryMB: 128, MaxMemoryMB: 12, Instance: "i", Cold: true, ColdKnown: true},
		{RequestID: "b", Duration: time.Millisecond, Init: provider.NotReported, Restore: provider.NotReported,
			MemoryMB: 128, Instance: "i", ColdKnown: true},
	}
	for size := 1; size < len(log); size += 7 {
		l := &connection{}
		l.FunctionLog = func(_ context.Context, service, function string, at int64) ([]byte, int64, error) {
			if service != "earlier-run" || function != "f0-0" {
				return nil, 0, errors.New("there is no " + service + "/" + function)
			}
			end := min(int(at)+size, len(log))
			return []byte(log[at:end]), int64(end), nil
		}
		w := provider.ReportWindow{Functions: []provider.Endpoint{{Function: "f1-0",
			URL: "http://127.0.0.1:4711/earlier-run/f0-0"}}}
		var got []provider.Report
		err := l.Reports(t.Context(), w, func(r provider.Report) { got = append(got, r) })
		if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Fatalf("in pieces of %d bytes: error %v\ngot  %+v\nwant %+v", size, err, got, want)
		}
	}
}
