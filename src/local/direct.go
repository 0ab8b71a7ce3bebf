package local

import (
	"context"
	"net/http"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/http1"
)

var _ http1.Handler = (*gateway)(nil)

// Begin begins to answer a request to a function's path; false: it is another one, which ServeHTTP answers. The answer
// is written by whoever has the function's: in the usual case by the goroutine of its runtime's connection.
func (g *gateway) Begin(x *http1.Exchange) bool {
	p, r := (*Platform)(g), x.Request
	service, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if _, api := apiVersions[service]; api || strings.HasPrefix(r.URL.Path, urlPrefix) {
		return false
	}
	path = "/" + path
	f, _ := p.route(service, path, r.Method)
	if f == nil || !f.enter() { // if it has just ended, ServeHTTP finds the next version, or none
		return false
	}
	id := newRequestID()
	f.invokeLater(x, f.invocation(r, id, path, x.Body), func(res result) {
		raw := res.raw
		if res.kind != "" {
			raw = refusal(res.kind, res.msg)
		}
		if raw.header == nil {
			raw.header = http.Header{}
		}
		raw.header["X-Amzn-Requestid"] = []string{id}
		x.Answer(raw.status, raw.header, raw.body)
	})
	return true
}

// invokeLater gives the request to an instance, or queues it, and returns; send gets its result, and does not wait for
// the client. Then the version is exited.
func (f *function) invokeLater(x *http1.Exchange, inv *invocation, send func(result)) {
	done := func(res result) {
		send(res)
		f.exit()
	}
	g, w, err := f.place()
	switch {
	case err != nil:
		done(f.notPlaced(err))
		return
	case w != nil:
		f.spawn(x, done, func(ctx context.Context) result {
			g, err := f.wait(ctx, w)
			return f.invokeAt(ctx, g, err, inv)
		})
		return
	}
	f.begin(g)
	inv.resume = func() {
		if f.settleLater(g.in, inv, <-inv.result, send) {
			f.exit()
			return
		}
		f.spawn(x, done, func(ctx context.Context) result { return f.invoke(ctx, inv.again()) })
	}
	if inv.submitTo(g) {
		return
	}
	inv.resume = nil
	if res, final := f.bury(g); final {
		done(res)
		return
	}
	f.spawn(x, done, func(ctx context.Context) result { return f.invoke(ctx, inv) })
}

// spawn has a goroutine wait for the result, which the client's leaving may end.
func (f *function) spawn(x *http1.Exchange, done func(result), wait func(ctx context.Context) result) {
	fail.Go(f.platform.defect, func() {
		ctx, cancel := x.Context()
		defer cancel()
		done(wait(ctx))
	})
}
