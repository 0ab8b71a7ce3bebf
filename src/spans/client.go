package spans

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// client speaks OTLP over HTTP with binary Protobuf (OTLP specification 1.x). The SDK's own client imports gRPC for
// this, too.
type client struct {
	config   *Config
	http     *http.Client
	pause    time.Duration // before the first repetition, where the receiver names none; then twice as long each time
	patience time.Duration // with a receiver that asks for repetitions
	rejected int64         // spans that the receiver says it did not take
	why      string        // what it says of them
}

var _ otlptrace.Client = (*client)(nil)

func newClient(c *Config) *client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: c.tls, MaxIdleConnsPerHost: 1,
		ForceAttemptHTTP2: true}
	return &client{config: c, pause: time.Second, patience: time.Minute, http: &http.Client{Transport: transport,
		Timeout: c.timeout,
		// header fields may be secrets: they go to the receiver that was named, and nowhere else
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Start does nothing: connections are opened by requests.
func (c *client) Start(context.Context) error { return nil }

// Stop closes what connections are left.
func (c *client) Stop(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

// UploadTraces sends spans. The message is an ExportTraceServiceRequest, whose bytes are those of TracesData. A
// receiver that answers 429, 502, 503 or 504 is asked again after the pause that it names, or after 1, 2, 4 s and so
// on, for a minute.
func (c *client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	if c.config.gzip {
		if body, err = compressed(body); err != nil {
			return err
		}
	}
	began := time.Now()
	for pause := c.pause; ; pause *= 2 {
		wait, err := c.post(ctx, body)
		if err == nil || wait < 0 {
			return err
		}
		if wait == 0 {
			wait = pause
		}
		if time.Since(began)+wait > c.patience {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

func compressed(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(body)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("compress spans: %w", err)
	}
	return out.Bytes(), nil
}

// answerMost is how much of an answer is read.
const answerMost = 64 << 10

// post sends one message. After an error, wait is how long to wait before it may be sent again: 0 where the receiver
// does not say, negative where it may not.
func (c *client) post(ctx context.Context, body []byte) (wait time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.endpoint, bytes.NewReader(body))
	if err != nil {
		return -1, fmt.Errorf("send spans: %w", err)
	}
	request.Header = c.config.header.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	if c.config.gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		if of, ok := errors.AsType[*url.Error](err); ok {
			err = of.Err // the address may hold a secret
		}
		return -1, fmt.Errorf("send spans to %s: %w", c.receiver(), err)
	}
	defer answer.Body.Close() //nolint:errcheck // all that is wanted of it has been read
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerMost))
	if answer.StatusCode == http.StatusOK {
		c.partial(text)
		return -1, nil
	}
	if err != nil {
		text = nil
	}
	err = fmt.Errorf("the receiver of spans at %s answered %d (%.200q)", c.receiver(), answer.StatusCode, text)
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return retryAfter(answer.Header.Get("Retry-After")), err
	}
	return -1, err
}

// receiver is the receiver's address without what may be secret in it.
func (c *client) receiver() string {
	u, err := url.Parse(c.config.endpoint)
	if err != nil {
		return "its address"
	}
	return u.Scheme + "://" + u.Host
}

// retryAfter is the pause that a receiver asks for; 0: it names none.
func retryAfter(text string) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// partial notes how many spans the receiver did not take: field 1 of an ExportTraceServiceResponse is an
// ExportTracePartialSuccess, which has their number in field 1 and a text in field 2.
func (c *client) partial(answer []byte) {
	inner, _ := field(answer, 1)
	_, rejected := field(inner, 1)
	c.rejected += int64(rejected)
	if text, _ := field(inner, 2); len(text) > 0 {
		c.why = string(text)
	}
}

// field finds a field of a message: its bytes, or its number.
func field(message []byte, wanted protowire.Number) (text []byte, number uint64) {
	for len(message) > 0 {
		at, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil, 0
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(at, kind, message)
		if size < 0 {
			return nil, 0
		}
		if at == wanted {
			switch kind {
			case protowire.BytesType:
				text, _ = protowire.ConsumeBytes(message)
			case protowire.VarintType:
				number, _ = protowire.ConsumeVarint(message)
			}
		}
		message = message[size:]
	}
	return text, number
}
