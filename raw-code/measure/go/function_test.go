package main

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"
	"time"
)

func TestPayload(t *testing.T) {
	for _, n := range []int64{0, 1, 7, 8, 9, 4096, 1<<20 + 3} {
		p := makePayload(n)
		if int64(len(p)) != n || !bytes.Equal(p, makePayload(n)) {
			t.Errorf("%d bytes asked for: %d made, equal to a second making: %v", n, len(p),
				bytes.Equal(p, makePayload(n)))
		}
	}
	const large = 1 << 20
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(makePayload(large))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() < large {
		t.Errorf("the payload compresses from %d to %d bytes", large, packed.Len())
	}
}

func TestSpinTakesTime(t *testing.T) {
	begun := time.Now()
	const n = 20_000_000
	state := spin(n)
	if took := time.Since(begun); state == seed || took < n/10*time.Nanosecond {
		t.Errorf("%d steps took %v: the loop is not run", n, took)
	}
}

func TestRefusedLimitIsBelowWhatASpinTakes(t *testing.T) {
	begun := time.Now()
	const n = 50_000_000
	state := spin(n)
	if took := time.Since(begun); float64(took) < n*nsPerIncrement/2 || state == 0 {
		t.Errorf("a step takes %v here, far less than the %v ns that limits are judged by", took/n, nsPerIncrement)
	}
}

func TestProcessStart(t *testing.T) {
	started := processStart()
	if !started.Before(firstStamp) || firstStamp.Sub(started) > time.Minute {
		t.Errorf("started %v, first stamp %v", started, firstStamp)
	}
	// Each call relates the kernel's clock to the wall clock anew, some microseconds apart.
	const apart = time.Millisecond
	earliest, tick, ok := startTick()
	if ok && (started.Before(earliest.Add(-apart)) || started.After(earliest.Add(tick+apart))) {
		t.Errorf("started %v, the kernel says %v and less than %v later", started, earliest, tick)
	}
}

func BenchmarkStep(b *testing.B) {
	if spin(int64(b.N)) == 0 {
		b.Error("xorshift does not reach 0")
	}
}

func BenchmarkPayload(b *testing.B) {
	b.SetBytes(16 << 20)
	for b.Loop() {
		makePayload(16 << 20)
	}
}
