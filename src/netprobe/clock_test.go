package netprobe

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// sampled is a request to a function whose clock is ahead by an offset.
func sampled(offset, out, back time.Duration) sample.PingPong {
	sent := time.Unix(1_800_000_000, 0)
	i := Instants{Sent: sent, Received: sent.Add(out + offset), Answered: sent.Add(out + offset + time.Millisecond),
		Replied: sent.Add(out + back + time.Millisecond)}
	return i.Row()
}

// TestOffset: with a clock 100 s ahead, the offset is that of the smallest round trip and within its bound.
func TestOffset(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	const offset = 100 * time.Second
	var all []sample.PingPong
	least := time.Hour
	for range 200 {
		out := 20*time.Millisecond + time.Duration(draw.Int64N(int64(10*time.Millisecond)))
		back := 5*time.Millisecond + time.Duration(draw.Int64N(int64(10*time.Millisecond)))
		least = min(least, out+back)
		all = append(all, sampled(offset, out, back))
	}
	all = append(all, sample.PingPong{Lost: sample.Yes})
	o, ok := Estimate(all)
	if !ok || o.RTT != least || o.Bound < least/2 || o.Bound > least/2+1 || (o.Offset-offset).Abs() > o.Bound ||
		o.Samples != 200 {
		t.Errorf("offset %+v, the smallest round trip is %s", o, least)
	}
	// The ways differ by 15 ms, evenly jittered by 10 ms each: mean 7.5 ms, deviation 10 ms / √12 / √2.
	if mean := o.Mean - offset; mean < 7*time.Millisecond || mean > 8*time.Millisecond {
		t.Errorf("mean %s", mean)
	}
	if o.SD < 1700*time.Microsecond || o.SD > 2400*time.Microsecond {
		t.Errorf("deviation %s", o.SD)
	}
	if _, ok := Estimate(all[200:]); ok {
		t.Error("a lost datagram shows an offset")
	}
}

func TestBoundGrowsWithAge(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	o := Offset{Bound: time.Millisecond, At: at}
	for age, want := range map[time.Duration]time.Duration{
		0: time.Millisecond, time.Minute: time.Millisecond, 100 * time.Second: 11 * time.Millisecond,
		-100 * time.Second: 11 * time.Millisecond,
	} {
		if got := o.BoundAt(at.Add(age)); got != want {
			t.Errorf("at an age of %s: %s, want %s", age, got, want)
		}
	}
}

// TestSearch: it ends with N in a row without a smaller round trip, or at 1000; an instance of its own is measured
// anew.
func TestSearch(t *testing.T) {
	c := Clocks{N: 3}
	steps := []struct {
		instance string
		ms       int
		done     bool
	}{{"a", 9, false}, {"a", 8, false}, {"a", 8, false}, {"a", 9, false}, {"b", 1, false}, {"a", 7, false},
		{"a", 7, false}, {"a", 9, false}, {"a", 7, true}, {"b", 1, false}}
	for i, s := range steps {
		row := sampled(0, time.Duration(s.ms)*time.Millisecond, 0)
		if got := c.Add(s.instance, &row); got != s.done {
			t.Errorf("step %d: done %t", i, got)
		}
	}
	lost := sample.PingPong{Lost: sample.Yes}
	if c.Add("b", &lost) {
		t.Error("a lost sample counts")
	}
	if o, ok := c.Of("a"); !ok || o.RTT != 7*time.Millisecond || o.Samples != 8 {
		t.Errorf("a: %+v", o)
	}
	if _, ok := c.Of("c"); ok {
		t.Error("an instance that was not seen has an offset")
	}
	var s Search
	for i := range 1000 { // each is smaller than the one before
		row := sampled(0, time.Duration(2000-i)*time.Millisecond, 0)
		if done := s.Add(&row); done != (i == 999) {
			t.Fatalf("sample %d: done %t", i, done)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]bool{"10.1.2.3": true, "172.17.0.2": true, "192.168.1.1": true,
		"100.64.0.1": true, "100.128.0.1": false, "127.0.0.1": true, "169.254.1.1": true, "fe80::1": true,
		"fd00::1": true, "::1": true, "0.0.0.0": true, "8.8.8.8": false, "2001:db8::1": true, "2606:4700::1": false,
		"192.0.2.2": true, "203.0.113.1": true, "198.20.0.1": false, "172.32.0.1": false} {
		if got := Private(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is private: %t", text, got)
		}
	}
	if got, err := RouteTo(context.Background(), "http://127.0.0.1:80/f"); err != nil || got.String() != "127.0.0.1" {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"", "/f", "http://", "http://name.invalid/"} {
		if got, err := RouteTo(context.Background(), bad); err == nil {
			t.Errorf("%q: %s", bad, got)
		}
	}
}
