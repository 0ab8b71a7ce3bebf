package probe

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestFailedAnswerIsShown: the log has the first failed answer of each class with its status and the beginning of its
// body, escaped, over HTTP/1.1 and HTTP/2; the error of a single request has it, too.
func TestFailedAnswerIsShown(t *testing.T) {
	const token = "a-token-of-the-run"
	answer := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "{\"message\":\"statusCode 999\"}\x1b[2J\r\n"+r.Header.Get("X-Stellar-Token")+
			strings.Repeat("é", 400))
	}
	plain, _ := serveHTTP(t, false, answer)
	h2c, _, _ := serveH2(t, false, 250, answer)
	for protocol, at := range map[string]string{HTTP1: plain.URL, H2C: h2c} {
		var b book
		var notes []string
		cfg := config(&b, at)
		cfg.Protocol = protocol
		cfg.Targets[0].Header = http.Header{"X-Stellar-Token": {token}}
		cfg.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
		if _, err := Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if len(notes) != 1 || b.classes()[sample.HTTP5xx] != 12 {
			t.Fatalf("%s: notes %q, classes %v", protocol, notes, b.classes())
		}
		const want = `answered status 502: "{\"message\":\"statusCode 999\"}\x1b[2J\r\n[X-Stellar-Token]éé`
		if !strings.Contains(notes[0], want) || !strings.Contains(notes[0], `é"…`) || len(notes[0]) > 600 {
			t.Errorf("%s: note %q", protocol, notes[0])
		}
		if strings.Contains(notes[0], token) || strings.ContainsFunc(notes[0], unicode.IsControl) {
			t.Errorf("%s: note %q", protocol, notes[0])
		}
	}
	_, err := Once(t.Context(), Client{Timeout: patience}, Target{Name: "f", URL: plain.URL}, nil)
	if err == nil || !strings.Contains(err.Error(), `answered status 502: "{\"message\":`) {
		t.Errorf("error %v", err)
	}
}

// TestExcerpt: what is shown is cut between characters, and a body of blanks or of nothing is not shown.
func TestExcerpt(t *testing.T) {
	target := &target{fields: []field{{"Authorization", "Basic c2VjcmV0"}, {"X", "1"}}}
	for in, want := range map[string]string{
		"": "", " \r\n": "", "oops": `: "oops"`, "1 \xff\u202e": `: "1 \xff\u202e"`,
		"no Basic c2VjcmV0":                       `: "no [Authorization]"`,
		strings.Repeat("a", excerptBytes):         `: "` + strings.Repeat("a", excerptBytes) + `"`,
		strings.Repeat("a", excerptBytes-1) + "é": `: "` + strings.Repeat("a", excerptBytes-1) + `"…`,
		strings.Repeat("a", excerptBytes-20) + "Basic c2VjcmV0" + strings.Repeat("b", 9): `: "` +
			strings.Repeat("a", excerptBytes-20) + `[Authorization]bbbbb"…`,
	} {
		if got := target.excerpt([]byte(in)); got != want {
			t.Errorf("%.60q: %s, want %s", in, got, want)
		}
	}
}
