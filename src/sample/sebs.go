package sample

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// The functions of this file write rows under the column names, and in the units, of SeBS's own files, for scripts that
// read those (github.com/spcl/serverless-benchmarks, sebs/experiments).

// WriteSeBSPerfCosts writes the result.csv of perf-cost: the invocations of these types that were as wanted, of all
// types where there are none. Times are in µs; is_cold is True or False.
func WriteSeBSPerfCosts(w io.Writer, rows []PerfCost, types []string) error {
	lines := [][]string{{"memory", "type", "is_cold", "exec_time", "connection_time", "client_time", "provider_time",
		"mem_used"}}
	for i := range rows {
		p := &rows[i]
		if !p.Obtained() || len(types) > 0 && !slices.Contains(types, p.Type) {
			continue
		}
		s := &p.Row
		connection := time.Duration(0) // over a connection that is kept
		if s.NewConn {
			connection = max(s.DNS, 0) + max(s.Connect, 0) + max(s.TLS, 0)
		}
		used := ""
		if s.MaxMemoryMB > 0 {
			used = strconv.Itoa(s.MaxMemoryMB)
		}
		lines = append(lines, []string{strconv.Itoa(p.MemoryMB), p.Type, pythonBool(s.Cold), micros(s.Service),
			micros(connection), micros(s.Latency), micros(s.ProviderDuration), used})
	}
	return writeSeBS(w, lines)
}

// WriteSeBSOverheads writes the result.csv of invocation-overhead: the invocations that were as wanted. Times and
// instants are in s; is_cold is 1 or 0.
func WriteSeBSOverheads(w io.Writer, rows []Overhead) error {
	lines := [][]string{{"size", "repetition", "is_cold", "connection_time", "start_timestamp", "finish_timestamp",
		"request_id"}}
	for i := range rows {
		if rows[i].Obtained() {
			lines = append(lines, sebsOverhead(&rows[i]))
		}
	}
	return writeSeBS(w, lines)
}

// WriteSeBSOverheadsProcessed writes the result-processed.csv of invocation-overhead: the columns of result.csv, then
// mean and deviation of the clock's offset and the invocation time. Other than in SeBS, the time is that with the
// offset subtracted, from the exchange with the smallest round trip.
func WriteSeBSOverheadsProcessed(w io.Writer, rows []Overhead) error {
	lines := [][]string{{"payload_size", "repetition", "is_cold", "connection_time", "start_timestamp",
		"finish_timestamp", "request_id", "clock_drift_mean", "clock_drift_std", "invocation_time"}}
	for i := range rows {
		if r := &rows[i]; r.Obtained() {
			took, _ := r.Invocation()
			lines = append(lines, append(sebsOverhead(r), inSeconds(int64(r.Mean)), inSeconds(int64(r.SD)),
				inSeconds(int64(took))))
		}
	}
	return writeSeBS(w, lines)
}

func sebsOverhead(r *Overhead) []string {
	cold := "0"
	if r.Cold == Yes {
		cold = "1"
	}
	return []string{strconv.FormatInt(r.Size, 10), strconv.Itoa(r.Repetition), cold, inSeconds(int64(r.Connection)),
		inSeconds(r.Start.UnixNano()), inSeconds(r.Finish.UnixNano()), r.RequestID}
}

// WriteSeBSPingPongs writes the exchanges of network-ping-pong that are complete and no warm-up: the columns of SeBS's
// files of both sides, joined. Instants are in s.
func WriteSeBSPingPongs(w io.Writer, rows []PingPong) error {
	return writeSeBSPingPongs(w, rows, false)
}

// WriteSeBSPingPongsProcessed adds the round trip and the clock's offset in s, which SeBS calculates and does not
// write.
func WriteSeBSPingPongsProcessed(w io.Writer, rows []PingPong) error {
	return writeSeBSPingPongs(w, rows, true)
}

func writeSeBSPingPongs(w io.Writer, rows []PingPong, processed bool) error {
	header := []string{"id", "request_id", "client_send", "server_rcv", "server_send", "client_rcv"}
	if processed {
		header = append(header, "rtt", "clock_drift")
	}
	lines := [][]string{header}
	for i := range rows {
		r := &rows[i]
		rtt, complete := r.RTT()
		if !complete || r.Warmup {
			continue
		}
		line := []string{strconv.Itoa(r.Number), r.RequestID}
		for _, at := range []time.Time{r.ClientSend, r.ServerRcv, r.ServerSend, r.ClientRcv} {
			line = append(line, inSeconds(at.UnixNano()))
		}
		if processed {
			offset, _, _ := r.Offset()
			line = append(line, inSeconds(int64(rtt)), inSeconds(int64(offset)))
		}
		lines = append(lines, line)
	}
	return writeSeBS(w, lines)
}

// WriteSeBSEvictions writes the waits of eviction-model. SeBS has no table of them: it writes objects whose stats have
// cold_start. Times are in s; is_cold is that of the second invocation, True or False.
func WriteSeBSEvictions(w io.Writer, rows []Eviction) error {
	lines := [][]string{{"function", "sleep", "time_spent", "is_cold", "request_id", "begin"}}
	for i := range rows {
		r := &rows[i]
		if r.Lived == Unknown {
			continue
		}
		evicted := map[Tri]Tri{Yes: No, No: Yes}[r.Lived]
		lines = append(lines, []string{r.Endpoint, inSeconds(int64(r.Planned)), inSeconds(int64(r.Wait)),
			pythonBool(evicted), r.RequestID, inSeconds(r.SentAt.UnixNano())})
	}
	return writeSeBS(w, lines)
}

func writeSeBS(w io.Writer, lines [][]string) error {
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("write results under SeBS's names: %w", err)
	}
	return nil
}

func pythonBool(t Tri) string { return map[Tri]string{Yes: "True", No: "False"}[t] }

// micros writes µs, with the ns that are known behind the point; nothing where the duration is none.
func micros(d time.Duration) string {
	if d < 0 {
		return ""
	}
	return strconv.FormatFloat(float64(d)/1e3, 'f', -1, 64)
}

// inSeconds writes ns as seconds, without loss.
func inSeconds(ns int64) string {
	sign := ""
	if ns < 0 {
		sign, ns = "-", -ns
	}
	return fmt.Sprintf("%s%d.%09d", sign, ns/1e9, ns%1e9)
}
