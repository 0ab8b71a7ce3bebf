package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"
)

const (
	longestSleep = 3_600_000     // ms
	mostRepeats  = 1_000_000_000 // of cpu and cpuu
)

// milliseconds is a duration as results have it.
func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }

// parseSleepTill reads the instant, in Unix ms by this machine's clock, until which sleep_till waits.
func parseSleepTill(argument []byte) (task, error) {
	const latest = 9e12 // ms: beyond it, a time in ns does not fit into 64 bits
	ms, err := readNumber(argument, latest, "Unix time in ms")
	if err != nil {
		return nil, err
	}
	return func(in *invocation) (any, error) {
		return in.busy(time.Unix(0, int64(ms*float64(time.Millisecond))))
	}, nil
}

// parseSleep reads the ms that sleep waits.
func parseSleep(argument []byte) (task, error) {
	ms, err := readNumber(argument, longestSleep, "number of ms")
	if err != nil {
		return nil, err
	}
	return func(in *invocation) (any, error) {
		return in.busy(time.Now().Add(time.Duration(ms * float64(time.Millisecond))))
	}, nil
}

// busy waits on the processor, so that the instance is neither suspended nor given to others. It gives the ms that it
// took.
func (in *invocation) busy(end time.Time) (any, error) {
	if end.After(in.end) {
		return nil, fmt.Errorf("the wait would end %.3g s after the function's timeout", end.Sub(in.end).Seconds())
	}
	begun := time.Now()
	for time.Now().Before(end) {
		continue
	}
	return milliseconds(time.Since(begun)), nil
}

// readNumber reads an argument that is a number from 0 to most.
func readNumber(argument []byte, most float64, what string) (float64, error) {
	var n *float64
	if json.Unmarshal(argument, &n) != nil || n == nil || *n < 0 || *n > most {
		return 0, fmt.Errorf("the argument is %s; want a %s from 0 to %.0f", shorten(string(argument)), what, most)
	}
	return *n, nil
}

// readRepeats reads the argument of cpu and cpuu.
func readRepeats(argument []byte) (int64, error) {
	var a struct {
		N json.RawMessage `json:"n"`
	}
	if err := readArgument(argument, &a, `"n"`); err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(a.N), 10, 64)
	if err != nil || n < 0 || n > mostRepeats {
		return 0, fmt.Errorf(`the argument is %s; "n" must be a whole number from 0 to %d`, shorten(string(argument)),
			mostRepeats)
	}
	return n, nil
}

var errNoTime = errors.New("the function's timeout is over before the test is")

// parseCPU reads the n of cpu, which gives the ms that n! takes.
func parseCPU(argument []byte) (task, error) {
	n, err := readRepeats(argument)
	if err != nil {
		return nil, err
	}
	return func(in *invocation) (any, error) {
		begun := time.Now()
		product := factorial(n, in.end)
		took := time.Since(begun)
		if product == nil {
			return nil, errNoTime
		}
		if product.Sign() <= 0 { // it is looked at, or a compiler might leave the loop out
			return nil, errors.New("the factorial is not positive")
		}
		return milliseconds(took), nil
	}, nil
}

// factorial multiplies the numbers up to n one after the other, as all languages of the function do; nil: end came
// first.
func factorial(n int64, end time.Time) *big.Int {
	const pause = 256 // multiplications between two looks at the clock
	product, factor := big.NewInt(1), new(big.Int)
	for i := int64(2); i <= n; i++ {
		product.Mul(product, factor.SetInt64(i))
		if i%pause == 0 && time.Now().After(end) {
			return nil
		}
	}
	return product
}

const (
	allStamps   = 10_000 // a loop of at most so many gives every timestamp that it sees
	stampStep   = 0.5    // ms between the timestamps of a longer one, and the shortest gap whose both ends it gives
	mostStamps  = 50_000 // more do not fit into an answer
	cpuuTooLong = "more than %d timestamps, which do not fit into an answer: ask for a smaller n"
)

// parseCPUU reads the n of cpuu, which gives the timestamps in Unix ms that a loop of n sees: sorted, each once.
func parseCPUU(argument []byte) (task, error) {
	n, err := readRepeats(argument)
	if err != nil {
		return nil, err
	}
	return func(in *invocation) (any, error) {
		s := stamps{all: n <= allStamps}
		begun := time.Now()
		base, left := milliseconds(time.Duration(begun.UnixNano())), in.end.Sub(begun)
		for i := int64(0); i < n; i++ {
			since := time.Since(begun)
			if since > left {
				return nil, errNoTime
			}
			if s.add(base + milliseconds(since)); len(s.kept) > mostStamps {
				return nil, fmt.Errorf(cpuuTooLong, mostStamps)
			}
		}
		return s.end(), nil
	}, nil
}

// stamps are the timestamps of a loop. Where not all are kept, both ends of each gap of stampStep and more are, and
// between them one in each stampStep.
type stamps struct {
	all  bool
	kept []float64
	last float64 // seen, kept or not
}

func (s *stamps) add(t float64) {
	switch n := len(s.kept); {
	case n == 0, s.all && t > s.kept[n-1]:
		s.kept = append(s.kept, t)
	case s.all:
	case t-s.last >= stampStep:
		s.end()
		s.kept = append(s.kept, t)
	case t-s.kept[n-1] >= stampStep:
		s.kept = append(s.kept, t)
	}
	s.last = t
}

// end keeps the last one that was seen, too.
func (s *stamps) end() []float64 {
	if n := len(s.kept); n > 0 && s.last > s.kept[n-1] {
		s.kept = append(s.kept, s.last)
	}
	return append([]float64{}, s.kept...)
}
