package probe

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"stellar/src/sample"
)

// reply is a message with its prefix that holds one text.
func reply(number uint64, text string) []byte {
	m := binary.AppendUvarint(binary.AppendUvarint(nil, number<<3|2), uint64(len(text)))
	m = append(m, text...)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

// TestGRPC: calls carry the parameters as the functions' contract has them, and answers become rows. The real gRPC
// library answers in the benchmark's server; here the bytes are looked at.
func TestGRPC(t *testing.T) {
	for _, c := range []struct {
		name    string
		path    string
		trailer string
		class   sample.Class
		status  int
	}{
		{"answers", "", "0", sample.OK, 200},
		{"a method of its own", "/x.Y/Z", "0", sample.OK, 200},
		{"unavailable", "", "14", sample.HTTP5xx, 503},
		{"unauthenticated", "", "16", sample.HTTP4xx, 401},
		{"too late", "", "4", sample.Timeout, 504},
		{"no status", "", "", sample.Protocol, 200},
		{"a status that there is not", "", "99", sample.Protocol, 200},
	} {
		for _, connections := range []string{Shared, Reuse, New} {
			t.Run(c.name+", "+connections, func(t *testing.T) {
				at, _, _ := serveH2(t, false, 250, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					asked := fmt.Sprintf("%s %s %s %s %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Te"), body)
					method := callMethod
					if c.path != "" {
						method = c.path
					}
					if want := fmt.Sprintf("POST %s application/grpc trailers %q", method, "\x00\x00\x00\x00\x08\x0a\x0242\x1a\x0264"); asked != want {
						t.Errorf("asked %s, want %s", asked, want)
					}
					w.Header().Set("Trailer", "Grpc-Status")
					w.Header().Set("Content-Type", "application/grpc")
					_, _ = w.Write(reply(replyStamps, "[1620000000000 1620000000017]"))
					if c.trailer != "" {
						w.Header().Set("Grpc-Status", c.trailer)
					}
				})
				var b book
				cfg := config(&b, at+c.path)
				cfg.Protocol, cfg.Connections = GRPC, connections
				cfg.Query = func(int) url.Values { return url.Values{"IncrementLimit": {"42"}, "PayloadLengthBytes": {"64"}} }
				if _, err := Run(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
				checkRows(t, b.rows)
				first := time.UnixMilli(1620000000000).UTC()
				for _, r := range b.rows {
					if r.Err != c.class || r.Status != c.status || !r.FnReceived.Equal(first) {
						t.Fatalf("row %+v", r)
					}
				}
			})
		}
	}
}

func TestReply(t *testing.T) {
	long := strings.Repeat("x", 300)
	other := string([]byte{2 << 3, 0x96, 1, 3<<3 | 1, 1, 2, 3, 4, 5, 6, 7, 8, 4<<3 | 5, 1, 2, 3, 4})
	for in, want := range map[string]string{
		string(reply(1, "[1]")): "[1]", string(reply(1, long)): long, string(reply(2, "a")): "", "\x00\x00\x00\x00\x00": "",
		string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(other)+3))) + other + "\x0a\x01y": "y",
	} {
		if got, ok := readReply([]byte(in)); got.stamps != want || !ok {
			t.Errorf("%q: %q, %v", in, got.stamps, ok)
		}
	}
	for _, in := range []string{
		"", "\x01" + string(reply(1, "a"))[1:], string(reply(1, "abc"))[:8],
		"\x00\x00\x00\x00\x03\x0a\x05a",          // longer than the message
		"\x00\x00\x00\x00\x05\x0a\x01y\x0a\x05",  // well begun
		string(reply(replyHops, "\x08")),         // a part that is torn
		"\x00\x00\x00\x00\x04" + "\x0b\x0a\x01a", // a group
	} {
		if got, ok := readReply([]byte(in)); ok || got.stamps != "" {
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
		r := response{body: append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)}
		r.describeCall(&s)
		return s
	}
	stamps := texts(nil, replyStamps, "[1620000000000 1620000000017]")
	old := read(stamps)
	if old.Cold != sample.Unknown || old.Init != sample.None || old.Service != sample.None || !old.FnReceived.Equal(ms(0)) ||
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
	if s.RequestID != "id" || len(s.InstanceID) != maxText || s.Cold != sample.No || s.Invocation != 7 || s.Init != 5*time.Millisecond ||
		s.Service != 0 || !s.FnReceived.Equal(ms(0).Add(123)) {
		t.Errorf("row %+v", s)
	}
	hop := func(n int64) time.Time { return ms(0).Add(time.Duration(n)) }
	if want := []sample.Hop{{SentAt: hop(1), Bytes: -1}, {SentAt: hop(1), ReceivedAt: hop(2), RepliedAt: hop(3), AnsweredAt: hop(4), Bytes: 64}}; !slices.Equal(s.Chain.Hops, want) {
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

// FuzzReply: whatever a server sends, reading it ends.
func FuzzReply(f *testing.F) {
	f.Add(reply(1, "[1620000000000 2]"))
	f.Add(reply(replyHops, "\x08\x01\x10\x02"))
	f.Fuzz(func(_ *testing.T, in []byte) {
		s := sample.Empty()
		(&response{body: in}).describeCall(&s)
	})
}
