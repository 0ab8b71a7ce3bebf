package rawcode_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestUDP runs the tests of the command udp in one instance of each language that has it.
func TestUDP(t *testing.T) {
	listener, err := netprobe.Listen(context.WithoutCancel(t.Context()), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	eachCell(t, func(t *testing.T, l language, begin func(*testing.T, ...string) *instance) {
		if l.name != "go" && l.name != "python" {
			return // refuses all micro-tests: TestBadParameters
		}
		t.Parallel()
		in := begin(t)
		t.Run("exchange", func(t *testing.T) { exchange(t, in, listener) })
		t.Run("losses and strays", func(t *testing.T) { lossesAndStrays(t, in) })
		t.Run("nobody listens", func(t *testing.T) { nobodyListens(t, in) })
		t.Run("time", func(t *testing.T) { timeEnds(t, in, listener) })
		t.Run("malformed", func(t *testing.T) { malformedCommands(t, in) })
	})
}

// ask sends a command, and gives what the driver reads of the answer.
func ask(t *testing.T, in *instance, body []byte) *netprobe.Answer {
	t.Helper()
	r := in.do(t, call{method: http.MethodPost, body: string(body)})
	a, err := netprobe.ReadAnswer([]byte(r.body))
	if err != nil || r.status != http.StatusOK {
		t.Fatalf("status %d, %v: %s", r.status, err, r.body)
	}
	return a
}

// exchange: the function and the driver of this repository understand each other, in both modes.
func exchange(t *testing.T, in *instance, listener *netprobe.Listener) {
	x := listener.Begin()
	trace := x.End(ask(t, in, x.Ping("127.0.0.1", 50).Body()).Rows)
	if len(trace.Rows) != 50 || trace.Lost != 0 || !trace.Stopped || trace.End != netprobe.Done {
		t.Errorf("ping-pong: %d rows, %+v", len(trace.Rows), trace)
	}
	x = listener.Begin()
	a := ask(t, in, x.Synchronize("localhost", 7).Body())
	trace = x.End(a.Rows)
	o, ok := netprobe.Estimate(trace.Rows)
	if !ok || o.Offset.Abs() > o.Bound || o.Bound > time.Second || o.Samples != len(trace.Rows) || o.Samples < 8 {
		t.Errorf("sync: %+v of %d rows: the two are one machine", o, len(trace.Rows))
	}
	if a.Answered.Before(a.Received) || a.InstanceID == "" || a.RequestID == "" {
		t.Errorf("answer %+v", a)
	}
	checkEnd(t, trace.Rows, 7)
}

// checkEnd: a synchronisation ends with the first n exchanges in a row that bring no smaller round trip, on the
// function's own clock.
func checkEnd(t *testing.T, rows []sample.PingPong, n int) {
	t.Helper()
	least, since := time.Duration(0), 0
	for i, r := range rows {
		rtt := r.ClientRcv.Sub(r.ClientSend)
		if since++; least == 0 || rtt < least {
			least, since = rtt, 0
		}
		if (since >= n) != (i == len(rows)-1) {
			t.Fatalf("row %d of %d: %d in a row without a smaller round trip", i, len(rows), since)
		}
	}
}

// lossesAndStrays: a datagram that is not answered is one loss and not the next one's echo; late, duplicate and
// foreign datagrams are counted and change no row; a stop is repeated until it is acknowledged.
func lossesAndStrays(t *testing.T, in *instance) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stops := make(chan int, 1)
	go misanswer(conn, stops)
	port := conn.LocalAddr().(*net.UDPAddr).Port
	a := ask(t, in, netprobe.Command{Address: "127.0.0.1", Port: port, Mode: netprobe.PingPong, Repetitions: 4,
		ID: "x"}.Body())
	rows := a.Rows
	if rows == nil || len(rows.Rows) != 4 || rows.Late != 2 || rows.Foreign != 2 || rows.End != netprobe.Done ||
		rows.ID != "x" {
		t.Fatalf("rows %+v, error %q", rows, a.Error)
	}
	for i, r := range rows.Rows {
		if r.Received.IsZero() != (i == 1) {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if wait := rows.Rows[2].Sent.Sub(rows.Rows[1].Sent); wait < 1990*time.Millisecond || wait > 10*time.Second {
		t.Errorf("a lost echo is waited for %s, want 2 s", wait)
	}
	select {
	case n := <-stops:
		if n != 2 {
			t.Errorf("%d stops, want 2: the first one is lost", n)
		}
	case <-time.After(patience):
		t.Error("a stop that is lost is not sent again")
	}
}

// misanswer is a driver that answers the first exchange, not the second, the third after strays and twice, the fourth,
// and the second stop.
func misanswer(conn net.PacketConn, stops chan<- int) {
	buf := make([]byte, 256)
	for n := 0; ; {
		size, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		say := func(text string) { _, _ = conn.WriteTo([]byte(text), from) }
		switch text := string(buf[:size]); text {
		case "x 0 ping", "x 3 ping":
			say(text)
		case "x 2 ping":
			for _, stray := range []string{"y 2 ping", "", "x 1 ping", text, text} {
				say(stray)
			}
		case "x 4 stop":
			if n++; n == 2 {
				say("x 4 stop-ack")
				stops <- n
			}
		}
	}
}

// nobodyListens: five losses in a row end an exchange.
func nobodyListens(t *testing.T, in *instance) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	a := ask(t, in, netprobe.Command{Address: "127.0.0.1", Port: port, Mode: netprobe.PingPong, Repetitions: 100,
		ID: "x"}.Body())
	if a.Rows == nil || len(a.Rows.Rows) != 5 || a.Rows.End != netprobe.Losses {
		t.Errorf("rows %+v, error %q", a.Rows, a.Error)
	}
	a = ask(t, in, netprobe.Command{Address: "name.invalid", Port: 1, Mode: netprobe.Sync}.Body())
	if a.Error == "" || a.Rows != nil {
		t.Errorf("a host that does not exist: %+v", a)
	}
}

// timeEnds: an exchange ends within the time that it is given.
func timeEnds(t *testing.T, in *instance, listener *netprobe.Listener) {
	x := listener.Begin()
	c := x.Ping("127.0.0.1", netprobe.MaxRepetitions)
	c.Seconds = 0.05
	rows := ask(t, in, c.Body()).Rows
	if rows == nil || rows.End != netprobe.OutOfTime || len(rows.Rows) == 0 || len(rows.Rows) == c.Repetitions {
		t.Errorf("rows %+v", rows)
	}
}

// malformedCommands: malformed commands are refused with what is known, before anything runs.
func malformedCommands(t *testing.T, in *instance) {
	udp := func(argument string) string { return `{"cmds":{"udp":` + argument + `}}` }
	for body, want := range map[string]string{
		`{"cmds":{"shell":"ls"}}`:                         `"shell" is not a micro-test of this function; it knows sleep_till, sleep, stat, io, net, cpu, cpuu, udp`,
		`{"cmds":[1]}`:                                    "cmds is not a JSON object",
		udp(`7`):                                          `udp: the argument is 7; want an object with "address", "port"`,
		udp(`{"adress":"h"}`):                             `want an object with "address", "port", "mode"`,
		udp(`{"port":1}`):                                 "udp: there is no address",
		udp(`{"address":"h","port":0}`):                   "port",
		udp(`{"address":"h","port":70000}`):               "70000",
		udp(`{"address":"h","port":1,"mode":"x"}`):        `mode "x" is neither "ping-pong" nor "sync"`,
		udp(`{"address":"h","port":1,"repetitions":-1}`):  "repetitions is -1",
		udp(`{"address":"h","port":1,"n":1000000}`):       "n is 1000000",
		udp(`{"address":"h","port":1,"seconds":-1}`):      "seconds is -1, it must not be negative",
		udp(`{"address":"h","port":1,"id":"a b"}`):        "id must have at most 64 characters and no blanks",
		`{"cmds":{"udp":{"address":"h","port":1},"x":1}}`: `"x" is not a micro-test`,
	} {
		status, why := refused(t, in.do(t, call{method: http.MethodPost, body: body}))
		if status != http.StatusBadRequest || !strings.Contains(why, want) {
			t.Errorf("%s: status %d, %q; want %q", body, status, why, want)
		}
	}
	var a struct {
		Cmds map[string]float64
	}
	r := in.do(t, get("cmds", "{}"))
	if err := json.Unmarshal([]byte(r.body), &a); err != nil || a.Cmds["end_time"] < a.Cmds["start_time"] ||
		a.Cmds["elapsed_time"] < 0 || len(a.Cmds) != 3 {
		t.Errorf("no micro-test: %v in %s", err, r.body)
	}
	if started := time.UnixMilli(int64(a.Cmds["start_time"])); time.Since(started) > time.Hour {
		t.Error(fmt.Sprint("started at ", started))
	}
}
