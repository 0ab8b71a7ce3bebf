package answer

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// reply is a message with its prefix that holds one text.
func reply(number uint64, text string) []byte {
	m := binary.AppendUvarint(binary.AppendUvarint(nil, number<<3|2), uint64(len(text)))
	m = append(m, text...)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

func TestReply(t *testing.T) {
	long := strings.Repeat("x", 300)
	other := string([]byte{2 << 3, 0x96, 1, 3<<3 | 1, 1, 2, 3, 4, 5, 6, 7, 8, 4<<3 | 5, 1, 2, 3, 4})
	for in, want := range map[string]string{
		string(reply(1, "[1]")): "[1]", string(reply(1, long)): long, string(reply(2, "a")): "",
		"\x00\x00\x00\x00\x00": "",
		string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(other)+3))) + other + "\x0a\x01y": "y",
	} {
		if got, ok := parseReply([]byte(in)); got.stamps != want || !ok {
			t.Errorf("%q: %q, %v", in, got.stamps, ok)
		}
	}
	for _, in := range []string{
		"", "\x01" + string(reply(1, "a"))[1:], string(reply(1, "abc"))[:8],
		"\x00\x00\x00\x00\x03\x0a\x05a",                              // longer than the message
		"\x00\x00\x00\x00\x05\x0a\x01y\x0a\x05",                      // well begun
		string(reply(replyHops, "\x08")),                             // a part that is torn
		"\x00\x00\x00\x00\x04" + "\x0b\x0a\x01a",                     // a group
		"\x00\x00\x00\x00\x03" + "\x02\x01a",                         // there is no field 0
		"\x00\x00\x00\x00\x0b" + "\x08" + strings.Repeat("\xff", 10), // a number that does not end
	} {
		if got, ok := parseReply([]byte(in)); ok || got.stamps != "" {
			t.Errorf("%q: %+v", in, got)
		}
	}
}

// TestReplyRows: what a reply says, and what it leaves out, is in the row; a reply's word is bounded.
func TestReplyRows(t *testing.T) {
	ms := func(n int64) time.Time { return time.UnixMilli(1620000000000 + n).UTC() }
	const ns = 1620000000000000000
	ints := func(b []byte, pairs ...int64) []byte {
		for i := 0; i < len(pairs); i += 2 {
			b = binary.AppendUvarint(b, uint64(pairs[i])<<3)
			b = binary.AppendUvarint(b, uint64(pairs[i+1]))
		}
		return b
	}
	texts := func(b []byte, number uint64, text string) []byte {
		b = binary.AppendUvarint(b, number<<3|2)
		return append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	read := func(m []byte) sample.Sample {
		s := sample.Empty()
		DescribeCall(&s, append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...))
		return s
	}
	stamps := texts(nil, replyStamps, "[1620000000000 1620000000017]")
	old := read(stamps)
	if old.Cold != sample.Unknown || old.Init != sample.None || old.Service != sample.None ||
		!old.FnReceived.Equal(ms(0)) ||
		old.Chain == nil || !slices.Equal(old.Chain.Stamps, []time.Time{ms(0), ms(17)}) || old.Chain.Hops != nil {
		t.Errorf("stamps alone: %+v", old)
	}
	m := texts(texts(stamps, replyRequestID, "id\n"), replyInstanceID, strings.Repeat("i", 1000))
	m = ints(m, replyCold, 0, replyInvocation, 7, replyInit, 5e6, replySpin, 0, replyReceived, ns+123)
	m = texts(m, replyExact, string(ints(nil, 1, 0, 2, ns+456)))
	m = texts(m, replyExact, string(ints(nil, 1, 99, 2, ns))) // no such function
	m = texts(m, replyHops, string(ints(nil, 1, 1, 2, ns+1, 3, ns+2, 4, 64, 5, ns+3, 6, ns+4)))
	m = texts(m, replyHops, string(ints(nil, 1, 0, 2, ns+1)))
	m = texts(m, replyHops, string(ints(nil, 1, 5000, 2, ns+1)))
	s := read(m)
	if s.RequestID != "id" || len(s.InstanceID) != MaxText || s.Cold != sample.No || s.Invocation != 7 ||
		s.Init != 5*time.Millisecond ||
		s.Service != 0 || !s.FnReceived.Equal(ms(0).Add(123)) {
		t.Errorf("row %+v", s)
	}
	hop := func(n int64) time.Time { return ms(0).Add(time.Duration(n)) }
	if want := []sample.Hop{{SentAt: hop(1), Bytes: -1},
		{SentAt: hop(1), ReceivedAt: hop(2), RepliedAt: hop(3), AnsweredAt: hop(4),
			Bytes: 64}}; !slices.Equal(s.Chain.Hops, want) {
		t.Errorf("hops %+v", s.Chain.Hops)
	}
	if !slices.Equal(s.Chain.Stamps, []time.Time{hop(456), ms(17)}) {
		t.Errorf("stamps %v", s.Chain.Stamps)
	}
	if alone := read(texts(nil, replyStamps, "[1620000000000]")); alone.Chain != nil || !alone.FnReceived.Equal(ms(0)) {
		t.Errorf("a function without a chain: %+v", alone)
	}
	if cold := read(ints(nil, replyCold, 1)); cold.Cold != sample.Yes {
		t.Errorf("cold: %+v", cold)
	}
}

// TestReplyAllocations: fields that are passed over cost no memory.
func TestReplyAllocations(t *testing.T) {
	m := binary.AppendUvarint(nil, replyInvocation<<3)
	m = append(m, 7, 2<<3, 0x96, 1, 3<<3|1, 1, 2, 3, 4, 5, 6, 7, 8, 4<<3|5, 1, 2, 3, 4, 5<<3|2, 2, 'a', 'b')
	in := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
	var sum int64
	allocs := testing.AllocsPerRun(200, func() {
		r, ok := parseReply(in)
		if !ok {
			t.Fatal("the message is refused")
		}
		sum += r.invocation
	})
	if allocs > replyAllocs || sum == 0 {
		t.Errorf("%g allocations a reply, at most %d are allowed", allocs, replyAllocs)
	}
}

// replyAllocs is what reading a reply without texts allocates: the reply itself, which the visiting function shares.
const replyAllocs = 1

// FuzzReply: whatever a server sends, reading it ends.
func FuzzReply(f *testing.F) {
	f.Add(reply(1, "[1620000000000 2]"))
	f.Add(reply(replyHops, "\x08\x01\x10\x02"))
	f.Fuzz(func(_ *testing.T, in []byte) {
		s := sample.Empty()
		DescribeCall(&s, in)
	})
}
