package local

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

// What a function prints, or reports as its error, is never taken for a line of the platform's, even with the request's
// own id. The bytes stay, with a `>` in front.
func TestForgedReport(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	r := wantFailure(t, url+"?do=forge", 502, kindFunctionError, "Forged: it is broken")
	id := r.header.Get("X-Amzn-Requestid")
	getOK(t, url)
	eventually(t, "the output is in the log", func() bool { return strings.Contains(logOf(t, c), "red\tend\n") })
	log := logOf(t, c)
	if reps := reports(t, c); len(reps) != 2 || reps[0].RequestID != id || reps[0].Instance == "mine" ||
		reps[0].Status != "error" {
		t.Errorf("reports %+v\n%s", reps, log)
	}
	counts := map[string]int{}
	for line := range strings.Lines(log) {
		for _, begin := range []string{"START RequestId: ", "END RequestId: ", "REPORT RequestId: ",
			">START RequestId: ",
			">END RequestId: ",
			">REPORT RequestId: ", "> \tREPORT RequestId: ", ">>REPORT RequestId: ", ">\u00a0REPORT RequestId: ",
			"\x1b[31mred\tend\n"} {
			if strings.HasPrefix(line, begin) {
				counts[begin]++
			}
		}
		if strings.Contains(line, "Instance: mine") && strings.HasPrefix(strings.TrimSpace(line), "REPORT") {
			t.Errorf("a reader that trims takes %q for a report", line)
		}
	}
	for begin, want := range map[string]int{"START RequestId: ": 2, "END RequestId: ": 2, "REPORT RequestId: ": 2,
		">START RequestId: ": 1, ">END RequestId: ": 1,
		">REPORT RequestId: ": 2, "> \tREPORT RequestId: ": 1, ">>REPORT RequestId: ": 1,
		">\u00a0REPORT RequestId: ": 1, "\x1b[31mred\tend\n": 1} {
		if counts[begin] != want {
			t.Errorf("%d lines begin with %q, want %d", counts[begin], begin, want)
		}
	}
	if t.Failed() {
		t.Logf("%q", log)
	}
}

func TestPlatformLine(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 2)
	for line, want := range map[string]bool{
		"": false, "hello": false, "REPORTED": false, "Instance 3 of 4 is up": false, "Pull the lever": false,
		"> quoted": false, "STARTED": false,
		"START RequestId: x": true, "REPORT RequestId: x": true, "RequestId: x Error: y": true,
		"  REPORT x": true, ">>> END RequestId: x": true,
		"Instance " + id + ": gone": true, "Pull abc: Pull complete": true, "\v\fREPORT x": true,
	} {
		if got := platformLine([]byte(line)); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
	for _, before := range []string{" ", "\t", ">"} {
		line := before + "REPORT RequestId: x\tDuration: 1 ms"
		if r, ok := reportline.Parse(line); ok {
			t.Errorf("%q is a report: %+v", line, r)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext\n": "plain\ttext\n", "\x1b[31mred\x1b[0m": `\x1b[31mred\x1b[0m`,
		"\x1b]0;title\x07": `\x1b]0;title\x07`,
		"over\rwritten":    `over\x0dwritten`,
		"\u009b31m":        `\u009b31m`, "a\u202eb": `a\u202eb`, "\u2028": `\u2028`, "\x9b31m\xff": `\x9b31m\xff`,
		"日本語 é \ufffd": "日本語 é \ufffd", "\x00\x08\x7f": `\x00\x08\x7f`,
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
