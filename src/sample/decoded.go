package sample

import (
	"io"
	"strconv"
)

// Decoded is a line of an older log: a request with its results, a platform's report, or both.
type Decoded struct {
	Row      Sample // with its Cmds; what the line does not say is empty
	Line     int    // of the input, from 1
	RunID    *int   // nil: the line does not say it, as of the others
	SubRunID *int
	Worker   *int
	Region   string
	Runtime  string
	Failure  string // what the function answered in place of results
}

// decodedKey are the columns of latencies.csv that a decoded line can have.
func decodedKey() []string {
	return []string{"Request ID", "Endpoint", "Sent At", "Received At", "Client Latency (ms)", "Provider Duration (ms)",
		"Billed Duration (ms)", "Provider Init (ms)", "Restore (ms)", "Memory Size (MB)", "Max Memory Used (MB)"}
}

// decodedOwn are the columns that latencies.csv does not have.
func decodedOwn() []string {
	return []string{"Line", "Region", "Runtime", "Run ID", "Sub Run ID", "Worker", "Failure"}
}

// DecodedWriter writes a table of decoded lines. As in cmds.csv, a further round of io is a further row.
type DecodedWriter struct{ table CmdsWriter }

// NewDecodedWriter writes to out, header first; tests are those that the lines have results of.
func NewDecodedWriter(out io.Writer, tests []string) *DecodedWriter {
	d := &DecodedWriter{CmdsWriter{w: Writer{out: out, name: "the table"}, key: named(decodedKey()),
		cols: CmdColumns(tests)}}
	d.table.header(decodedOwn())
	return d
}

// Append adds a line's rows to the buffer.
func (d *DecodedWriter) Append(v *Decoded) {
	own := []string{strconv.Itoa(v.Line), v.Region, v.Runtime, whole(v.RunID), whole(v.SubRunID), whole(v.Worker),
		v.Failure}
	d.table.rows(&v.Row, own)
}

func whole(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// Close writes what has been appended.
func (d *DecodedWriter) Close() error { return d.table.Flush() }
