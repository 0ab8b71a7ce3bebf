package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// The exchange of datagrams with the driver. The function sends first, because functions cannot be reached from
// outside. A datagram is "<id> <sequence number> <kind>"; the driver sends a ping back as it is, and answers a stop
// with a stop-ack.
const (
	pingKind    = "ping"
	stopKind    = "stop"
	stopAckKind = "stop-ack"

	firstEcho    = 3 * time.Second // how long the first echo is waited for
	laterEcho    = 2 * time.Second
	mostLosses   = 5 // in a row: the exchange is given up
	stopTries    = 5
	stopWait     = 500 * time.Millisecond
	mostDatagram = 256
	mostPings    = 100_000 // rows of more do not fit into an answer
	syncPings    = 1000
	syncRow      = 20   // exchanges in a row without a smaller round trip that end a synchronisation
	syncShare    = 0.8  // of the function's timeout that a synchronisation may take
	pingShare    = 0.95 // of the timeout that all other exchanges may take: the answer has to go out in time
)

const udpKeys = `"address", "port", "mode" ("ping-pong" or "sync"), "repetitions", "n", "seconds", "id"`

// udpArgument is what the micro-test udp is asked for.
type udpArgument struct {
	Address     string  `json:"address"`
	Port        int     `json:"port"`
	Mode        string  `json:"mode"`
	Repetitions int     `json:"repetitions"` // at most; 0: 1000
	N           int     `json:"n"`           // of a synchronisation; 0: 20
	Seconds     float64 `json:"seconds"`     // that the exchange may take; 0: as long as the timeout allows
	ID          string  `json:"id"`          // of the datagrams; empty: the request's
}

// udpResult are the function's rows of an exchange.
type udpResult struct {
	ID   string `json:"id"`
	Mode string `json:"mode"`
	// of the instants in Rows, Unix ns
	Base string `json:"base"`
	// sequence number, client_send, client_rcv, the instants in ns from Base; a lost one has no client_rcv
	Rows    [][]int64 `json:"rows"`
	End     string    `json:"end"`     // why it ended: done, losses, time
	Late    int       `json:"late"`    // echoes that came after their time
	Foreign int       `json:"foreign"` // datagrams that belong to no exchange
	Stopped bool      `json:"stopped"` // the driver has acknowledged the end
}

// parseUDP checks the argument of udp.
func parseUDP(argument []byte) (task, error) {
	a := udpArgument{Mode: "ping-pong"}
	if err := readArgument(argument, &a, udpKeys); err != nil {
		return nil, err
	}
	switch {
	case a.Address == "":
		return nil, errors.New("there is no address; want the one that the driver listens on")
	case a.Port < 1 || a.Port > 65535:
		return nil, fmt.Errorf("port %d is not one of 1 to 65535", a.Port)
	case a.Mode != "ping-pong" && a.Mode != "sync":
		return nil, fmt.Errorf(`mode %q is neither "ping-pong" nor "sync"`, shorten(a.Mode))
	case a.Repetitions < 0 || a.Repetitions > mostPings:
		return nil, fmt.Errorf("repetitions is %d, it must be 1 to %d", a.Repetitions, mostPings)
	case a.N < 0 || a.N > mostPings:
		return nil, fmt.Errorf("n is %d, it must be 1 to %d", a.N, mostPings)
	case a.Seconds < 0:
		return nil, fmt.Errorf("seconds is %g, it must not be negative", a.Seconds)
	case len(a.ID) > 64 || bytes.ContainsAny([]byte(a.ID), " \n\r\t"):
		return nil, errors.New("id must have at most 64 characters and no blanks")
	}
	if a.Repetitions == 0 {
		a.Repetitions = syncPings
	}
	if a.N == 0 {
		a.N = syncRow
	}
	return func(in *invocation) (any, error) { return a.exchange(in) }, nil
}

// udpExchange is the state of an exchange.
type udpExchange struct {
	conn   net.Conn
	base   time.Time
	result *udpResult
	in     [mostDatagram]byte
}

// exchange does all of one exchange.
func (a udpArgument) exchange(in *invocation) (*udpResult, error) {
	conn, err := net.Dial("udp", net.JoinHostPort(a.Address, strconv.Itoa(a.Port)))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if a.ID == "" {
		a.ID = in.id
	}
	base := time.Now()
	x := &udpExchange{conn: conn, base: base, result: &udpResult{
		ID: a.ID, Mode: a.Mode, Base: stamp(base), Rows: make([][]int64, 0, min(a.Repetitions, syncPings)), End: "done",
	}}
	end := a.end(in)
	least, since, losses, wait := time.Duration(0), 0, 0, firstEcho
	for n := 0; n < a.Repetitions; n++ {
		if !time.Now().Before(end) {
			x.result.End = "time"
			break
		}
		rtt, ok := x.ping(a.ID, n, time.Now().Add(wait), end)
		if !ok {
			if losses++; losses == mostLosses {
				x.result.End = "losses"
				break
			}
			continue
		}
		losses, wait = 0, laterEcho
		if since++; least == 0 || rtt < least {
			least, since = rtt, 0
		}
		if a.Mode == "sync" && since >= a.N {
			break
		}
	}
	x.stop(a.ID, len(x.result.Rows))
	return x.result, nil
}

// end is when no further datagram is sent.
func (a udpArgument) end(in *invocation) time.Time {
	share := pingShare
	if a.Mode == "sync" {
		share = syncShare
	}
	end := in.end.Add(-time.Duration((1 - share) * float64(in.left)))
	if own := time.Now().Add(time.Duration(a.Seconds * float64(time.Second))); a.Seconds > 0 && own.Before(end) {
		return own
	}
	return end
}

// ping sends one datagram, waits for its own echo until then, but not past the end, and notes the row.
func (x *udpExchange) ping(id string, n int, until, end time.Time) (rtt time.Duration, ok bool) {
	out := datagram(id, n, pingKind)
	if end.Before(until) {
		until = end
	}
	sent := time.Since(x.base)
	if _, err := x.conn.Write(out); err == nil {
		if came, ok := x.await(out, until); ok {
			x.result.Rows = append(x.result.Rows, []int64{int64(n), int64(sent), int64(came)})
			return came - sent, true
		}
	}
	x.result.Rows = append(x.result.Rows, []int64{int64(n), int64(sent)})
	return 0, false
}

// await waits for a datagram. Others that come meanwhile are counted and left. It gives the instant, from the base.
func (x *udpExchange) await(want []byte, until time.Time) (came time.Duration, ok bool) {
	if err := x.conn.SetReadDeadline(until); err != nil {
		return 0, false
	}
	for {
		n, err := x.conn.Read(x.in[:])
		came := time.Since(x.base)
		switch {
		case err != nil:
			return 0, false
		case bytes.Equal(x.in[:n], want):
			return came, true
		case bytes.HasPrefix(x.in[:n], want[:bytes.IndexByte(want, ' ')+1]):
			x.result.Late++
		default:
			x.result.Foreign++
		}
	}
}

// stop tells the driver that the exchange is over. Whether it hears of that changes nothing: the answer to the request
// ends the exchange, too.
func (x *udpExchange) stop(id string, n int) {
	for i := 0; i < stopTries; i++ {
		if _, err := x.conn.Write(datagram(id, n, stopKind)); err != nil {
			continue
		}
		if _, ok := x.await(datagram(id, n, stopAckKind), time.Now().Add(stopWait)); ok {
			x.result.Stopped = true
			return
		}
	}
}

func datagram(id string, n int, kind string) []byte {
	return []byte(id + " " + strconv.Itoa(n) + " " + kind)
}
