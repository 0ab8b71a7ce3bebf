package probe

import (
	"crypto/tls"
	"errors"
	"net"
	"os"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// classify finds the class of a failed exchange on an open connection.
func classify(err error) sample.Class {
	switch {
	case err == nil:
		return sample.OK
	case errors.Is(err, os.ErrDeadlineExceeded):
		return sample.Timeout
	case errors.Is(err, errTooLarge):
		return sample.TooLarge
	}
	if _, ok := errors.AsType[broken](err); ok {
		return sample.Protocol
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return sample.TLS
	}
	// TLS alerts, e.g. a client certificate that is wanted after the handshake, come as these operations.
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return sample.TLS
	}
	return sample.Reset
}

// statusClass is the class of a complete answer. A redirect is an answer, not a failure.
func statusClass(status int) sample.Class {
	switch {
	case status >= 500:
		return sample.HTTP5xx
	case status >= 400:
		return sample.HTTP4xx
	}
	return sample.OK
}
