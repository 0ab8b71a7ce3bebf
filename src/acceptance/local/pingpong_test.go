package local_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// freePorts gives the first of n free UDP ports that follow each other.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for first := 20_000; first < 30_000; first += n {
		free := 0
		for i := range n {
			conn, err := net.ListenPacket("udp", fmt.Sprint("127.0.0.1:", first+i))
			if err != nil {
				break
			}
			free++
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if free == n {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

// TestPingPong measures functions in Go, through a relay, and in Python, and over HTTP: functions and driver have one
// clock, so that each offset is within its bound of 0.
func TestPingPong(t *testing.T) {
	first := freePorts(t, 3)
	out := relaytest.Way{Delay: 8 * time.Millisecond, Jitter: time.Millisecond}
	back := relaytest.Way{Delay: 2 * time.Millisecond, Jitter: time.Millisecond}
	var relays []*relaytest.UDP
	for i := range 2 {
		relays = append(relays, relaytest.StartUDP(t, fmt.Sprint("127.0.0.2:", first+i),
			fmt.Sprint("127.0.0.1:", first+i), 1, out, back))
	}
	l := lab.New(t, fmt.Sprintf(`{"Provider": "local", "Runtime": "go", "SubExperiments": [
		{"Title": "go", "Type": "network-ping-pong", "Invocations": 2, "Threads": 2, "Repetitions": 50,
			"FirstPort": %d, "AdvertiseAddress": "127.0.0.2"},
		{"Title": "python", "Type": "network-ping-pong", "Runtime": "python3.13", "Invocations": 1, "Repetitions": 50,
			"FirstPort": %d},
		{"Title": "http", "Type": "network-ping-pong", "Exchange": "http", "Invocations": 1, "Repetitions": 50}]}`,
		first, first+2))
	said := l.Output("-c", "exp.json", "-o", "out")
	for _, want := range []string{"0 go: round trip: mean ", "n = 98", "0 go: lost: 0 of 98, 0 %",
		"1 python: round trip: ", "2 http: clock of the function minus "} {
		if !strings.Contains(strings.Join(strings.Fields(said), " "), want) {
			t.Errorf("the summary does not say %q:\n%s", want, said)
		}
	}
	for folder, want := range map[string]int{"0-*": 100, "1-*": 50, "2-*": 50} {
		dirs, err := filepath.Glob(filepath.Join(l.Dir, "out", "2*", folder))
		if err != nil || len(dirs) != 1 {
			t.Fatalf("%v, %v", dirs, err)
		}
		rows, err := sample.ReadPingPongs(dirs[0])
		if err != nil || len(rows) != want {
			t.Fatalf("%s: %d rows, %v", folder, len(rows), err)
		}
		for i := range rows {
			offset, bound, ok := rows[i].Offset()
			if !ok || offset.Abs() > bound || rows[i].InstanceID == "" || rows[i].RequestID == "" {
				t.Errorf("%s, row %d: offset %s ± %s; %+v", folder, i, offset, bound, rows[i])
			}
			if rtt, _ := rows[i].RTT(); folder == "0-*" && rtt < 8*time.Millisecond {
				t.Errorf("row %d took %s, the relay 8 ms at least", i, rtt)
			}
		}
		for _, name := range []string{"network-ping-pong-statistics.csv", "clock-offsets.csv", "histogram.png",
			"round-trips.png"} {
			if _, err := os.Stat(filepath.Join(dirs[0], name)); err != nil {
				t.Error(err)
			}
		}
	}
	for i, r := range relays {
		if n := len(r.Log()); n != 2*51 { // each way: 50 pings and a stop
			t.Errorf("relay %d has passed %d datagrams on, want 102", i, n)
		}
	}
}
