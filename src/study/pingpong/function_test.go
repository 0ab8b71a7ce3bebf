package pingpong

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// function stands in for the measurement function: the same exchange, with timeouts of its own and a clock that is
// ahead.
type function struct {
	ahead   time.Duration
	cold    time.Duration // how long the first request of the instance takes before anything is sent
	timeout time.Duration // of an echo
	mute    bool          // it sends no datagram
	fails   bool          // it answers with status 500 after the exchange
	plain   bool          // its answer is a text
	stops   int           // how often it sends a stop

	asked atomic.Int64

	refuses string // what it says in place of an exchange
}

func (f *function) stamp() string { return strconv.FormatInt(time.Now().Add(f.ahead).UnixNano(), 10) }

func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	received := f.stamp()
	var ask struct {
		Cmds struct{ UDP *netprobe.Command }
	}
	_ = json.NewDecoder(r.Body).Decode(&ask) // a request without a body asks for nothing
	cold := f.asked.Add(1) == 1
	if cold {
		time.Sleep(f.cold)
	}
	answer := map[string]any{"RequestID": fmt.Sprint("r", f.asked.Load()), "ReceivedAt": received,
		"Instance": map[string]any{"ID": "i", "Cold": cold}}
	if ask.Cmds.UDP != nil {
		answer["Cmds"] = map[string]any{"udp": f.exchange(ask.Cmds.UDP)}
	}
	switch {
	case f.fails:
		w.WriteHeader(http.StatusInternalServerError)
	case f.plain:
		_, _ = w.Write([]byte("Hello"))
		return
	}
	answer["TimestampChain"] = []string{f.stamp()}
	_ = json.NewEncoder(w).Encode(answer)
}

// exchange does what a function does with the command udp.
func (f *function) exchange(c *netprobe.Command) any {
	if f.refuses != "" {
		return map[string]string{"error": f.refuses}
	}
	conn, err := net.Dial("udp", net.JoinHostPort(c.Address, strconv.Itoa(c.Port)))
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	defer func() { _ = conn.Close() }()
	base := time.Now()
	rows, losses, end := [][]int64{}, 0, "done"
	for n := 0; n < c.Repetitions && end == "done"; n++ {
		row := []int64{int64(n), int64(time.Since(base))}
		if came, ok := f.ping(conn, fmt.Sprintf("%s %d ping", c.ID, n), base); ok {
			row, losses = append(row, int64(came)), 0
		} else if losses++; losses == 5 {
			end = "losses"
		}
		rows = append(rows, row)
	}
	for range f.stops {
		_, _ = conn.Write([]byte(fmt.Sprintf("%s %d stop", c.ID, len(rows))))
	}
	return map[string]any{"id": c.ID, "base": strconv.FormatInt(base.Add(f.ahead).UnixNano(), 10), "rows": rows,
		"end": end}
}

func (f *function) ping(conn net.Conn, text string, base time.Time) (came time.Duration, ok bool) {
	if f.mute {
		return 0, false
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		return 0, false
	}
	_ = conn.SetReadDeadline(time.Now().Add(f.timeout))
	buf := make([]byte, 256)
	for {
		n, err := conn.Read(buf)
		if came = time.Since(base); err != nil {
			return 0, false
		}
		if string(buf[:n]) == text {
			return came, true
		}
	}
}

// log keeps what is warned of.
type log struct{ lines chan string }

func (l log) Warnf(format string, args ...any) { l.lines <- fmt.Sprintf(format, args...) }

// warnings is what has been warned of so far, without what a busy machine makes the probe say.
func warnings(l log) (text string) {
	for len(l.lines) > 0 {
		if line := <-l.lines; !strings.Contains(line, "the client may have caused") {
			text += line + "\n"
		}
	}
	return text
}

// environment is a study of a function, with so many ports that are free.
func environment(t *testing.T, f *function, url, exchange string, invocations, repetitions int) (study.Env, []int,
	log) {
	t.Helper()
	if url == "" {
		server := httptest.NewServer(f)
		t.Cleanup(server.Close)
		url = server.URL
	}
	said := log{make(chan string, 1000)}
	var env study.Env
	env.Sub = experiment.SubExperiment{Title: "pp", Type: experiment.TypePingPong, MaxErrorRatio: 1, TimeoutSeconds: 30,
		Parallelism: 1, Connections: "reuse", Protocol: "http1", Schedule: "closed",
		TypeKeys: experiment.TypeKeys{Exchange: exchange, Invocations: invocations, Repetitions: repetitions,
			Threads: invocations, FirstPort: 12000}}
	env.Dir, env.Log = filepath.Join(t.TempDir(), "0-pp"), said
	env.Endpoints = []study.Endpoint{{Function: "f0-0", URL: url}}
	listeners := make([]*netprobe.Listener, invocations)
	ports := make([]int, invocations)
	for i := range listeners {
		l, err := netprobe.Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		listeners[i], ports[i] = l, l.Port()
	}
	env.Listen = func(port int) (*netprobe.Listener, error) {
		if port < 12000 || port >= 12000+invocations {
			return nil, errors.New("no such port")
		}
		return listeners[port-12000], nil
	}
	return env, ports, said
}

// measured runs a study and reads back what it wrote.
func measured(t *testing.T, env study.Env) (rows []sample.PingPong, p *analyze.PingPong) {
	t.Helper()
	if err := (Study{}).Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	rows, err := sample.ReadPingPongs(env.Dir)
	if err != nil {
		t.Fatal(err)
	}
	rec := &run.Record{ID: "r", Experiment: &experiment.Experiment{Provider: "local",
		SubExperiments: []experiment.SubExperiment{env.Sub}},
		Results: []run.ResultRecord{{Folder: filepath.Base(env.Dir)}}}
	sum, err := Study{}.SummarizeWith(rec, env.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{StatisticsFile, ClocksFile} {
		if _, err := os.Stat(filepath.Join(env.Dir, name)); err != nil {
			t.Error(err)
		}
	}
	return rows, sum.Latencies.PingPong
}
