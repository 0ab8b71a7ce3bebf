package probe

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// gRPC's library is no requirement of this module: it answers from a process of scripts/grpcpeer.

// Status codes of gRPC (google/rpc/code.proto).
const (
	codeInvalidArgument  = 3
	codeDeadlineExceeded = 4
	codeUnimplemented    = 12
	codeUnavailable      = 14
	codeUnauthenticated  = 16
)

// library runs a server of the gRPC library and gives its URL, and the calls that it gets, one at a time. It ends with
// the test.
func library(t *testing.T, args ...string) (at string, calls func() string) {
	t.Helper()
	args = append([]string{"run", "-C", "../../scripts/grpcpeer", "-trimpath", "./server"}, args...)
	cmd := exec.Command("go", args...) // which links the server once for all tests, and ends with it
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	calls = func() string {
		if !lines.Scan() {
			t.Fatalf("the gRPC server ended: %v", lines.Err())
		}
		return lines.Text()
	}
	return "http://" + calls(), calls
}

// TestLibraryAnswers: the gRPC library understands what is asked, and its replies become rows, over each kind of
// connection.
func TestLibraryAnswers(t *testing.T) {
	at, calls := library(t, "-reply", hex.EncodeToString(reply(1, "[1620000000000 1620000000017]")[5:]))
	for _, connections := range []string{Shared, Reuse, New} {
		var b book
		cfg := config(&b, at)
		cfg.Protocol, cfg.Connections = GRPC, connections
		cfg.Targets = []Target{
			{Name: "a", URL: at, Query: url.Values{"DataTransferChainIDs": {"[x:1]"}},
				Header: map[string][]string{"X-Stellar-Token": {"t"}}},
			{Name: "b", URL: at, Query: url.Values{"DataTransferChainIDs": {"[y:2 z:3]"}}},
		}
		cfg.Query = func(int) url.Values { return url.Values{"IncrementLimit": {"42"}} }
		cfg.Bursts = 4
		if _, err := Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		checkRows(t, b.rows)
		for _, r := range b.rows {
			if r.Err != sample.OK || r.Status != 200 || r.Chain == nil ||
				!r.Chain.Stamps[1].Equal(time.UnixMilli(1620000000017)) {
				t.Fatalf("%s: row %+v", connections, r)
			}
		}
		asked := map[string]int{}
		for range b.rows {
			asked[calls()]++
		}
		want := map[string]int{`"\n\x0242\x12\x05[x:1]" [t]`: 8, `"\n\x0242\x12\t[y:2 z:3]" []`: 8}
		if !maps.Equal(asked, want) {
			t.Errorf("%s: asked %v, want %v", connections, asked, want)
		}
	}
}

// TestLibraryRefuses: the library's ways to end a call become classes and statuses, and what it says is told.
func TestLibraryRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		code    int
		class   sample.Class
		status  int
		message string
	}{
		{"InvalidArgument", codeInvalidArgument, sample.HTTP4xx, 400, "PayloadLengthBytes is -5"},
		{"Unauthenticated", codeUnauthenticated, sample.HTTP4xx, 401, "a token is wanted"},
		{"Unavailable", codeUnavailable, sample.HTTP5xx, 503, "function 1 of the chain at x:1: 100% gone, ü"},
		{"DeadlineExceeded", codeDeadlineExceeded, sample.Timeout, 504, "no reply in time"},
		{"Unimplemented", codeUnimplemented, sample.HTTP5xx, 501, "unknown method"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, _ := library(t, "-code", strconv.Itoa(c.code), "-message", c.message)
			var b book
			var notes []string
			cfg := config(&b, at)
			cfg.Protocol, cfg.Connections = GRPC, Reuse
			cfg.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
			if _, err := Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			checkRows(t, b.rows)
			for _, r := range b.rows {
				if r.Err != c.class || r.Status != c.status || r.Chain != nil {
					t.Fatalf("row %+v", r)
				}
			}
			if len(notes) != 1 || !strings.Contains(notes[0], fmt.Sprintf("status %d", c.status)) ||
				!strings.Contains(notes[0], c.message) {
				t.Errorf("notes %q, want one with %q", notes, c.message)
			}
		})
	}
}
