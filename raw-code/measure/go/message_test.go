package main

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"slices"
	"testing"
	"time"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for _, n := range []int64{0, 1, 7, 8, 9, 4096, 1<<20 + 3} {
		p := makeText(n)
		if int64(len(p)) != n || !utf8.Valid(p) || !bytes.Equal(p, makeText(n)) {
			t.Errorf("%d bytes asked for: %d made, valid %v", n, len(p), utf8.Valid(p))
		}
	}
	const large = 1 << 20
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(makeText(large))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if least := large * 7 / 8; packed.Len() < least {
		t.Errorf("%d bytes compress to %d, which is below their seven random bits each: %d", large, packed.Len(), least)
	}
}

func TestReplyThereAndBack(t *testing.T) {
	want := chainReply{stamps: []string{"1620000000000", "1620000000017"}, received: 5, replied: 6, payload: 7,
		exact: []exact{{0, 1}, {1, 2}}, hops: []hop{{0, 1, 2, 3, 4, 5}, {function: 1, sent: 9, answered: 10}}}
	got, err := readReply(want.encode())
	if err != nil || !slices.Equal(got.stamps, want.stamps) || got.received != 5 || got.replied != 6 ||
		got.payload != 7 ||
		!slices.Equal(got.exact, want.exact) || !slices.Equal(got.hops, want.hops) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := readReply(nil); err != nil || got.payload != -1 {
		t.Errorf("a reply that says nothing: %+v, %v", got, err)
	}
}

func TestBadMessages(t *testing.T) {
	for name, m := range map[string]string{
		"torn key": "\x80", "field 0": "\x00\x01", "torn number": "\x08\x80", "too long": "\x0a\x05a",
		"huge":       "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"torn fixed": "\x09abc", "group": "\x0b", "torn message": "\xe2\x06\x02\x08\x80",
	} {
		if _, err := readReply([]byte(m)); !errors.Is(err, errMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMessagesOfCalls(t *testing.T) {
	var said *callError
	for name, c := range map[string]struct {
		body string
		code int
	}{
		"empty": {"", codeInternal}, "torn prefix": {"\x00\x00", codeInternal},
		"torn":       {"\x00\x00\x00\x00\x05ab", codeInternal},
		"compressed": {"\x01\x00\x00\x00\x00", codeUnimplemented},
		"huge":       {"\x00\xff\xff\xff\xff", codeResourceExhausted},
		"two":        {"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", codeInternal},
	} {
		if _, err := readMessage(bytes.NewReader([]byte(c.body))); !errors.As(err, &said) || said.code != c.code {
			t.Errorf("%s: %v, want code %d", name, err, c.code)
		}
	}
	if m, err := readMessage(bytes.NewReader([]byte("\x00\x00\x00\x00\x02ab"))); err != nil || string(m) != "ab" {
		t.Errorf("%q, %v", m, err)
	}
}

func TestTimeouts(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1S": time.Second, "20m": 20 * time.Millisecond, "99999999n": 99999999, "1H": time.Hour,
		"99999999H": longestTimeout, "0u": 0, "5M": 5 * time.Minute,
	} {
		if got, ok := readTimeout(text); !ok || got != want {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "S", "5", "5x", "-5S", "123456789S", "1.5S"} {
		if got, ok := readTimeout(text); ok {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	for _, left := range []time.Duration{-time.Second, 0, time.Millisecond, 900 * time.Second, 100 * time.Hour} {
		text := writeTimeout(left)
		if got, ok := readTimeout(text); !ok || got < min(left, longestTimeout) {
			t.Errorf("%v is written as %s, read as %v, %v", left, text, got, ok)
		}
	}
}

func TestPercent(t *testing.T) {
	for plain, coded := range map[string]string{"plain, {}~": "plain, {}~", "100%": "100%25", "a\nü": "a%0A%C3%BC"} {
		if got := percentEncode(plain); got != coded || percentDecode(got) != plain {
			t.Errorf("%q is coded %q, back %q", plain, got, percentDecode(got))
		}
	}
	if got := percentDecode("%zz%4"); got != "%zz%4" {
		t.Errorf("badly coded text becomes %q", got)
	}
}

// FuzzRequest: whatever a client sends, reading it ends.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("\x0a\x0242\x12\x07[a:1 b]\x40\x01"))
	f.Fuzz(func(_ *testing.T, m []byte) {
		if r, err := readRequest(m); err == nil {
			_, _ = r.next()
		}
		_, _ = readReply(m)
	})
}
