package functions

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"
)

// foreign serves the old contract with the gRPC library: a function of somebody else's.
func foreign(t *testing.T, c contract, answer func(context.Context, *dynamicpb.Message) (*dynamicpb.Message,
	error)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1 << 30))
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "proto_gen.ProducerConsumer", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "InvokeNext",
			Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any,
				error) {
				in := dynamicpb.NewMessage(c.request)
				if err := decode(in); err != nil {
					return nil, err
				}
				return answer(ctx, in)
			}}}}, nil)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// TestChainOfOldAndNew: functions that know only the contract's eight fields stand between ours.
func TestChainOfOldAndNew(t *testing.T) {
	old, ours := describe(t, false), describe(t, true)
	functions := serveGo(t, 2)
	const size = 6 << 20
	middle := foreign(t, old, func(ctx context.Context, in *dynamicpb.Message) (*dynamicpb.Message, error) {
		payload := textOf(in, "transferPayload")
		if len(payload) != size || !utf8.ValidString(payload) {
			return nil, status.Errorf(codes.DataLoss, "%d bytes of payload, valid: %v", len(payload),
				utf8.ValidString(payload))
		}
		stamps := strings.TrimSuffix(textOf(in, "timestampChain"), "]") + " " + strconv.FormatInt(time.Now().
			UnixMilli(), 10) + "]"
		rest := strings.Fields(strings.Trim(textOf(in, "dataTransferChainIDs"), "[]"))
		if len(rest) == 0 {
			out := dynamicpb.NewMessage(old.reply)
			out.Set(old.reply.Fields().ByName("timestampChain"), in.Get(old.request.Fields().ByName("timestampChain")))
			return out, status.Error(codes.Internal, "the chain ends too early")
		}
		next := dial(t, rest[0])
		down := old.ask("timestampChain", stamps, "transferPayload", payload, "dataTransferChainIDs",
			chainText(rest[1:]),
			"payloadLengthBytes", textOf(in, "payloadLengthBytes"))
		return old.invoke(ctx, next, down)
	})
	r, err := ours.invoke(t.Context(), dial(t, functions[0]), ours.ask("payloadLengthBytes", strconv.Itoa(size),
		"dataTransferChainIDs", chainText([]string{middle, functions[1]})))
	if err != nil {
		t.Fatal(err)
	}
	stamps, hops := listOf(r, "stamps"), listOf(r, "hops")
	millis := strings.Fields(strings.Trim(textOf(r, "timestampChain"), "[]"))
	// What the last function told beside its stamp was known to the old one no more than to its library: unknown fields
	// travel.
	if len(millis) != 3 || len(stamps) < 1 || len(hops) < 1 || intOf(hops[0], "bytes") != size {
		t.Fatalf("%s", r)
	}
	for _, s := range stamps {
		if k := intOf(s, "function"); strconv.FormatInt(intOf(s, "at")/1e6, 10) != millis[k] {
			t.Errorf("stamp %v is not function %d's: %v", s, k, millis)
		}
	}
}

// TestNextOneFails: what a next function does wrong is told with its place, and ends in time.
func TestNextOneFails(t *testing.T) {
	old, ours := describe(t, false), describe(t, true)
	conn := dial(t, serveGo(t, 1)[0])
	left := make(chan struct{})
	for _, x := range []struct {
		name    string
		wait    time.Duration
		code    codes.Code
		want    string
		address string
	}{
		{"hangs", 300 * time.Millisecond, codes.DeadlineExceeded, "",
			foreign(t, old, func(ctx context.Context, _ *dynamicpb.Message) (*dynamicpb.Message, error) {
				<-ctx.Done() // the head gives up, and says so to the next one
				close(left)
				return nil, ctx.Err()
			})},
		{"refuses", patience, codes.PermissionDenied, "not today: 100% sure",
			foreign(t, old, func(context.Context, *dynamicpb.Message) (*dynamicpb.Message, error) {
				return nil, status.Error(codes.PermissionDenied, "not today: 100% sure\nü")
			})},
		{"stamps nothing", patience, codes.Internal, "no stamp of its own",
			foreign(t, old, func(context.Context, *dynamicpb.Message) (*dynamicpb.Message, error) {
				return dynamicpb.NewMessage(old.reply), nil
			})},
		{"another service", patience, codes.Unimplemented, "unknown service", func() string {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := grpc.NewServer()
			go func() { _ = server.Serve(listener) }()
			t.Cleanup(server.Stop)
			return listener.Addr().String()
		}()},
	} {
		t.Run(x.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), x.wait)
			defer cancel()
			_, err := ours.invoke(ctx, conn, ours.ask("dataTransferChainIDs", chainText([]string{x.address})))
			if status.Code(err) != x.code || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %v with %q", err, x.code, x.want)
			}
			if x.name == "hangs" {
				select {
				case <-left:
				case <-time.After(patience):
					t.Error("the next one is left waiting")
				}
			}
		})
	}
}
