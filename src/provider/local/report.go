package local

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

// ReportDelay is 0: the platform writes the line before the answer leaves.
func (l *connection) ReportDelay() time.Duration { return 0 }

// ReportID is the row's own: both have the id that the function's runtime was given.
func (l *connection) ReportID(requestID string) string { return requestID }

// Reports reads the functions' logs as far back as the platform keeps them.
func (l *connection) Reports(ctx context.Context, w provider.ReportWindow, found func(provider.Report)) error {
	for _, at := range w.Functions {
		service, function, err := named(at)
		if err != nil {
			return err
		}
		if err := l.readLog(ctx, service, function, found); err != nil {
			return err
		}
	}
	return nil
}

// named gives the names of a deployed function: those of the run that deployed it, which may be an earlier one. An
// endpoint that does not have them has an address at the platform's gateway, http://host:port/service/function.
func named(at provider.Endpoint) (service, function string, err error) {
	if at.Detail[provider.DetailUnit] != "" && at.Detail[provider.DetailName] != "" {
		return at.Detail[provider.DetailUnit], at.Detail[provider.DetailName], nil
	}
	u, err := url.Parse(at.URL)
	if err != nil {
		return "", "", fmt.Errorf("the address of a function: %w", err)
	}
	service, function, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return service, function, nil
}

// readLog goes through one function's log, piece by piece: a line can lie in two of them.
func (l *connection) readLog(ctx context.Context, service, function string, found func(provider.Report)) error {
	var rest []byte
	for offset := int64(0); ; {
		text, next, err := l.FunctionLog(ctx, service, function, offset)
		if err != nil {
			return fmt.Errorf("read the log of function %s: %w", function, err)
		}
		if len(text) == 0 || next == offset {
			return nil
		}
		offset, rest = next, append(rest, text...)
		for {
			line, after, whole := bytes.Cut(rest, []byte{'\n'})
			if !whole {
				break
			}
			rest = after
			if r, ok := reportline.Parse(string(line)); ok {
				found(converted(r))
			}
		}
	}
}

// converted is a line of this platform as every platform reports it.
func converted(r reportline.Report) provider.Report {
	out := provider.EmptyReport(r.RequestID)
	out.Duration, out.Billed, out.MemoryMB, out.MaxMemoryMB = r.Duration, r.Billed, r.MemoryMB, r.MaxMemory
	out.Instance, out.Cold, out.ColdKnown, out.EndedAt = r.Instance, r.Cold, true, r.Ended
	if r.Cold {
		out.Init = r.Init
	}
	return out
}
