package main

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// firstStamp and firstCPU are the earliest instants this program can note of itself: package variables are set
// before main.
var (
	firstStamp = time.Now()
	firstCPU   = cpuTime()
)

// Instance is what this process says about itself.
type Instance struct {
	ID         string // drawn at the first request, so that copies restored from one snapshot differ
	Cold       bool   // true for exactly one request of the instance's life
	Invocation int64  // counts requests from 1
	InitNs     int64  // process start to ready to serve
	StartedAt  string // process start, Unix ns
	Runtime    string
	MemoryMB   int
	CPU        string // "<count>,<model>"
	Host       string
}

// identity holds what does not change in the life of the instance.
type identity struct {
	fixed       Instance
	started     time.Time
	idOnce      sync.Once
	id          string
	claimed     atomic.Bool
	invocations atomic.Int64
	readyOnce   sync.Once
	initNs      int64
}

func newIdentity(getenv func(string) string) *identity {
	host, _ := os.Hostname() // an unnamed host is reported as such
	memory, _ := strconv.Atoi(getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	started := processStart()
	return &identity{
		started: started,
		fixed: Instance{
			StartedAt: stamp(started),
			Runtime:   runtime.Version(),
			MemoryMB:  memory,
			CPU:       strconv.Itoa(runtime.NumCPU()) + "," + cpuModel(),
			Host:      host,
		},
	}
}

// ready notes the end of initialisation; the first call counts.
func (i *identity) ready() {
	i.readyOnce.Do(func() { i.initNs = int64(time.Since(i.started)) })
}

// claim is called when a request arrives. The swap lets exactly one of several concurrent requests be cold.
func (i *identity) claim() Instance {
	in := i.fixed
	in.Cold = !i.claimed.Swap(true)
	in.Invocation = i.invocations.Add(1)
	i.idOnce.Do(func() { i.id = randomID() })
	in.ID = i.id
	in.InitNs = i.initNs
	return in
}

// processStart estimates when the process began. The kernel gives that in clock ticks of 10 ms; within its tick the
// start is placed so that the process has been on a CPU all the time up to its first stamp, which a starting process
// nearly is. The error is below one tick in any case and far smaller as a rule. Systems that do not tell the tick get
// the CPU time alone.
func processStart() time.Time {
	guess := firstStamp.Add(-firstCPU)
	earliest, tick, ok := startTick()
	if !ok {
		return guess
	}
	if guess.Before(earliest) {
		return earliest
	}
	if latest := earliest.Add(tick); guess.After(latest) {
		return latest
	}
	return guess
}

// cpuModel reads the first processor's name where the system tells it. Only the first page is read: the file is made
// anew for each reader and is long on large machines.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	page := make([]byte, 4096)
	n, _ := f.Read(page)
	for _, line := range strings.Split(string(page[:n]), "\n") {
		name, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func randomID() string {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return strconv.FormatInt(time.Now().UnixNano(), 16)
	}
	return hex.EncodeToString(b)
}

// stamp writes an instant as all timestamps of the protocol are: Unix nanoseconds in decimal.
func stamp(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
