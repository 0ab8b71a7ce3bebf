package sample

import (
	"fmt"
	"strings"
	"time"
)

// TransfersFile is the name of the file of transfers in a sub-experiment's folder.
const TransfersFile = "data-transfers.csv"

// Chain is what the functions of a chain reported about one request. The functions stand in the order of a walk through
// the tree: with a Fan of 1 that is the order of the chain, otherwise a function before those that it calls.
type Chain struct {
	Stamps []time.Time // of each function, the first one's first; zero: it did not say
	Hops   []Hop       // hop k leads to function k+1, from the one that calls it
	SHA256 string      // of the payload, in hex; empty: not told
	Check  string      // what is wrong with the clocks: CheckNegative, CheckSum, joined by "+"; empty: nothing
}

// The words of Chain.Check.
const (
	// CheckNegative says that a corrected transfer is below zero by more than the error of its clocks' offset.
	CheckNegative = "negative"
	// CheckSum says that the corrected transfers along a path take longer than the client's whole request, by more than
	// the errors of their offsets.
	CheckSum = "sum"
)

// Hop is a payload's way from one function to the next, and the reply's way back. A time that no function reported is
// zero.
type Hop struct {
	SentAt     time.Time // the sender's clock; through storage, before the payload is put there
	ReceivedAt time.Time // the receiver's clock: the whole payload was in
	CalledAt   time.Time // the sender's clock: the request was sent; zero: at SentAt
	ArrivedAt  time.Time // the receiver's clock: the request was in; zero: at ReceivedAt
	RepliedAt  time.Time // the receiver's clock
	AnsweredAt time.Time // the sender's clock: the reply was in
	Bytes      int64     // of the payload; negative: not told

	// The times of the store's operations; 0: there were none.
	Put       time.Duration // the sender wrote the whole payload
	FirstByte time.Duration // the receiver asked for it, and its first byte was in
	Get       time.Duration // likewise, its last byte

	InstanceID string // the receiver's; empty: not told
	Cold       Tri    // the receiver's

	// Coarse is what the resolution of the two clocks adds to the bound of the hop's own exchange.
	Coarse time.Duration
	Clock  ClockOffset // of the receiver against the sender, from exchanges of their own; Bound 0: there were none
}

// ClockOffset is how far one clock is ahead of another, and the most that this can be off by.
type ClockOffset struct{ Offset, Bound time.Duration }

// Transfer is how long the payload took, by the two functions' clocks, uncorrected: it can be negative if the
// receiver's clock is behind. ok says whether both reported.
func (h Hop) Transfer() (d time.Duration, ok bool) {
	if h.SentAt.IsZero() || h.ReceivedAt.IsZero() {
		return 0, false
	}
	return h.ReceivedAt.Sub(h.SentAt), true
}

// Corrected is how long the payload took, without the offset of the two functions' clocks; ok says whether that is
// known. It is off by at most the bound of Offset.
func (h Hop) Corrected() (d time.Duration, ok bool) {
	d, told := h.Transfer()
	offset, _, known := h.Offset()
	return d - offset, told && known
}

// Bandwidth is the payload over its transfer in Mb/s (10^6 bits a second), over the corrected one where the offset of
// the clocks is known; ok says whether there is such a number.
func (h Hop) Bandwidth() (mbps float64, ok bool) {
	d, ok := h.Corrected()
	if !ok {
		d, ok = h.Transfer()
	}
	if !ok || d <= 0 || h.Bytes <= 0 {
		return 0, false
	}
	return float64(h.Bytes) * 8 / 1e6 / d.Seconds(), true
}

// Offset is how far the receiver's clock is ahead of the sender's, and how far that may be wrong: that of the clocks'
// own exchanges, or that of this exchange's four times by NTP's formula (RFC 5905, section 8), whichever has the
// smaller bound. The bound of the latter is half of the exchange's time on the way: a large payload inline makes it
// about half of its transfer.
func (h Hop) Offset() (offset, bound time.Duration, ok bool) {
	offset, bound, ok = h.exchanged()
	if h.Clock.Bound > 0 && (!ok || h.Clock.Bound < bound) {
		return h.Clock.Offset, h.Clock.Bound, true
	}
	return offset, bound, ok
}

// exchanged is the offset that the hop's own four times show.
func (h Hop) exchanged() (offset, bound time.Duration, ok bool) {
	called, arrived := h.SentAt, h.ReceivedAt
	if !h.CalledAt.IsZero() && !h.ArrivedAt.IsZero() {
		called, arrived = h.CalledAt, h.ArrivedAt
	}
	if called.IsZero() || arrived.IsZero() || h.RepliedAt.IsZero() || h.AnsweredAt.IsZero() {
		return 0, 0, false
	}
	forth, back := arrived.Sub(called), h.AnsweredAt.Sub(h.RepliedAt)
	if forth+back < 0 { // a clock was set in between
		return 0, 0, false
	}
	return (forth - back) / 2, (forth+back)/2 + h.Coarse, true
}

// Examine sets Check. latency is the client's whole request; fan is how many functions each one calls.
func (c *Chain) Examine(latency time.Duration, fan int) {
	var words []string
	for _, h := range c.Hops {
		if d, ok := h.Corrected(); ok {
			if _, bound, _ := h.Offset(); d < -bound {
				words = append(words, CheckNegative)
				break
			}
		}
	}
	if longest, bound := longestPath(c.Hops, fan); latency >= 0 && longest-bound > latency {
		words = append(words, CheckSum)
	}
	c.Check = strings.Join(words, "+")
}

// longestPath is the largest sum of corrected transfers from the first function to a last one, with the sum of their
// bounds. hops are those of the functions below one, in the order of a walk through the tree.
func longestPath(hops []Hop, fan int) (sum, bound time.Duration) {
	if fan < 1 || len(hops)%fan != 0 {
		return 0, 0
	}
	size := len(hops) / fan // of the part below each of its functions, with the hop to it
	for at := 0; at < len(hops); at += size {
		d, ok := hops[at].Corrected()
		_, off, _ := hops[at].Offset()
		if !ok {
			d, off = 0, 0 // it is not in the sum
		}
		below, further := longestPath(hops[at+1:at+size], fan)
		if d+below-off-further > sum-bound || at == 0 {
			sum, bound = d+below, off+further
		}
	}
	return sum, bound
}

// hopColumns are the columns of each hop that stand first, and furtherColumns those behind all of these.
func hopColumns() []string {
	return []string{"Sent At", "Received At", "Payload Bytes", "Transfer (ms)", "Effective Bandwidth (Mb/s)",
		"Clock Offset (ms)", "Clock Offset Error (ms)"}
}

func furtherColumns() []string {
	return []string{"Corrected (ms)", "Put (ms)", "First Byte (ms)", "Get (ms)", "Instance ID", "Cold"}
}

// transferColumns are the columns of data-transfers.csv of chains of so many functions.
func transferColumns(functions int) []string {
	names := []string{"Request ID", "Host", "Burst ID"}
	for k := range functions {
		names = append(names, fmt.Sprintf("Function %d Timestamp", k))
	}
	for _, columns := range [][]string{hopColumns(), furtherColumns()} {
		for k := range functions - 1 {
			for _, what := range columns {
				names = append(names, fmt.Sprintf("Hop %d %s", k, what))
			}
		}
	}
	return append(names, "Payload SHA-256", "Clock Check", "Warmup")
}

// TransfersHeader is the first line of data-transfers.csv of chains of so many functions, without its line break.
func TransfersHeader(functions int) string { return strings.Join(transferColumns(functions), ",") }
