package calibrate

import (
	"math"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// ratios say how many times longer an increment takes than in Go, by the measurement functions of raw-code/ on one
// machine. They are used for runtimes that are not installed on the client. Workers run Node.js's code.
var ratios = map[string]float64{"go": 1, "rust": 1, "java": 1, "nodejs": 15, "workers": 15, "python": 100, "ruby": 60}

const tableError = 0.5 // possible relative error of the table

// fromTable computes increments from this machine's own speed and the language's ratio.
func fromTable(language string, want time.Duration) run.Calibration {
	ratio, ok := ratios[language]
	if !ok {
		ratio = 1
	}
	ns := ownSpeed() * ratio
	return run.Calibration{Method: "table", NsPerInc: ns, ServiceTime: want.String(), Error: tableError,
		Increments: int64(math.Round(float64(want) / ns))}
}

const ownIncrements = 20_000_000

// ownSpeed measures ns per increment of the spin loop in this process: one step of xorshift64
// (Marsaglia, "Xorshift RNGs", 2003).
func ownSpeed() float64 {
	x := uint64(88172645463325252)
	started := time.Now()
	for range ownIncrements {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	took := time.Since(started)
	if x == 0 { // never true, as xorshift never becomes zero; it only prevents that the loop is optimised away
		return 1
	}
	return float64(took) / ownIncrements
}
