package selfwatch

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const (
	netstatNames = "TcpExt: ListenOverflows ListenDrops TCPFastRetrans TCPSlowStartRetrans TCPTimeouts TCPLossProbes " +
		"TCPDSACKRecv TCPBacklogDrop TCPOrigDataSent TCPRcvQDrop\n"
	netstatValues = "TcpExt: 1 2 3 4 5 6 7 8 18446744073709551615 10\n"
	netstatOther  = "IpExt: InNoRoutes InOctets\nIpExt: 0 5299375335\n"
)

func TestNetstat(t *testing.T) {
	want := [tcpFields]uint64{2, 8, 10, 7, 18446744073709551615, 3, 4, 5, 6}
	for _, c := range []struct {
		name, text string
		known      bool
		want       [tcpFields]uint64
	}{
		{"first of all", netstatNames + netstatValues + netstatOther, true, want},
		{"after another table", netstatOther + netstatNames + netstatValues, true, want},
		{"an old kernel", "TcpExt: A ListenDrops B\nTcpExt: 4 5 6\n", true, [tcpFields]uint64{5}},
		{"none of the fields", "TcpExt: A B\nTcpExt: 4 5\n", true, [tcpFields]uint64{}},
		{"no values", netstatNames, false, [tcpFields]uint64{}},
		{"no values, another table before", netstatOther + netstatNames, false, [tcpFields]uint64{}},
		{"values that are none", netstatNames + "TcpExt: one two\n", false, [tcpFields]uint64{}},
		{"cut off", "TcpExt: A ListenDrops B\nTcpExt: 4 5", false, [tcpFields]uint64{}},
		{"no such table", netstatOther, false, [tcpFields]uint64{}},
		{"empty", "", false, [tcpFields]uint64{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			columns := findColumns([]byte(c.text))
			var got [tcpFields]uint64
			if known := parseNetstat([]byte(c.text), &columns, &got); known != c.known || known && got != c.want {
				t.Errorf("%v %v, want %v %v", known, got, c.known, c.want)
			}
		})
	}
}

func TestSoftnet(t *testing.T) {
	for text, want := range map[string]uint64{
		"":                                      0,
		"00156c50 00000000 00000001 00000000\n": 0,
		"00156c50 0000000f 00000001 00000000\n0014af3b 000000a0 00000001 0\n": 0xaf,
		"00156c50 ffffffff\n0014af3b ffffffff\n":                              2 * 0xffffffff,
	} {
		if got := parseSoftnet([]byte(text)); got != want {
			t.Errorf("%q gives %d, want %d", text, got, want)
		}
	}
}

func TestUptime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"350735.47 234388.90\n": 234388900 * time.Millisecond,
		"1.00 0.07\n":           70 * time.Millisecond,
		"1.00\n":                -1, "": -1, "1.00 \n": -1, "1.00 x\n": -1, "1.00 2.50": -1,
	} {
		got, ok := parseUptime([]byte(text))
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q gives %s %v, want %s", text, got, ok, want)
		}
	}
}

func TestCountCores(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "cpu": 0, "cpu\n": 0, "cpu  1 2\ncpu0 1 2\ncpu1 1 2\nintr 5\ncpufreq 1\n": 2,
	} {
		if got := countCores([]byte(text)); got != want {
			t.Errorf("%q has %d cores, want %d", text, got, want)
		}
	}
}

// TestMachineTells reads this machine. What a kernel does not offer is not asked for in the tests either.
func TestMachineTells(t *testing.T) {
	m := newMeter(runtime.GOMAXPROCS(0))
	defer m.close()
	a := m.read()
	if m.system.cores < runtime.NumCPU() || a.cores != m.system.cores || a.idle <= 0 {
		t.Errorf("%d cores of %d that this process may use, idle for %s", a.cores, runtime.NumCPU(), a.idle)
	}
	if raw, err := os.ReadFile("/proc/net/netstat"); err == nil && strings.Contains(string(raw), " TCPOrigDataSent ") {
		talk(t)
		if b := m.read(); !a.net.known || b.net.payload <= a.net.payload {
			t.Errorf("before %+v, after %+v", a.net, b.net)
		}
	}
	if a.asleep < 0 || a.wall <= 0 || a.cpu <= 0 || a.allowed < 1 {
		t.Errorf("%+v", a)
	}
}

// talk sends data over a TCP connection of its own.
func talk(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
}

// TestMachineWithoutFiles: a system without these files is not judged, and it is no error.
func TestMachineWithoutFiles(t *testing.T) {
	empty, err := os.Create(filepath.Join(t.TempDir(), "empty"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = empty.Close() }()
	for _, m := range []system{{cores: 4}, {cores: 4, netstat: empty, softnet: empty, uptime: empty}} {
		m.buf = make([]byte, 100)
		var r reading
		m.read(&r)
		if r.net.known || r.cores != 0 {
			t.Errorf("%+v", r)
		}
		if v := judge(&r, &r, late{}, 0); v.String() != "" {
			t.Errorf("verdict %s", v.Detail())
		}
	}
	var m system
	m.close()
}
