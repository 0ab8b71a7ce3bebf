package sample

import (
	"strings"
	"time"
)

// EventsFile is the name of the file about asynchronous invocations in a sub-experiment's folder.
const EventsFile = "events.csv"

// EventWriter writes events.csv: a row for each event, with the end of its function. It is not safe for concurrent use.
type EventWriter struct {
	w           Writer
	sent, ended memo
}

// CreateEvents makes a new events.csv, durably; an existing file is an error.
func CreateEvents(path string) (*EventWriter, error) {
	f, err := createNew(path)
	if err != nil {
		return nil, err
	}
	t := &EventWriter{w: Writer{out: f, name: path}}
	t.w.buf = append(t.w.buf, strings.Join([]string{"Request ID", "Burst ID", "Slot", "Warmup", "Sent At",
		"Accepted (ms)", "Function Ended At", "Sent To End (ms)", "Provider Duration (ms)"}, ",")+"\n"...)
	return t, t.w.establish(f, path)
}

// AppendRow adds the row of a request. ended is when its function ended, by the platform's clock; zero: not known.
func (t *EventWriter) AppendRow(s *Sample, ended time.Time) {
	w := &t.w
	w.text(s.RequestID)
	w.comma().count(int64(s.Burst), true)
	w.comma().count(int64(s.Slot), true)
	w.comma().text(map[bool]string{true: "true", false: "false"}[s.Warmup])
	w.comma().time(&t.sent, s.SentAt)
	w.comma().millis(s.Latency)
	w.comma().time(&t.ended, ended)
	if w.comma(); !ended.IsZero() {
		w.signed(ended.Sub(s.SentAt))
	}
	w.comma().millis(s.ProviderDuration)
	w.buf = append(w.buf, '\n')
}

// Close flushes, and closes the file.
func (t *EventWriter) Close() error { return t.w.Close() }
