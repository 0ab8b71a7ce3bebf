package local

import (
	"context"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// What Lambda does with an event whose function fails, and with one that finds no instance
// (docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
const (
	eventAttempts   = 3
	maxEventAge     = 6 * time.Hour
	throttleBackoff = time.Second // the first pause; each further one is twice as long
	longestBackoff  = 5 * time.Minute
)

// eventPauses are those before the second and the third attempt.
func eventPauses() [eventAttempts - 1]time.Duration {
	return [eventAttempts - 1]time.Duration{time.Minute, 2 * time.Minute}
}

// startEvent gives an event to the function of that name, whichever version it then has, and returns. The event ends
// with the platform, and with a function that is not there.
func (p *Platform) startEvent(name, id string, event []byte) {
	fail.Go(p.defect, func() { p.runEvent(name, id, event) })
}

// runEvent repeats an event until its function has taken it, as often and as late as Lambda does.
func (p *Platform) runEvent(name, id string, event []byte) {
	born, backoff := time.Now(), throttleBackoff
	for failures := 0; ; {
		pause := time.Duration(0)
		switch res, found := p.tryEvent(name, id, event); {
		case !found, res.kind == "", res.kind == kindRemoved:
			return
		case res.kind == kindThrottled, res.kind == kindQueueTimeout:
			pause, backoff = backoff, min(2*backoff, longestBackoff)
		default:
			if failures++; failures == eventAttempts {
				return
			}
			pause = p.opts.eventPauses[failures-1]
		}
		if time.Since(born)+pause > maxEventAge {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-p.stop:
			timer.Stop()
			return
		}
	}
}

// tryEvent is one attempt; found is false where no function of that name is deployed.
func (p *Platform) tryEvent(name, id string, event []byte) (res result, found bool) {
	for {
		f := (*p.byName.Load())[name]
		if f == nil {
			return result{}, false
		}
		if !f.enter() {
			continue // the table has the next version, or none
		}
		defer f.exit()
		inv := newInvocation(id)
		inv.trace, inv.direct, inv.event = traceID(inv.arrival), true, event
		return f.invoke(context.Background(), inv), true
	}
}
