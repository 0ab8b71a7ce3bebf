// Server answers InvokeNext with gRPC's library, for tests of the probe.
//
//	server -reply 0a0531... [-code 14 -message text] [-turn 100] [-work 5ms]
//
// The first line of standard output is its address, host:port. Then it writes a line for every call before it answers
// it: the request's message as a quoted string, and the values of x-stellar-token in square brackets. It ends with its
// standard input, so that it cannot outlive the test that started it.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	reply := flag.String("reply", "", "message of the replies, hexadecimal")
	code := flag.Uint("code", 0, "status with which calls end; 0: they are answered")
	message := flag.String("message", "", "what the status says")
	turn := flag.Int("turn", 0, "calls after which another server takes over at the address; 0: one server for all")
	work := flag.Duration("work", 0, "how long a call takes")
	flag.Parse()
	text, err := hex.DecodeString(*reply)
	if err != nil {
		return fmt.Errorf("-reply: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &service{out: out, reply: text, code: codes.Code(*code), message: *message, work: *work}
	if _, err := fmt.Fprintln(out, listener.Addr()); err != nil {
		return err
	}
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		_, _ = io.Copy(io.Discard, in)
	}()
	if *turn > 0 {
		serveTurns(listener, s, *turn, stop)
		return nil
	}
	server := s.server()
	go func() {
		<-stop
		server.Stop()
	}()
	return server.Serve(listener)
}

// service answers every call alike.
type service struct {
	out     io.Writer
	reply   []byte
	code    codes.Code
	message string
	work    time.Duration

	mu     sync.Mutex // for what follows, and for out: a line is written whole
	left   int        // calls until enough is closed
	enough chan struct{}
}

// after gives what is closed when so many further calls have been answered.
func (s *service) after(calls int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.enough = calls, make(chan struct{})
	return s.enough
}

// count notes a call and writes its line.
func (s *service) count(line string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left--; s.left == 0 {
		close(s.enough)
	}
	_, err := fmt.Fprintln(s.out, line)
	return err
}

func (s *service) describe() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{ServiceName: "proto_gen.ProducerConsumer", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "InvokeNext", Handler: s.handle}}}
}

func (s *service) handle(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any,
	error) {
	var in []byte
	if err := decode(&in); err != nil {
		return nil, err
	}
	md, _ := metadata.FromIncomingContext(ctx)
	time.Sleep(s.work)
	if err := s.count(fmt.Sprintf("%q %v", in, md.Get("x-stellar-token"))); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	if s.code != codes.OK {
		return nil, status.Error(s.code, s.message)
	}
	return s.reply, nil
}

// codec passes messages through as they are.
type codec struct{}

var _ encoding.Codec = codec{}

// Marshal gives a message that is already encoded.
func (codec) Marshal(v any) ([]byte, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("cannot marshal %T", v)
	}
	return b, nil
}

// Unmarshal keeps a copy of a message, still encoded.
func (codec) Unmarshal(data []byte, v any) error {
	to, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("cannot unmarshal into %T", v)
	}
	*to = append([]byte(nil), data...)
	return nil
}

// Name is the subtype that clients ask for.
func (codec) Name() string { return "proto" }
