package probe

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"stellar/src/sample"
)

// rawCodec passes messages through as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = slices.Clone(data)
	return nil
}

func (rawCodec) Name() string { return "proto" }

// library runs a server of the gRPC library.
func library(t *testing.T, answer func(ctx context.Context, in []byte) ([]byte, error)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := callServer(answer)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

func callServer(answer func(ctx context.Context, in []byte) ([]byte, error)) *grpc.Server {
	server := grpc.NewServer(grpc.ForceServerCodec(rawCodec{}))
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "proto_gen.ProducerConsumer", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "InvokeNext",
			Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				var in []byte
				if err := decode(&in); err != nil {
					return nil, err
				}
				return answer(ctx, in)
			}}}}, nil)
	return server
}

// TestLibraryAnswers: the gRPC library understands what is asked, and its replies become rows, over each kind of connection.
func TestLibraryAnswers(t *testing.T) {
	stamps := reply(1, "[1620000000000 1620000000017]")[5:]
	var mu sync.Mutex
	asked := map[string]int{}
	at := library(t, func(ctx context.Context, in []byte) ([]byte, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		mu.Lock()
		defer mu.Unlock()
		asked[fmt.Sprintf("%q %v", in, md.Get("x-stellar-token"))]++
		return stamps, nil
	})
	for _, connections := range []string{Shared, Reuse, New} {
		clear(asked)
		var b book
		cfg := config(&b, at)
		cfg.Protocol, cfg.Connections = GRPC, connections
		cfg.Targets = []Target{
			{Name: "a", URL: at, Query: url.Values{"DataTransferChainIDs": {"[x:1]"}}, Header: map[string][]string{"X-Stellar-Token": {"t"}}},
			{Name: "b", URL: at, Query: url.Values{"DataTransferChainIDs": {"[y:2 z:3]"}}},
		}
		cfg.Query = func(int) url.Values { return url.Values{"IncrementLimit": {"42"}} }
		cfg.Bursts = 4
		if _, err := Run(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		checkRows(t, b.rows)
		for _, r := range b.rows {
			if r.Err != sample.OK || r.Status != 200 || r.Chain == nil || !r.Chain.Stamps[1].Equal(time.UnixMilli(1620000000017)) {
				t.Fatalf("%s: row %+v", connections, r)
			}
		}
		want := map[string]int{`"\n\x0242\x12\x05[x:1]" [t]`: 8, `"\n\x0242\x12\t[y:2 z:3]" []`: 8}
		if len(asked) != 2 || asked[`"\n\x0242\x12\x05[x:1]" [t]`] != 8 || asked[`"\n\x0242\x12\t[y:2 z:3]" []`] != 8 {
			t.Errorf("%s: asked %v, want %v", connections, asked, want)
		}
	}
}

// TestLibraryRefuses: the library's ways to end a call become classes and statuses, and what it says is told.
func TestLibraryRefuses(t *testing.T) {
	for _, c := range []struct {
		code    codes.Code
		class   sample.Class
		status  int
		message string
	}{
		{codes.InvalidArgument, sample.HTTP4xx, 400, "PayloadLengthBytes is -5"},
		{codes.Unauthenticated, sample.HTTP4xx, 401, "a token is wanted"},
		{codes.Unavailable, sample.HTTP5xx, 503, "function 1 of the chain at x:1: 100% gone, ü"},
		{codes.DeadlineExceeded, sample.Timeout, 504, "no reply in time"},
		{codes.Unimplemented, sample.HTTP5xx, 501, "unknown method"},
	} {
		t.Run(c.code.String(), func(t *testing.T) {
			at := library(t, func(context.Context, []byte) ([]byte, error) { return nil, status.Error(c.code, c.message) })
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
			if len(notes) != 1 || !strings.Contains(notes[0], fmt.Sprintf("status %d", c.status)) || !strings.Contains(notes[0], c.message) {
				t.Errorf("notes %q, want one with %q", notes, c.message)
			}
		})
	}
}
