package shell

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestRedactorWhateverTheChunks(t *testing.T) {
	tests := []struct {
		name, in, want string
		secrets        []string
	}{
		{"none", "abc", "abc", nil},
		{"once", "xx secret yy", "xx *** yy", []string{"secret"}},
		{"adjacent", "secretsecret", "******", []string{"secret"}},
		{"prefix of another", "secret-long secret", "*** ***", []string{"secret", "secret-long"}},
		{"overlap", "abcdefg", "***fg", []string{"abc", "cde"}},
		{"overlaps itself", "aaaaab", "***b", []string{"aa"}},
		{"almost", "secre", "secre", []string{"secret"}},
		{"over lines", "a\nse\ncret\nb", "a\n***\nb", []string{"se\ncret"}},
		{"at the end", "my secret", "my ***", []string{"secret"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			for seed := range uint64(200) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				r := newRedactor(tc.secrets)
				var got strings.Builder
				for rest := tc.in; rest != ""; {
					n := 1 + rnd.IntN(len(rest))
					got.Write(r.next([]byte(rest[:n]), false))
					rest = rest[n:]
				}
				got.Write(r.next(nil, true))
				if got.String() != tc.want {
					t.Fatalf("seed %d: got %q, want %q", seed, got.String(), tc.want)
				}
			}
		})
	}
}

func TestRedactorHoldsBackNoMoreThanItMust(t *testing.T) {
	r := newRedactor([]string{strings.Repeat("0123456789abcdef", 4)})
	if got := string(r.next([]byte("deploying\n"), false)); got != "deploying\n" {
		t.Errorf("a line is late: %q", got)
	}
	r = newRedactor([]string{"aa"})
	for range 1000 {
		r.next([]byte("aaaaaaaaaa"), false)
	}
	if len(r.pending) > 2 {
		t.Errorf("%d bytes pending", len(r.pending))
	}
}

func TestStreamKeepsTheTail(t *testing.T) {
	var longest int
	sink := &lineSink{emit: func(l string) { longest = max(longest, len(l)) }}
	s := newStream(nil, sink)
	chunk := []byte(strings.Repeat("x", 1<<20))
	for range 20 {
		_, _ = s.Write(chunk)
	}
	_, _ = s.Write([]byte("\r\nend\r\n"))
	got := s.finish()
	if len(got) != keepBytes || !strings.HasSuffix(got, "x\r\nend\r\n") {
		t.Errorf("%d bytes kept, ending in %q", len(got), got[len(got)-10:])
	}
	if longest > longestLine {
		t.Errorf("a line of %d bytes", longest)
	}
	if last := sink.last(); !strings.HasSuffix(last, "\nend") || len(last) > lastLines*(lastWidth+4) {
		t.Errorf("last lines: %d bytes, ending %q", len(last), last[max(0, len(last)-20):])
	}
}
