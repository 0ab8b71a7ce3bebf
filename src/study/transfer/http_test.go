package transfer

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// link stands in for a measurement function of a chain, whose clock is off.
type link struct {
	name  string
	off   time.Duration
	fault string
}

func (l *link) now() time.Time { return time.Now().Add(l.off) }

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func (l *link) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	payload, _ := io.ReadAll(r.Body)
	received := l.now()
	q := r.URL.Query()
	if r.Header.Get("X-Stellar-Token") != "secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	a := map[string]any{"RequestID": "r", "Instance": map[string]any{"ID": l.name, "Cold": false, "Invocation": 2},
		"ReceivedAt": nanos(received), "TimestampChain": []string{nanos(received)}, "SpinNs": 0}
	status := http.StatusOK
	switch {
	case q.Has("Chain") || q.Has("PayloadSHA256"):
		status = l.chain(a, q.Get("Chain"), q.Get("PayloadLengthBytes"), q.Has("PayloadSHA256"), payload)
	default:
		a["TimestampChain"] = []string{nanos(l.now())}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a)
}

// chain does the function's part of a chain and completes its answer.
func (l *link) chain(a map[string]any, chain, length string, receives bool, payload []byte) int {
	if !receives {
		n, _ := strconv.Atoi(length)
		payload = make([]byte, n)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(payload))
	a["PayloadBytes"], a["PayloadSHA256"], a["Hops"] = len(payload), sum, []any{}
	stamps := a["TimestampChain"].([]string)
	var rest []string
	_ = json.Unmarshal([]byte(chain), &rest)
	if len(rest) > 0 {
		head, tail := rest[0], rest[1:]
		text, _ := json.Marshal(tail)
		url := head + "?PayloadSHA256=" + sum + "&PayloadLengthBytes=" + length
		if len(tail) > 0 {
			url += "&Chain=" + strings.NewReplacer(`"`, "%22", "[", "%5B", "]", "%5D", ",", "%2C").Replace(string(text))
		}
		req, _ := http.NewRequest(http.MethodPost, url, strings.NewReader(string(payload)))
		req.Header.Set("X-Stellar-Token", "secret")
		begun := l.now()
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			a["error"] = "function of the chain: " + err.Error()
			return http.StatusBadGateway
		}
		var below map[string]any
		_ = json.NewDecoder(res.Body).Decode(&below)
		res.Body.Close()
		answered := l.now()
		if res.StatusCode != http.StatusOK {
			a["error"] = below["error"]
			return res.StatusCode
		}
		hop := map[string]any{"SentAt": nanos(begun), "ReceivedAt": below["ReceivedAt"],
			"RepliedAt": below["RepliedAt"], "AnsweredAt": nanos(answered), "Bytes": below["PayloadBytes"],
			"SHA256":   below["PayloadSHA256"],
			"Instance": below["Instance"].(map[string]any)["ID"], "Cold": false}
		a["Hops"] = append([]any{hop}, below["Hops"].([]any)...)
		for _, s := range below["TimestampChain"].([]any) {
			stamps = append(stamps, s.(string))
		}
	}
	switch l.fault {
	case "broken":
		a["error"] = "the payload has 3 bytes"
		return statusPayload
	case "other":
		a["PayloadSHA256"] = strings.Repeat("0", 64)
	case "short":
		a["Hops"] = []any{}
	}
	a["TimestampChain"], a["RepliedAt"] = stamps, nanos(l.now())
	return http.StatusOK
}

// httpChain is the environment of one chain over HTTP of functions with these clocks; the second one has a fault.
func httpChain(t *testing.T, fault string, offs ...time.Duration) study.Env {
	t.Helper()
	var env study.Env
	env.Index, env.Seed, env.UserAgent, env.Dir = 0, 1, "stellar/test", filepath.Join(t.TempDir(), "0-http")
	for i, off := range offs {
		l := &link{name: fmt.Sprintf("i%d", i), off: off}
		if i == 1 {
			l.fault = fault
		}
		s := httptest.NewServer(l)
		t.Cleanup(s.Close)
		env.Endpoints = append(env.Endpoints, study.Endpoint{Function: fmt.Sprintf("f0-0-%d", i), URL: s.URL + "/f",
			Token: "secret"})
	}
	env.Sub = experiment.SubExperiment{
		Title: "http", Type: experiment.TypeTransfer, DataTransferChainLength: len(offs), Protocol: probe.HTTP1,
		Connections: probe.Reuse, Bursts: 6, BurstSizes: []int{2}, IATType: schedule.Deterministic, MaxErrorRatio: 1,
		PayloadLengthBytes: 100_000, TimeoutSeconds: 20, WarmupBursts: 1,
		TypeKeys: experiment.TypeKeys{Fan: 1},
	}
	return env
}

// TestClocksApart: where clocks are 3 s apart, every offset lies within its bound of the truth, and corrected transfers
// fit into the client's latency.
func TestClocksApart(t *testing.T) {
	offs := []time.Duration{0, 3 * time.Second, -3 * time.Second, 1 * time.Second}
	env := httpChain(t, "", offs...)
	result, err := measure(t.Context(), env)
	if err != nil || result.Rows != 12 || result.Outcome.Errors != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	f, err := os.Open(filepath.Join(env.Dir, sample.TransfersFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 13 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	rows, err := sample.ReadTransfers(env.Dir, len(offs))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if row.Check != "" || len(row.SHA256) != 64 || row.Warmup != (i < 2) {
			t.Errorf("row %d: %+v", i, row)
		}
		for k, h := range row.Hops {
			cell := func(name string) float64 {
				v, err := strconv.ParseFloat(lines[i+1][slices.Index(lines[0], fmt.Sprintf("Hop %d %s", k, name))], 64)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			want := float64(offs[k+1]-offs[k]) / 1e6
			offset, bound := cell("Clock Offset (ms)"), cell("Clock Offset Error (ms)")
			if offset < want-bound-0.001 || offset > want+bound+0.001 {
				t.Errorf("row %d, hop %d: the offset is %.3f ± %.3f ms, in truth %.3f", i, k, offset, bound, want)
			}
			if transfer := cell("Transfer (ms)"); !h.Known || h.Corrected > time.Second || h.Corrected < -h.Bound ||
				transfer-offset-cell("Corrected (ms)") > 0.002 {
				t.Errorf("row %d, hop %d: transfer %.3f ms, %+v", i, k, transfer, h)
			}
		}
	}
}

// TestChainVerdicts: a payload that did not arrive is an error of class payload, whatever the status of the answer; a
// function that fails has the class of its status.
func TestChainVerdicts(t *testing.T) {
	for _, c := range []struct {
		fault string
		spoil func(*study.Env)
		class sample.Class
	}{
		{"", nil, sample.OK},
		{"broken", nil, sample.Payload},
		{"other", nil, sample.Payload},
		{"short", nil, sample.Payload},
		{"", func(e *study.Env) { e.Endpoints[2].URL = "http://127.0.0.1:1/f" }, sample.HTTP5xx},
		{"", func(e *study.Env) { e.Endpoints[0].Token = "wrong" }, sample.HTTP4xx},
	} {
		env := httpChain(t, c.fault, 0, 0, 0)
		env.Sub.Bursts = 1
		if c.spoil != nil {
			c.spoil(&env)
		}
		if _, err := measure(t.Context(), env); err != nil {
			t.Fatal(err)
		}
		rows, _, err := sample.ReadFile(filepath.Join(env.Dir, study.LatenciesFile))
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, row := range rows {
			if row.Err != c.class || (row.Latency >= 0) != (c.class == sample.OK) {
				t.Errorf("%s: class %q, latency %s; want %q", c.fault, row.Err, row.Latency, c.class)
			}
		}
	}
}

// TestCallers: hops lead from the functions that call, in the order of a walk through the tree.
func TestCallers(t *testing.T) {
	for _, c := range []struct {
		hops, fan int
		want      []int
	}{{3, 1, []int{0, 1, 2}}, {6, 2, []int{0, 1, 1, 0, 4, 4}}, {3, 3, []int{0, 0, 0}}, {2, 3, []int{0, 1}}} {
		if got := callersOf(c.hops, c.fan); !slices.Equal(got, c.want) {
			t.Errorf("%d hops, fan %d: %v, want %v", c.hops, c.fan, got, c.want)
		}
	}
}

// TestCoarse: a clock of whole milliseconds widens the bound of a hop's own exchange.
func TestCoarse(t *testing.T) {
	hop := func(sent, received, replied, answered string) sample.Hop {
		body := fmt.Sprintf(`{"TimestampChain":[],"Hops":[{"SentAt":"1732143600%s","ReceivedAt":"1732143600%s",
			"RepliedAt":"1732143600%s","AnsweredAt":"1732143600%s","Bytes":1}]}`, sent, received, replied, answered)
		a, err := readAnswer([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return a.chain().Hops[0]
	}
	for want, h := range map[time.Duration]sample.Hop{
		2 * time.Millisecond: hop("000000000", "002000001", "003000001", "005000000"),
		4 * time.Millisecond: hop("000000000", "002000000", "003000000", "005000000"),
		0:                    hop("000000001", "002000001", "003000000", "005000001"),
	} {
		if _, bound, ok := h.Offset(); h.Coarse != want || !ok || bound < 2*time.Millisecond+want {
			t.Errorf("coarse %s, bound %s; want %s", h.Coarse, bound, want)
		}
	}
}
