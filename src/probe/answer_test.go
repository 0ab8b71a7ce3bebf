package probe

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestAnswersAreGiven: each complete response is given before its row, whatever its status, as far as KeepBody goes;
// what broke off is not. Each request has the round's body.
func TestAnswersAreGiven(t *testing.T) {
	server, _ := serveHTTP(t, false, func(w http.ResponseWriter, r *http.Request) {
		asked, _ := io.ReadAll(r.Body)
		switch {
		case string(asked) == "round 1":
			w.WriteHeader(http.StatusTeapot)
		case string(asked) == "round 2":
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, string(asked)+", "+strings.Repeat("x", 2<<20))
	})
	var bodies []string
	var rows []sample.Sample
	_, err := Run(t.Context(), Config{
		Client: Client{KeepBody: 1<<20 + 5}, Targets: []Target{{URL: server.URL}}, Bursts: 3, MaxErrorRatio: 1,
		Method: http.MethodPost, Body: func(round int) []byte { return fmt.Appendf(nil, "round %d", round) },
		Answer: func(row *sample.Sample, body []byte) {
			if row.Burst != len(rows) {
				t.Errorf("the response of burst %d comes after %d rows", row.Burst, len(rows))
			}
			bodies = append(bodies, fmt.Sprintf("%d %d %s %d", row.Burst, row.Status, body[:7], len(body)))
		},
		Sink: func(burst []sample.Sample) error { rows = append(rows, burst...); return nil },
	})
	const want = "0 200 round 0 1048581; 1 418 round 1 1048581"
	if got := strings.Join(bodies, "; "); err != nil || got != want || len(rows) != 3 {
		t.Errorf("%v, %d rows, answers %s; want %s", err, len(rows), got, want)
	}
}
