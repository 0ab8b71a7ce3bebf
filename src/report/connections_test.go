package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// TestSummaryOfConnections: requests that connected although kept connections were asked for have a column in the
// summary, and the JSON has their number. If new connections were asked for, neither has them.
func TestSummaryOfConnections(t *testing.T) {
	rows := func(n analyze.Value, idle time.Duration) []Row {
		s := analyze.Summary{Identity: analyze.Identity{Title: "t"}, Count: 20}
		s.Client.NewConns, s.Client.IdleClose = n, idle
		return []Row{{Stats: s}}
	}
	for name, c := range map[string]struct {
		rows  []Row
		table bool
		json  string
	}{
		"some": {rows(analyze.Of(7), 5*time.Second), true, `"new_connections": 7,`},
		"none": {rows(analyze.Of(0), 0), false, `"new_connections": 0`},
		"new":  {rows(analyze.Value{}, 0), false, ""},
	} {
		var table, script bytes.Buffer
		if err := Summary(&table, c.rows, SummaryOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := Summary(&script, c.rows, SummaryOptions{JSON: true}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(table.String(), "  new") != c.table {
			t.Errorf("%s:\n%s", name, table.String())
		}
		if c.json == "" && strings.Contains(script.String(), "new_connections") ||
			!strings.Contains(script.String(), c.json) {
			t.Errorf("%s:\n%s", name, script.String())
		}
		if strings.Contains(script.String(), `"idle_close_ms": 5000`) != (c.json != "" && name == "some") {
			t.Errorf("%s:\n%s", name, script.String())
		}
	}
}
