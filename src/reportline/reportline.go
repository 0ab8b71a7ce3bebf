// Package reportline is the REPORT line that Lambda writes into a function's log for each request: the local platform
// writes such lines, and runs read them there and on AWS. The form is that of
// docs.aws.amazon.com/lambda/latest/dg/python-logging.html and, of the line's part on SnapStart,
// docs.aws.amazon.com/lambda/latest/dg/snapstart-monitoring.html.
package reportline

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Report is the ground truth of one request, written to the function's log in the form of Lambda's REPORT line.
type Report struct {
	RequestID  string
	Duration   time.Duration // from handing the event over to having the response
	Billed     time.Duration // duration and init, rounded up to a whole ms, as Lambda bills since August 2025
	MemoryMB   int
	MaxMemory  int           // MB; 0 where this system cannot tell, and then left out of the line
	Init       time.Duration // process start to first request for work; written for cold requests only
	Restore    time.Duration // of a snapshot, in place of an init: Lambda's SnapStart alone
	Pull       time.Duration // of Init, pulling the image; 0 and left out where nothing was pulled
	Queue      time.Duration // waiting for an instance, without the start of one of its own
	Instance   string
	Cold       bool      // first request of its instance
	Ended      time.Time // when the response was there; zero, and not in the line, on AWS
	Status     string    // error or timeout; empty for success
	ErrorClass string    // Lambda's error type where there is one, e.g. Runtime.ExitError
}

// String gives the log line. Fields are parted by tabs; Queue Duration, Instance and Cold are this platform's own.
func (r Report) String() string { return string(r.Append(nil)) }

// Append adds the line, without a line break.
func (r Report) Append(b []byte) []byte {
	b = append(append(b, "REPORT RequestId: "...), r.RequestID...)
	b = appendMillis(append(b, "\tDuration: "...), r.Duration)
	b = append(b, "\tBilled Duration: "...)
	b = strconv.AppendInt(b, r.Billed.Milliseconds(), 10)
	b = append(b, " ms\tMemory Size: "...)
	b = append(strconv.AppendInt(b, int64(r.MemoryMB), 10), " MB"...)
	if r.MaxMemory > 0 {
		b = append(b, "\tMax Memory Used: "...)
		b = append(strconv.AppendInt(b, int64(r.MaxMemory), 10), " MB"...)
	}
	if r.Cold {
		b = appendMillis(append(b, "\tInit Duration: "...), r.Init)
	}
	if r.Restore > 0 {
		b = appendMillis(append(b, "\tRestore Duration: "...), r.Restore)
	}
	if r.Pull > 0 {
		b = appendMillis(append(b, "\tPull Duration: "...), r.Pull)
	}
	if r.Status != "" {
		b = append(append(b, "\tStatus: "...), r.Status...)
	}
	if r.ErrorClass != "" {
		b = append(append(b, "\tError Type: "...), r.ErrorClass...)
	}
	if !r.Ended.IsZero() {
		b = r.Ended.UTC().AppendFormat(append(b, "\tEnded: "...), time.RFC3339Nano)
	}
	b = appendMillis(append(b, "\tQueue Duration: "...), r.Queue)
	b = append(append(b, "\tInstance: "...), r.Instance...)
	return strconv.AppendBool(append(b, "\tCold: "...), r.Cold)
}

func appendMillis(b []byte, d time.Duration) []byte {
	return append(strconv.AppendFloat(b, float64(d)/1e6, 'f', 2, 64), " ms"...)
}

// Parse reads a REPORT line, also one of AWS (whose lines lack this platform's own fields). It says false for
// any other line and for one whose numbers cannot be read. The line begins with the word: what a function prints gets a
// `>` in front in this platform's log where it looks like such a line.
func Parse(line string) (Report, bool) {
	rest, ok := strings.CutPrefix(strings.TrimRight(line, " \t\r\n"), "REPORT ")
	if !ok {
		return Report{}, false
	}
	var r Report
	var err error
	for field := range strings.SplitSeq(rest, "\t") {
		key, value, found := strings.Cut(strings.TrimSpace(field), ": ")
		if !found {
			continue
		}
		err = cmp.Or(err, r.set(key, value))
	}
	return r, err == nil && r.RequestID != ""
}

func (r *Report) set(key, value string) (err error) {
	switch key {
	case "RequestId":
		r.RequestID = value
	case "Duration":
		r.Duration, err = parseMillis(value)
	case "Billed Duration":
		r.Billed, err = parseMillis(value)
	case "Init Duration":
		r.Init, err = parseMillis(value)
		r.Cold = true // AWS has no Cold field: the line of a cold start is the one with an init
	case "Restore Duration":
		r.Restore, err = parseMillis(value)
		r.Cold = true
	case "Pull Duration":
		r.Pull, err = parseMillis(value)
	case "Queue Duration":
		r.Queue, err = parseMillis(value)
	case "Memory Size":
		r.MemoryMB, err = strconv.Atoi(strings.TrimSuffix(value, " MB"))
	case "Max Memory Used":
		r.MaxMemory, err = strconv.Atoi(strings.TrimSuffix(value, " MB"))
	case "Instance":
		r.Instance = value
	case "Cold":
		r.Cold, err = strconv.ParseBool(value)
	case "Ended":
		r.Ended, err = time.Parse(time.RFC3339Nano, value)
	case "Status":
		r.Status = value
	case "Error Type":
		r.ErrorClass = value
	}
	return err
}

func parseMillis(s string) (time.Duration, error) {
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, " ms"), 64)
	if err != nil {
		return 0, fmt.Errorf("REPORT line: %q is not a number of milliseconds: %w", s, err)
	}
	return time.Duration(math.Round(v * 1e6)), nil
}
