package sample

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// eachOf reads with Each what readAll reads with Read.
func eachOf(in io.Reader) (rows []Sample, torn int, err error) {
	r, err := NewReader(in, "l.csv")
	if err != nil {
		return nil, 0, err
	}
	err = r.Each(func(s *Sample) { rows = append(rows, *s) })
	if err != nil {
		return rows, 0, err
	}
	return rows, r.Torn(), nil
}

// large is a file of many batches; odd rows among them hold line breaks and quotes.
func large(t testing.TB, rows int) string {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	for i := range rows {
		s := warm()
		s.Burst, s.RequestID = i, "id-"+strconv.Itoa(i)
		if i%7 == 0 {
			s.RequestID = "a,\"\n\"\n" + strings.Repeat("b\n", i%50)
		}
		w.AppendRow(&s)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Whatever the file, Each gives the rows, the torn line and the error that Read gives.
func TestEachIsRead(t *testing.T) {
	n := 20_000
	if raceEnabled {
		n = 4000 // a few buffers
	}
	whole := large(t, n)
	rng := rand.New(rand.NewPCG(2, 3))
	cases := map[string]func() io.Reader{
		"whole":           func() io.Reader { return strings.NewReader(whole) },
		"choppy":          func() io.Reader { return &choppy{in: strings.NewReader(whole), rng: rng} },
		"header":          func() io.Reader { return strings.NewReader(Header()) },
		"header and end":  func() io.Reader { return strings.NewReader(Header() + "\n") },
		"torn":            func() io.Reader { return strings.NewReader(whole[:len(whole)-5]) },
		"torn in quotes":  func() io.Reader { return strings.NewReader(whole + "\"a\nb\n") },
		"older, torn":     func() io.Reader { return strings.NewReader(older + "a,h,,,1,0\nb,h,,,2,1") },
		"empty lines":     func() io.Reader { return strings.NewReader(older + "\n\r\na,h,,,1,0\n\n") },
		"a bad row":       func() io.Reader { return strings.NewReader(whole + "a,b\n" + whole) },
		"an endless line": func() io.Reader { return strings.NewReader(whole + strings.Repeat("x", 2*maxLine) + "\n") },
		"endless quotes": func() io.Reader {
			return strings.NewReader(whole + "\"" + strings.Repeat("x\n", maxLine) +
				"\n")
		},
		"a broken disk": func() io.Reader {
			return io.MultiReader(strings.NewReader(whole+"a,h"), iotest.ErrReader(errors.New("cable pulled")))
		},
		"a quiet disk": func() io.Reader { return io.MultiReader(strings.NewReader(whole), still{}) },
	}
	for name, in := range cases {
		t.Run(name, func(t *testing.T) {
			rows, torn, err := readAll(in())
			got, gotTorn, gotErr := eachOf(in())
			if len(got) != len(rows) || gotTorn != torn || (gotErr == nil) != (err == nil) || err != nil &&
				gotErr.Error() != err.Error() {
				t.Fatalf("%d rows, torn %d, error %v; want %d, %d, %v", len(got), gotTorn, gotErr, len(rows), torn, err)
			}
			for i := range got {
				if !got[i].Equal(rows[i]) {
					t.Fatalf("row %d is %+v, want %+v", i, got[i], rows[i])
				}
			}
		})
	}
}

func TestEachLeavesNothingRunning(t *testing.T) {
	rows, times := large(t, 3000), 20
	if raceEnabled {
		times = 4
	}
	before := runtime.NumGoroutine()
	for range times {
		if _, _, err := eachOf(strings.NewReader(rows + "a\n" + rows)); err == nil {
			t.Fatal("no error")
		}
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}
