package sample

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func nanos(ns int64) time.Time { return time.Unix(1_800_000_000, ns).UTC() }

func TestPingPongsComeBack(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, PingPongFile)
	want := []PingPong{
		{ClientSend: nanos(100), ServerRcv: nanos(50), ServerSend: nanos(60), ClientRcv: nanos(190), Lost: No,
			RequestID: "r,1", Endpoint: "f0-0", InstanceID: "i", Warmup: true},
		{Number: 1, ClientSend: nanos(200), Lost: Yes, Invocation: 3, Endpoint: "f0-1"},
		{Number: 2, ServerRcv: nanos(300), ServerSend: nanos(301), Resolution: time.Millisecond},
	}
	w, err := CreatePingPongs(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		w.Append(&want[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadPingPongs(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header = "id,client_send,server_rcv,server_send,client_rcv,rtt,lost,invocation,request_id,endpoint," +
		"instance_id,warmup,offset,offset_error,resolution\n"
	const first = `0,1800000000000000100,1800000000000000050,1800000000000000060,1800000000000000190,80,false,0,"r,1",` +
		"f0-0,i,true,90,40,0\n"
	const lost = "1,1800000000000000200,,,,,true,3,,f0-1,,false,,,0\n"
	if !strings.HasPrefix(string(text), header+first+lost) {
		t.Errorf("the file is\n%s", text)
	}
	for spoilt, says := range map[string]string{
		string(text) + "3,1":                       "", // torn
		"id\n":                                     "the first line is not",
		header + "x,,,,,,,0,,,,false,,,0\n":        `parsing "x"`,
		header + "0,-1,,,,,,0,,,,false,,,0\n":      `"-1" is not an instant in ns`,
		header + "0,,,,,,perhaps,0,,,,false,,,0\n": `"perhaps" is neither`,
	} {
		if err := os.WriteFile(path, []byte(spoilt), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadPingPongs(dir)
		if says == "" && (err != nil || len(got) != len(want)) || says != "" && (err == nil ||
			!strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %d rows, %v", spoilt[max(0, len(spoilt)-40):], len(got), err)
		}
	}
}

// TestPingPongFormulas: the round trip is free of the offset, and the offset's error is within its bound whatever part
// of the way each direction takes.
func TestPingPongFormulas(t *testing.T) {
	const work, function = 300, 700 // ns that the driver and the function take in between
	for _, offset := range []int64{0, 100e9, -100e9, 7} {
		for _, out := range []int64{0, 1, 5e6, 20e6} {
			for _, back := range []int64{0, 3e6, 35e6} {
				sent := int64(1000)
				udp := PingPong{ClientSend: nanos(sent + offset), ServerRcv: nanos(sent + out),
					ServerSend: nanos(sent + out + work), ClientRcv: nanos(sent + out + work + back + offset)}
				http := PingPong{ServerSend: nanos(sent), ClientRcv: nanos(sent + out + offset),
					ClientSend: nanos(sent + out + function + offset), ServerRcv: nanos(sent + out + function + back)}
				for name, p := range map[string]PingPong{"udp": udp, "http": http} {
					rtt, ok := p.RTT()
					got, bound, _ := p.Offset()
					if wrong := int64(got) - offset; !ok || int64(rtt) != out+back || wrong > int64(bound) ||
						-wrong > int64(bound) {
						t.Errorf("%s, offset %d, ways %d and %d: rtt %d, offset %d ± %d", name, offset, out, back, rtt,
							got, bound)
					}
				}
			}
		}
	}
	if _, ok := (&PingPong{ClientSend: nanos(1), ClientRcv: nanos(2), ServerRcv: nanos(3)}).RTT(); ok {
		t.Error("an exchange with three instants has a round trip")
	}
	coarse := PingPong{ClientSend: nanos(0), ServerRcv: nanos(1), ServerSend: nanos(1), ClientRcv: nanos(0),
		Resolution: time.Millisecond}
	if _, bound, _ := coarse.Offset(); bound < time.Millisecond {
		t.Errorf("a clock of 1 ms has a bound of %s", bound)
	}
}
