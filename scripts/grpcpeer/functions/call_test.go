package functions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // a compressor that a client may use
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
)

const invokeNext = "/proto_gen.ProducerConsumer/InvokeNext"

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// invoke calls a function through the library.
func (c contract) invoke(ctx context.Context, conn *grpc.ClientConn, in proto.Message) (*dynamicpb.Message, error) {
	out := dynamicpb.NewMessage(c.reply)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return out, conn.Invoke(ctx, invokeNext, in, out)
}

func chainText(addresses []string) string { return "[" + strings.Join(addresses, " ") + "]" }

func TestCallAlone(t *testing.T) {
	c := describe(t, true)
	conn := dial(t, serveGo(t, 1)[0])
	var ids []string
	for call := range 3 {
		before := time.Now()
		r, err := c.invoke(t.Context(), conn, c.ask("incrementLimit", "1000", "payloadLengthBytes", "100001",
			"dataTransferChainIDs", "[]", "storageTransfer", "false"))
		if err != nil {
			t.Fatal(err)
		}
		if cold := r.Get(c.reply.Fields().ByName("cold")).
			Bool(); cold != (call == 0) || intOf(r, "invocation") != int64(call+1) {
			t.Errorf("call %d: cold %v, invocation %d", call, cold, intOf(r, "invocation"))
		}
		if intOf(r, "increments") != 1000 || r.Get(c.reply.Fields().ByName("sink")).
			Uint() != sink(1000) || intOf(r, "payloadBytes") != 100001 {
			t.Errorf("work: %v", r)
		}
		if intOf(r, "spinNs") <= 0 || intOf(r, "initNs") <= 0 || len(textOf(r, "instanceID")) != 32 ||
			textOf(r, "requestID") == "" {
			t.Errorf("instance: %v", r)
		}
		received := intOf(r, "receivedAt")
		stamps := listOf(r, "stamps")
		if len(stamps) != 1 || len(listOf(r, "hops")) != 0 {
			t.Fatalf("stamps and hops: %v", r)
		}
		at := intOf(stamps[0], "at")
		if received < before.UnixNano() || at < received+intOf(r, "spinNs") || intOf(r, "repliedAt") < at ||
			intOf(r, "repliedAt") > time.Now().UnixNano() {
			t.Errorf("the order of instants: asked %d, %v", before.UnixNano(), r)
		}
		if want := fmt.Sprintf("[%d]", at/1e6); textOf(r, "timestampChain") != want {
			t.Errorf("timestampChain %s, want %s", textOf(r, "timestampChain"), want)
		}
		ids = append(ids, textOf(r, "instanceID"))
	}
	if ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("one instance has the ids %v", ids)
	}
}

// TestOnePort: calls, HTTP/1.1 and plain HTTP/2 reach the same function on the same port.
func TestOnePort(t *testing.T) {
	address := serveGo(t, 1)[0]
	c := describe(t, true)
	if _, err := c.invoke(t.Context(), dial(t, address), c.ask()); err != nil {
		t.Fatal(err)
	}
	clear := &http.Transport{Protocols: new(http.Protocols)}
	clear.Protocols.SetUnencryptedHTTP2(true)
	for i, transport := range []*http.Transport{{}, clear} {
		client := &http.Client{Transport: transport}
		t.Cleanup(client.CloseIdleConnections)
		if number, cold := invocation(t, client, address); number != int64(i+2) || cold {
			t.Errorf("invocation %d, cold: %t", number, cold)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+invokeNext,
		strings.NewReader("\x00\x00\x00\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusHTTPVersionNotSupported {
		t.Errorf("gRPC over HTTP/1.1: %s", resp.Status)
	}
}

func TestChain(t *testing.T) {
	c := describe(t, true)
	functions := serveGo(t, 3)
	conn := dial(t, functions[0])
	for call, size := range []int64{0, 1, 1000, 5 << 20, 64<<20 + 3} {
		r, err := c.invoke(t.Context(), conn, c.ask("dataTransferChainIDs", chainText(functions[1:]),
			"payloadLengthBytes", strconv.FormatInt(size, 10)))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		stamps, hops := listOf(r, "stamps"), listOf(r, "hops")
		millis := strings.Fields(strings.Trim(textOf(r, "timestampChain"), "[]"))
		if len(stamps) != 3 || len(hops) != 2 || len(millis) != 3 {
			t.Fatalf("%d bytes: %v", size, r)
		}
		if intOf(r, "invocation") != int64(call+1) || intOf(r, "payloadBytes") != size {
			t.Errorf("%d bytes: the head's own fields: %v", size, r)
		}
		for k, s := range stamps {
			if intOf(s, "function") != int64(k) || strconv.FormatInt(intOf(s, "at")/1e6, 10) != millis[k] {
				t.Errorf("%d bytes: stamp %d is %v, the contract's says %s", size, k, s, millis[k])
			}
		}
		for k, h := range hops {
			sent, received, replied, answered := intOf(h, "sentAt"), intOf(h, "receivedAt"), intOf(h, "repliedAt"),
				intOf(h, "answeredAt")
			if intOf(h, "function") != int64(k) || intOf(h, "bytes") != size {
				t.Errorf("%d bytes: hop %d: %v", size, k, h)
			}
			// One machine, one clock.
			if sent < intOf(stamps[k], "at") || received < sent || received != intOf(stamps[k+1], "at") ||
				replied < received || answered < replied {
				t.Errorf("%d bytes: hop %d: the order of instants: %v between %v and %v", size, k, h, stamps[k],
					stamps[k+1])
			}
		}
	}
}

// TestConcurrentCalls: many calls on one connection, one of them cold.
func TestConcurrentCalls(t *testing.T) {
	const n = 50
	c := describe(t, true)
	functions := serveGo(t, 2)
	conn := dial(t, functions[0])
	type result struct {
		r   *dynamicpb.Message
		err error
	}
	results := make(chan result, n)
	for range n {
		go func() {
			r, err := c.invoke(t.Context(), conn, c.ask("dataTransferChainIDs", chainText(functions[1:]),
				"payloadLengthBytes", "100000"))
			results <- result{r, err}
		}()
	}
	cold, seen := 0, map[int64]bool{}
	for range n {
		got := <-results
		if got.err != nil {
			t.Fatal(got.err)
		}
		if got.r.Get(c.reply.Fields().ByName("cold")).Bool() {
			cold++
		}
		seen[intOf(got.r, "invocation")] = true
	}
	if cold != 1 || len(seen) != n {
		t.Errorf("%d cold, %d invocation numbers of %d calls", cold, len(seen), n)
	}
}

func TestCallToken(t *testing.T) {
	sum := sha256.Sum256([]byte(token))
	functions := serveGo(t, 2, "STELLAR_TOKEN_SHA256="+hex.EncodeToString(sum[:]))
	c := describe(t, true)
	conn := dial(t, functions[0])
	_, err := c.invoke(t.Context(), conn, c.ask("incrementLimit", "x"))
	if status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "x-stellar-token") {
		t.Errorf("without a token: %v", err)
	}
	// A payload in a refused call is not read, and hurts no other call of the connection.
	for range 5 {
		if _, err := c.invoke(t.Context(), conn, c.ask("transferPayload",
			strings.Repeat("x", 20<<20))); status.Code(err) != codes.Unauthenticated {
			t.Errorf("a large payload without a token: %v", err)
		}
	}
	// The head hands the token on: the next one asks for it, too.
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-stellar-token", token)
	r, err := c.invoke(ctx, conn, c.ask("dataTransferChainIDs", chainText(functions[1:])))
	if err != nil || len(listOf(r, "stamps")) != 2 {
		t.Errorf("with the token: %v, %v", r, err)
	}
	// A payload of the caller's own is handed on in the place of one that is made.
	r, err = c.invoke(ctx, conn, c.ask("dataTransferChainIDs", chainText(functions[1:]), "transferPayload",
		strings.Repeat("x", 20<<20)))
	if err != nil || intOf(r, "payloadBytes") != 20<<20 || intOf(listOf(r, "hops")[0], "bytes") != 20<<20 {
		t.Errorf("a payload of the caller's: %v, %v", r, err)
	}
	open := serveGo(t, 1)[0]
	_, err = c.invoke(t.Context(), dial(t, open), c.ask("dataTransferChainIDs", chainText(functions[1:])))
	if status.Code(err) != codes.Unauthenticated ||
		!strings.Contains(err.Error(), "function 1 of the chain at "+functions[1]) {
		t.Errorf("the next one wants a token: %v", err)
	}
}

func TestCallErrors(t *testing.T) {
	c := describe(t, true)
	functions := serveGo(t, 3)
	conn := dial(t, functions[0])
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := closed.Addr().String()
	_ = closed.Close()
	for _, x := range []struct {
		name string
		ask  []string
		code codes.Code
		want string
	}{
		{"word", []string{"incrementLimit", "many"}, codes.InvalidArgument,
			`IncrementLimit is "many", it must be a whole number`},
		{"negative", []string{"payloadLengthBytes", "-1"}, codes.InvalidArgument, "must not be negative"},
		{"too much", []string{"payloadLengthBytes", "1073741825"}, codes.InvalidArgument,
			"at most 1073741824 (1 GiB) is allowed"},
		{"too long", []string{"incrementLimit", "9000000000000"}, codes.InvalidArgument,
			"the function's timeout leaves"},
		{"chain", []string{"dataTransferChainIDs", "[nowhere]"}, codes.InvalidArgument, `"nowhere" is not host:port`},
		{"port", []string{"dataTransferChainIDs", "[a:0]"}, codes.InvalidArgument, `"a:0" is not host:port`},
		{"host", []string{"dataTransferChainIDs", "[:80]"}, codes.InvalidArgument, `":80" is not host:port`},
		{"long chain", []string{"dataTransferChainIDs", "[" + strings.Repeat("a:1 ", 1001) + "]"},
			codes.InvalidArgument, "at most 1000"},
		{"storage", []string{"storageTransfer", "true"}, codes.Unimplemented, "transfers through storage"},
		{"gone", []string{"dataTransferChainIDs", chainText([]string{gone})}, codes.Unavailable,
			"function 1 of the chain at " + gone + ": "},
		{"gone further down", []string{"dataTransferChainIDs", chainText([]string{functions[1], gone})},
			codes.Unavailable,
			"function 1 of the chain at " + functions[1] + ": function 2 of the chain at " + gone + ": "},
		{"bad further down", []string{"dataTransferChainIDs", chainText([]string{functions[1], functions[2], "x"})},
			codes.InvalidArgument, `"x" is not host:port`},
	} {
		_, err := c.invoke(t.Context(), conn, c.ask(x.ask...))
		if status.Code(err) != x.code || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %v with %q", x.name, err, x.code, x.want)
		}
	}
	out := dynamicpb.NewMessage(c.reply)
	if err := conn.Invoke(t.Context(), "/proto_gen.ProducerConsumer/Other", c.ask(),
		out); status.Code(err) != codes.Unimplemented {
		t.Errorf("another method: %v", err)
	}
	if err := conn.Invoke(t.Context(), invokeNext, c.ask("incrementLimit", "1"), out,
		grpc.UseCompressor("gzip")); status.Code(err) != codes.Unimplemented {
		t.Errorf("a compressed message: %v", err)
	}
	if _, err := c.invoke(t.Context(), conn, c.ask()); err != nil {
		t.Errorf("after all that: %v", err)
	}
}
