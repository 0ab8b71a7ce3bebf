package run

import "strings"

// Statuses of a run in its record.
const (
	StatusRunning     = "running"     // it goes on, or its process has died
	StatusDone        = "done"        // finished, and nothing is left
	StatusPartial     = "partial"     // some sub-experiments failed, or thresholds were missed
	StatusFailed      = "failed"      // an error has ended it
	StatusInterrupted = "interrupted" // a signal has ended it
	StatusKept        = "kept"        // its functions were left up on purpose

	StatusRemoved = "removed" // the end of a run that another process has removed; in the journal only
	StatusDied    = "died"    // its process is dead, and something is left; never written
)

// KindOf is the kind of provider in a run's id: <time>-<provider>-<4 letters>.
func KindOf(id string) string {
	_, rest, _ := strings.Cut(id, "-")
	kind, _, _ := strings.Cut(rest, "-")
	return kind
}
