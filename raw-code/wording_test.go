package rawcode_test

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The compiled languages judge limits by the same speed, so that they refuse with the same words to the letter.
func TestRefusalsReadTheSame(t *testing.T) {
	calls := []call{
		{method: http.MethodGet, token: "wrong"},
		get(
			"IncrementLimit",
			"many",
		), get("IncrementLimit", ""), get("PayloadLengthBytes", "1.5"), get("IncrementLimit", "1", "IncrementLimit",
			"2"),
		get(
			"IncrementLimit",
			`"quoted" \ back`,
		), get("IncrementLimit", strings.Repeat("x", 41)), get("IncrementLimit", strings.Repeat("9", 41)),
		get(
			"IncrementLimit",
			"-7",
		), get("IncrementLimit", "-"), get("IncrementLimit", "--7"), get("IncrementLimit", "-"+strings.Repeat("1", 50)),
		get(
			"PayloadLengthBytes",
			"1073741825",
		), get("IncrementLimit", "9223372036854775807"), get("PayloadLengthBytes", "9223372036854775808"),
		// Seconds as %.3g writes them: whole, cut, rounded up into another power of ten, with an exponent.
		get(
			"IncrementLimit",
			"130000000000",
		), get("IncrementLimit", "246912345678"), get("IncrementLimit", "199900000000"),
		get(
			"IncrementLimit",
			"1999999999999",
		), get("IncrementLimit", "9000000000000"), get("IncrementLimit", "121000000000"),
		get(
			"DataTransferChainIDs",
			"[a b]",
		), get("Chain", `["ftp://a"]`), get("PutURL", "http://a"), get("GetURL", "http://a"),
		get("Chain", `{}`), get("Chain", "["), get("Chain", `["http://a","http://b"]`, "Fan", "3"),
		get("PayloadSHA256", "", "StorageTransfer", "true"), get("StorageTransfer", "true"), get("cmds", `{"x":1}`), {method: http.MethodPost, body: `{"cmds":{"x":1}}`},
		get("cmds", "{"), get("cmds", `{"sleep":-1}`), get("cmds", `{"cpu":{"n":1.5}}`), get("cmds", `{"stat":[]}`),
		get("StorageTransfer", "false", "IncrementLimit", "x", "PayloadLengthBytes", "x"), // the first fault is told
	}
	all := languages(t)
	said := map[string][]string{}
	for _, name := range []string{"go", "java", "rust"} {
		l := all[slices.IndexFunc(all, func(l language) bool { return l.name == name })]
		dir := t.TempDir()
		l.assemble(t, dir)
		in := startHTTP(t, l, dir)
		guarded := startHTTP(t, l, dir, "STELLAR_TOKEN_SHA256="+strings.Repeat("0", 64))
		for _, c := range calls {
			to := in
			if c.token != "" {
				to = guarded
			}
			r := to.do(t, c)
			_, why := refused(t, r)
			said[name] = append(said[name], why)
			if want := map[bool]int{true: http.StatusUnauthorized,
				false: http.StatusBadRequest}[c.token != ""]; r.status != want {
				t.Errorf("%s: %v: status %d, want %d", name, c, r.status, want)
			}
		}
	}
	for i, c := range calls {
		languages := []string{"java", "rust"}
		cmds := strings.Contains(c.body+c.query.Encode(), "cmds")
		if cmds {
			languages = languages[:1] // Rust runs no micro-tests; the others say which they run
		}
		if slices.ContainsFunc([]string{"Chain", "DataTransferChainIDs", "PutURL", "GetURL"}, c.query.Has) ||
			c.query.Get("StorageTransfer") == "true" {
			languages = languages[:1] // Rust runs no chains, and says so
		}
		for _, name := range languages {
			got, want := said[name][i], said["go"][i]
			if cmds {
				got, _, _ = strings.Cut(got, "; it knows")
				want, _, _ = strings.Cut(want, "; it knows")
			}
			if got != want {
				t.Errorf("%v:\n%s says %s\n  go says %s", c, name, got, want)
			}
		}
	}
}

// A platform may hand a whole burst to one instance: while it is busy, every connection finds a place in its queue.
// What finds none is tried again by the client's system a second later, which would be measured as the platform's
// latency.
func TestServersQueueABurst(t *testing.T) {
	const n = 600
	for _, l := range languages(t) {
		if l.name != "java" && l.name != "rust" {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			dir := t.TempDir()
			l.assemble(t, dir)
			in := startHTTP(t, l, dir)
			if err := in.process.Signal(syscall.SIGSTOP); err != nil { // it takes no connection from here on
				t.Fatal(err)
			}
			defer func() { _ = in.process.Signal(syscall.SIGCONT) }()
			for i := range n {
				conn, err := net.DialTimeout("tcp", strings.TrimPrefix(in.url, "http://"), patience/4)
				if err != nil {
					t.Fatalf("connection %d of %d: %v", i+1, n, err)
				}
				defer conn.Close()
			}
		})
	}
}
