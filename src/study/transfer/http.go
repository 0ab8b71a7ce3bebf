package transfer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

const (
	// longestQuery is how long the addresses of a chain may be in the query of a request: gateways take 8 KiB in all.
	longestQuery = 7 << 10
	// validAfter is how long presigned URLs are valid beyond the request's time limit.
	validAfter = 5 * time.Minute
	// statusPayload is a function's answer where a payload did not arrive as its producer made it.
	statusPayload = http.StatusUnprocessableEntity
)

// chainRun is the measurement of chains over HTTP.
type chainRun struct {
	env      *study.Env
	size     int           // functions of a chain
	clocks   *clocks       // nil: those of the rows alone
	requests atomic.Uint64 // that have objects of their own so far
}

// overHTTP measures chains of size functions.
func overHTTP(ctx context.Context, env *study.Env, size int) error {
	m := &chainRun{env: env, size: size}
	heads, err := m.heads()
	if err != nil {
		return err
	}
	load, err := loadOf(env, heads, size)
	if err != nil {
		return err
	}
	load.Answer, load.Expect = m.answer, m.expect
	if env.Sub.StorageTransfer {
		if env.Object == nil || env.Sub.Sustained() {
			return fail.Unsupported("sub-experiment %d (%s): StorageTransfer needs an object store, and bursts rather "+
				"than a sustained load", env.Index, env.Sub.Title)
		}
		load.Method, load.Each = http.MethodPost, m.objects
	}
	if !env.Sub.Sustained() && env.Sub.Schedule != probe.Open {
		m.clocks = newClocks(env, size)
	}
	return env.Measure(ctx, load, func() (study.Table, error) {
		w, err := sample.CreateTransfers(filepath.Join(env.Dir, sample.TransfersFile), size)
		if err != nil {
			return nil, err
		}
		return &table{TransferWriter: w, run: m, ctx: ctx}, nil
	})
}

// heads makes a target of the head of each chain.
func (m *chainRun) heads() (heads []probe.Target, err error) {
	env := m.env
	for at := 0; at < len(env.Endpoints); at += m.size {
		var below []string
		for _, e := range env.Endpoints[at+1 : at+m.size] {
			u, err := url.Parse(e.URL)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return nil, fail.Input("endpoint %s: %q is not a URL that the function before it in its chain can call",
					e.Function, e.URL)
			}
			below = append(below, e.URL)
		}
		text, err := json.Marshal(below)
		if err != nil {
			return nil, err
		}
		query := url.Values{"Chain": {string(text)}}
		if n := len(query.Encode()); n > longestQuery {
			return nil, fail.Input("sub-experiment %d (%s): the addresses of a chain of %d functions take %d bytes of "+
				"a URL, gateways take %d; want a smaller DataTransferChainLength or Fan", env.Index, env.Sub.Title,
				m.size, n, longestQuery)
		}
		if env.Sub.Fan > 1 {
			query.Set("Fan", strconv.Itoa(env.Sub.Fan))
		}
		if env.Sub.StorageTransfer {
			query.Set("StorageTransfer", "true")
		}
		head := env.Target(env.Endpoints[at])
		head.Query = query
		heads = append(heads, head)
	}
	return heads, nil
}

// objects is the body of a request through storage: the objects of its hops, which no other request has.
func (m *chainRun) objects(burst, slot int) (probe.Body, error) {
	type object struct {
		Put    string
		Get    string
		Header map[string]string `json:",omitempty"`
	}
	body := struct{ Objects []object }{make([]object, 0, m.size-1)}
	valid := time.Duration(m.env.Sub.TimeoutSeconds*float64(time.Second)) + validAfter
	n := m.requests.Add(1)
	for hop := range m.size - 1 {
		o, err := m.env.Object(fmt.Sprintf("%d/%d-%d-%d-%d", m.env.Index, burst, slot, n, hop), valid)
		if err != nil {
			return probe.Body{}, err
		}
		one := object{Put: o.PutURL, Get: o.GetURL}
		for name := range o.PutHeader {
			if one.Header == nil {
				one.Header = map[string]string{}
			}
			one.Header[name] = o.PutHeader.Get(name)
		}
		body.Objects = append(body.Objects, one)
	}
	text, err := json.Marshal(body)
	return probe.Body{Type: "application/json", Bytes: text}, err
}

// expect gives an answer its class: one that says that a payload did not arrive, and one of which the proof fails, have
// the class payload, never a latency.
func (m *chainRun) expect(status int, body []byte) error {
	switch {
	case status == statusPayload:
		return broken("%s", reason(body))
	case status >= http.StatusInternalServerError:
		return failed{sample.HTTP5xx, fmt.Errorf("status %d: %s", status, reason(body))}
	case status >= http.StatusBadRequest:
		return failed{sample.HTTP4xx, fmt.Errorf("status %d: %s", status, reason(body))}
	}
	a, err := readAnswer(body)
	if err != nil {
		return failed{sample.Protocol, fmt.Errorf("the answer is not that of a function of a chain: %w", err)}
	}
	return a.prove(m.size, m.env.Sub.PayloadLengthBytes)
}

// answer completes a row with what the functions report.
func (m *chainRun) answer(row *sample.Sample, body []byte) {
	if row.Err != sample.OK {
		return
	}
	if a, err := readAnswer(body); err == nil {
		row.Chain = a.chain()
	}
}

// failed is an answer's failure with its class.
type failed struct {
	class sample.Class
	error
}

// Class is that of the row.
func (f failed) Class() sample.Class { return f.class }

// broken is a payload that did not arrive.
func broken(format string, args ...any) error {
	return failed{sample.Payload, fmt.Errorf(format, args...)}
}

// reason is what a function says of its failure, in one short line.
func reason(body []byte) string {
	var said struct{ Error string }
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		return "no reason is given"
	}
	const most = 500
	if len(said.Error) > most {
		said.Error = said.Error[:most] + "..."
	}
	return fmt.Sprintf("%q", said.Error)
}

// table completes the rows of a burst with the clocks' offsets before it writes them.
type table struct {
	*sample.TransferWriter
	run  *chainRun
	ctx  context.Context
	rows []sample.Sample
}

var _ study.Table = (*table)(nil)

// AppendRow keeps the row until Flush.
func (t *table) AppendRow(row *sample.Sample) { t.rows = append(t.rows, *row) }

// Flush exchanges instants with the functions whose clocks are not known, then writes the rows and syncs them to disk.
func (t *table) Flush() error {
	if c := t.run.clocks; c != nil && len(t.rows) > 0 {
		if err := c.exchange(t.ctx, t.rows); err != nil {
			return err
		}
	}
	for i := range t.rows {
		row := &t.rows[i]
		if row.Chain != nil {
			if c := t.run.clocks; c != nil {
				c.correct(row)
			}
			row.Chain.Examine(row.Latency, t.run.env.Sub.Fan)
		}
		t.TransferWriter.AppendRow(row)
	}
	t.rows = t.rows[:0]
	return t.TransferWriter.Flush()
}

// Close flushes, and closes the file.
func (t *table) Close() error {
	if err := t.Flush(); err != nil {
		_ = t.TransferWriter.Close() // the first error is the cause
		return err
	}
	return t.TransferWriter.Close()
}
