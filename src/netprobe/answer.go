package netprobe

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Mode is the kind of an exchange.
type Mode string

// The modes.
const (
	PingPong Mode = "ping-pong" // so many datagrams
	Sync     Mode = "sync"      // until N in a row bring no smaller round trip
)

// End is why a function ended an exchange.
type End string

// The ends.
const (
	Done       End = "done"
	Losses     End = "losses"   // five datagrams in a row were lost
	OutOfTime  End = "time"     // the function's timeout, or Command.Seconds, was nearly over
	syncMost       = 1000       // datagrams of a synchronisation
	syncPerRow     = 20         // Command.N where it is 0
	maxRows        = 1 << 20    // of an answer that is read
	maxClock       = 4102444800 // the year 2100: stamps beyond are none
)

// MaxRepetitions is the most exchanges of one request: the function's rows of more do not fit into an answer.
const MaxRepetitions = 100_000

// Command is what a function is asked for.
type Command struct {
	Address     string  `json:"address"` // that functions reach the driver at
	Port        int     `json:"port"`
	Mode        Mode    `json:"mode"`
	Repetitions int     `json:"repetitions"`       // at most
	N           int     `json:"n,omitempty"`       // of Sync
	Seconds     float64 `json:"seconds,omitempty"` // that the exchange may take; 0: as long as the timeout allows
	ID          string  `json:"id"`                // of the datagrams
}

// Ping asks for so many exchanges.
func (x *Exchange) Ping(address string, repetitions int) Command {
	return Command{Address: address, Port: x.listener.Port(), Mode: PingPong, Repetitions: repetitions, ID: x.ID}
}

// Synchronize asks for exchanges until n in a row bring no smaller round trip; at most 1000, and at most for 80 % of
// the function's timeout. It may be asked together with other commands in one request. n of 0 is 20.
func (x *Exchange) Synchronize(address string, n int) Command {
	if n == 0 {
		n = syncPerRow
	}
	return Command{Address: address, Port: x.listener.Port(), Mode: Sync, Repetitions: syncMost, N: n, ID: x.ID}
}

// Body is the JSON body of a request that asks a function for an exchange.
func (c Command) Body() []byte {
	text, err := json.Marshal(map[string]any{"cmds": map[string]any{"udp": c}})
	if err != nil { // of a number that is not one: Seconds
		panic(err)
	}
	return text
}

// Answer is what a function's answer says about instants and exchanges.
type Answer struct {
	RequestID, InstanceID string

	Received   time.Time // when the request was in, on the function's clock
	Answered   time.Time // when its work was done, on the function's clock
	Resolution time.Duration

	Rows  *FunctionRows // of the exchange; nil: it tells of none
	Error string        // of the exchange: why there was none
}

// FunctionRows are the function's side of an exchange.
type FunctionRows struct {
	ID      string
	Rows    []FunctionRow
	End     End
	Late    int
	Foreign int
}

// FunctionRow is the function's side of one datagram, on its clock.
type FunctionRow struct {
	Number   int
	Sent     time.Time
	Received time.Time // zero: lost
}

// answerJSON is the part of the function's JSON that is read.
type answerJSON struct {
	RequestID      string
	TimestampChain []string
	ReceivedAt     string
	Instance       struct{ ID string }
	Cmds           struct {
		UDP *struct {
			ID      string    `json:"id"`
			Base    string    `json:"base"`
			Rows    [][]int64 `json:"rows"`
			End     End       `json:"end"`
			Late    int       `json:"late"`
			Foreign int       `json:"foreign"`
			Error   string    `json:"error"`
		} `json:"udp"`
	}
}

// ReadAnswer reads the body of a function's answer. It does not trust it: whatever is no plausible value is an error.
func ReadAnswer(body []byte) (*Answer, error) {
	var in answerJSON
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("the function's answer is not that of the measurement function: %w", err)
	}
	out := &Answer{RequestID: in.RequestID, InstanceID: in.Instance.ID}
	out.Received, _ = instant(in.ReceivedAt)
	out.Resolution = resolution(in.ReceivedAt)
	if n := len(in.TimestampChain); n > 0 {
		out.Answered, _ = instant(in.TimestampChain[n-1])
		out.Resolution = max(out.Resolution, resolution(in.TimestampChain[n-1]))
	}
	udp := in.Cmds.UDP
	if udp == nil {
		return out, nil
	}
	if out.Error = udp.Error; out.Error != "" {
		return out, nil
	}
	base, ok := instant(udp.Base)
	if !ok || len(udp.Rows) > maxRows {
		return nil, fail.Input("the function's answer has an exchange without a base, or of too many rows")
	}
	rows := &FunctionRows{ID: udp.ID, End: udp.End, Late: max(udp.Late, 0), Foreign: max(udp.Foreign, 0),
		Rows: make([]FunctionRow, len(udp.Rows))}
	for i, r := range udp.Rows {
		if len(r) != 2 && len(r) != 3 || r[0] != int64(i) || r[1] < 0 || len(r) == 3 && r[2] < r[1] {
			return nil, fail.Input("row %d of the function's exchange is %v; want its number, an instant, and a later "+
				"one", i, r)
		}
		rows.Rows[i] = FunctionRow{Number: i, Sent: base.Add(time.Duration(r[1]))}
		if len(r) == 3 {
			rows.Rows[i].Received = base.Add(time.Duration(r[2]))
		}
	}
	out.Rows = rows
	return out, nil
}

// instant reads a Unix time of 13 digits (ms), 16 (µs) or 19 (ns).
func instant(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || text[0] == '+' {
		return time.Time{}, false
	}
	unit := map[int]time.Duration{13: time.Millisecond, 16: time.Microsecond, 19: time.Nanosecond}[len(text)]
	if unit == 0 || n > maxClock*int64(time.Second/unit) {
		return time.Time{}, false
	}
	return time.Unix(0, n*int64(unit)).UTC(), true
}

// resolution is that of a clock whose stamp ends in so many zeros: functions pad stamps to ns. A clock of 1 ns looks so
// once in a million.
func resolution(stamp string) time.Duration {
	zeros := len(stamp) - len(strings.TrimRight(stamp, "0"))
	switch {
	case len(stamp) == 13 || zeros >= 6:
		return time.Millisecond
	case len(stamp) == 16 || zeros >= 3:
		return time.Microsecond
	}
	return 0
}
