package machine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func TestCapacityRefusals(t *testing.T) {
	here := supply{files: 20_000, ports: 28_232, span: "32768 to 60999", hold: time.Minute, local: 2 * time.Second,
		memory: 1 << 30, bound: "MemAvailable",
		raiseFiles: "FILES %d", raisePorts: "PORTS", widest: 64_512}
	for name, c := range map[string]struct {
		need       Need
		at         func(*supply)
		want, hint string
	}{
		"nothing": {need: Need{}},
		"just enough": {need: Need{Connections: 20_000 - spareFiles, New: 28_232,
			Bytes: 1<<30 - (20_000-spareFiles)<<15}},
		"files": {need: Need{Connections: 20_000 - spareFiles + 1},
			want: "20001 open files are needed (19937 connections and 64 others), 20000 are allowed",
			hint: "Allow more open files with FILES 20001."},
		"files unknown": {need: Need{Connections: 25_000}, at: func(m *supply) { m.files = 0 }},
		"open at once": {need: Need{Connections: 28_233, New: 28_233}, at: func(m *supply) { m.files = 1 << 20 },
			want: "28233 local ports are needed for connections to one address (as many are open at once), 28232 " +
				"are there (32768 to 60999)", hint: "Get more ports with PORTS."},
		"opened in turn": {need: Need{Connections: 10, New: 28_233},
			want: "28233 local ports are needed for connections to one address (28233 are opened a minute, and a " +
				"closed one keeps its port for 1m0s), 28232 are there (32768 to 60999)",
			hint: "Get more ports with PORTS."},
		"never enough ports": {need: Need{Connections: 10, New: 64_513},
			want: "64513 local ports are needed for connections to one address (64513 are opened a minute, and a " +
				"closed one keeps its port for 1m0s), 28232 are there (32768 to 60999)",
			hint: "No setting gives more than 64512 ports: set Connections to reuse or shared, or send less."},
		"soon free on loopback": {need: Need{Connections: 10, New: 30 * 28_232, Loopback: true}},
		"not so soon": {need: Need{Connections: 10, New: 30*28_232 + 1, Loopback: true},
			want: "28233 local ports are needed for connections to one address (846961 are opened a minute, and a " +
				"closed one keeps its port for 2s), 28232 are there (32768 to 60999)",
			hint: "Get more ports with PORTS."},
		"ports unknown": {need: Need{New: 1 << 20}, at: func(m *supply) { m.ports = 0 }},
		"memory": {need: Need{Connections: 10_000, Bytes: 800 << 20},
			want: "1113 MiB of memory are needed (32 KiB for each of 10000 connections, 800 MiB for bodies and " +
				"rows), 1024 MiB are left (MemAvailable)",
			hint: "Free memory, or set smaller bursts, payloads or MaxConnections."},
		"memory unknown": {need: Need{Bytes: 1 << 60}, at: func(m *supply) { m.memory = 0 }},
		"all of it": {need: Need{Connections: 40_000, New: 40_000, Bytes: 1 << 30},
			want: "40064 open files are needed (40000 connections and 64 others), 20000 are allowed; " +
				"40000 local ports are needed for connections to one address (as many are open at once), 28232 are " +
				"there (32768 to 60999); " +
				"2274 MiB of memory are needed (32 KiB for each of 40000 connections, 1024 MiB for bodies and " +
				"rows), 1024 MiB are left (MemAvailable)",
			hint: "Allow more open files with FILES 40064; get more ports with PORTS; free memory, or set smaller " +
				"bursts, payloads or MaxConnections."},
	} {
		t.Run(name, func(t *testing.T) {
			m := here
			if c.at != nil {
				c.at(&m)
			}
			err := c.need.check(m)
			if c.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("not refused")
			}
			if got := strings.TrimPrefix(err.Error(), "this machine cannot carry the load: "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if fail.Code(err) != fail.CodeInput || fail.Hint(err) != c.hint {
				t.Errorf("exit code %d, hint %s\nwant %s", fail.Code(err), fail.Hint(err), c.hint)
			}
		})
	}
}

// TestCapacityHere asks the machine itself: a burst of one it can carry, a billion connections it cannot.
func TestCapacityHere(t *testing.T) {
	if err := Capacity(Need{Connections: 1, New: 1}); err != nil {
		t.Errorf("one request: %v", err)
	}
	var f *fail.Error
	if err := Capacity(Need{Connections: 1_000_000_000, New: 1_000_000_000}); !errors.As(err, &f) || f.Hint == "" {
		t.Errorf("a billion: %v", err)
	}
}
