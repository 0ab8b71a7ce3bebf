package provider

import (
	"context"
	"iter"
	"time"
)

// Reporter is a connection that can read what its platform reports of single requests.
type Reporter interface {
	// Reports calls found for every report that can be read now of the requests that functions answered in a window.
	// Reports of other requests may come too, and one may come twice. A platform that has none for these functions is
	// fail.Unsupported, and says what is missing.
	Reports(ctx context.Context, w ReportWindow, found func(Report)) error
	// ReportID is the id by which reports name a request, made of the one in its row.
	ReportID(requestID string) string
	// ReportDelay is how long after a request its report can take until it can be read; 0: it is there before the
	// request's answer.
	ReportDelay() time.Duration
}

// ReportWindow names requests by who answered them and when.
type ReportWindow struct {
	Functions []Endpoint
	From, To  time.Time // when the first was sent, and the last one's answer was in, by this machine's clock
	// IDs are the requests that have no report yet, by ReportID.
	IDs iter.Seq[string]
}

// NotReported is a duration that a report does not have.
const NotReported = time.Duration(-1)

// Report is what a platform reports of one request.
type Report struct {
	RequestID   string
	Duration    time.Duration // of the function's code, without its init; NotReported where it is not reported
	Billed      time.Duration // likewise
	Init        time.Duration // likewise, of a cold start
	Restore     time.Duration // likewise, of a snapshot in place of an init
	MemoryMB    int           // as configured; 0: not reported
	MaxMemoryMB int           // the most that was in use; 0: not reported
	Instance    string        // empty: not reported
	EndedAt     time.Time     // by the platform's clock; zero: not reported
	Cold        bool          // the request was the first one of its instance
	ColdKnown   bool          // Cold says something
}

// EmptyReport is a report that has only the id of its request.
func EmptyReport(requestID string) Report {
	return Report{RequestID: requestID, Duration: NotReported, Billed: NotReported, Init: NotReported,
		Restore: NotReported}
}
