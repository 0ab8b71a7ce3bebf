package netprobe

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Exchange is one exchange of datagrams: that of one request to a function.
type Exchange struct {
	ID string // of its datagrams

	listener *Listener
	base     time.Time // both clocks at its beginning: the stamps do not follow steps of the wall clock

	sending sync.Mutex // held from a datagram's arrival until the instants of its answer are noted

	mu         sync.Mutex
	stamps     map[int]*stamps // by sequence number
	duplicates int
	stopped    bool
}

// stamps are the driver's instants of one datagram, from the exchange's base.
type stamps struct{ received, sent time.Duration }

// take notes a datagram. false: it is not answered, because one of the same number was: an answer to both could pair
// the instants of one with those of the other.
func (x *Exchange) take(number int, kind string, came time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if kind == stopKind {
		x.stopped = true
		return true
	}
	if x.stamps[number] != nil {
		x.duplicates++
		return false
	}
	x.stamps[number] = &stamps{came.Sub(x.base), sample.None}
	return true
}

// answered notes that a datagram was sent back.
func (x *Exchange) answered(number int, sent time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stamps[number].sent = sent.Sub(x.base)
}

// Heard is how many datagrams of the exchange have come so far.
func (x *Exchange) Heard() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.stamps)
}

// Trace is what an exchange gave.
type Trace struct {
	Rows []sample.PingPong // by sequence number
	Lost int

	Heard      int  // datagrams that reached the driver
	Duplicates int  // datagrams that came twice; the second one was not answered
	Late       int  // echoes that reached the function after their time; their rows are lost ones
	Foreign    int  // datagrams that reached the function and were not of the exchange
	Stopped    bool // the function's stop has come; that it does not come is no failure
	End        End  // why the function ended; empty: not known
}

// End ends the exchange and joins its two sides by sequence number. rows are the function's; nil where it gave no
// answer: there are then the driver's instants alone, and what was lost is not known.
func (x *Exchange) End(rows *FunctionRows) Trace {
	x.listener.forget(x)
	x.sending.Lock() // the function may have an answer before its instant is noted here
	defer x.sending.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	t := Trace{Heard: len(x.stamps), Duplicates: x.duplicates, Stopped: x.stopped}
	if rows == nil {
		for _, n := range slices.Sorted(maps.Keys(x.stamps)) {
			t.Rows = append(t.Rows, x.join(n, nil))
		}
		return t
	}
	t.Late, t.Foreign, t.End = rows.Late, rows.Foreign, rows.End
	for i := range rows.Rows {
		row := x.join(rows.Rows[i].Number, &rows.Rows[i])
		if row.Lost == sample.Yes {
			t.Lost++
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// join makes the row of a sequence number.
func (x *Exchange) join(number int, function *FunctionRow) sample.PingPong {
	row := sample.PingPong{Number: number}
	if s := x.stamps[number]; s != nil {
		row.ServerRcv = x.wall(s.received)
		if s.sent >= 0 {
			row.ServerSend = x.wall(s.sent)
		}
	}
	if function != nil {
		row.ClientSend, row.ClientRcv = function.Sent, function.Received
		row.Lost = sample.No
		if function.Received.IsZero() {
			row.Lost = sample.Yes
		}
	}
	return row
}

// wall is an instant of the wall clock, as it ran at the beginning of the exchange.
func (x *Exchange) wall(at time.Duration) time.Time {
	return time.Unix(0, x.base.UnixNano()+int64(at)).UTC()
}
