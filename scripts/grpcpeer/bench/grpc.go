package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
)

// dialPerRequest is the original's way over gRPC: every request dials, calls and closes.
func dialPerRequest(target string) call {
	return func(ctx context.Context) (string, error) {
		conn, err := grpc.NewClient("passthrough:///"+target,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{})))
		if err != nil {
			return "", err
		}
		defer func() { _ = conn.Close() }()
		var reply []byte
		err = conn.Invoke(ctx, "/proto_gen.ProducerConsumer/InvokeNext", []byte(nil), &reply, grpc.WaitForReady(true))
		return string(reply), err
	}
}

// codec passes messages through: the request is the empty InvokeChainRequest (all of proto3's fields at their defaults
// are zero bytes), the reply is kept as it came.
type codec struct{}

var _ encoding.Codec = codec{}

// Marshal answers a []byte as it is.
func (codec) Marshal(v any) ([]byte, error) {
	b, is := v.([]byte)
	if !is {
		return nil, fmt.Errorf("cannot marshal %T", v)
	}
	return b, nil
}

// Unmarshal keeps a copy of the bytes.
func (codec) Unmarshal(data []byte, v any) error {
	to, is := v.(*[]byte)
	if !is {
		return fmt.Errorf("cannot unmarshal into %T", v)
	}
	*to = append([]byte(nil), data...)
	return nil
}

// Name is the subtype that servers expect of protobuf messages.
func (codec) Name() string { return "proto" }
