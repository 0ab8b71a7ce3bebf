package cloud

import (
	"cmp"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// FaultAccount is an account that can refuse calls.
type FaultAccount interface {
	lab.Account
	Refuse(Fault)
	Unmet() []Fault
}

// FaultRow is one row of a vendor's fault table: a run of an experiment in which something goes wrong.
type FaultRow struct {
	Name  string
	Fault Fault
	Env   string // a variable that is another than the account's
	Exit  int    // code with which the run ends
	Says  string // what the user must get to see; empty: the fault's code

	Experiment string // in place of the table's
}

// CheckFaults runs an experiment once for each row. Whatever goes wrong on the way, nothing stays, and the user is told
// what the vendor said. open opens the account of a row.
func CheckFaults(
	t *testing.T,
	experiment string,
	rows []FaultRow,
	open func(t *testing.T, row FaultRow) FaultAccount,
) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			a := open(t, row)
			l := lab.In(t, a, cmp.Or(row.Experiment, experiment))
			if row.Fault != (Fault{}) {
				a.Refuse(row.Fault)
			}
			if row.Env != "" {
				l.Set(row.Env)
			}
			_, said := l.Stellar(row.Exit, "-c", "exp.json", "-o", "out", "--yes")
			want := row.Says
			if want == "" && row.Exit != 0 {
				want = row.Fault.Code
			}
			if left := a.Left(); len(left) > 0 || !strings.Contains(said, want) {
				t.Errorf("left %v; want %q to be said:\n%s", left, want, said)
			}
			if unmet := a.Unmet(); len(unmet) > 0 {
				t.Errorf("the fault was never met: %q", a.Calls())
			}
			if out := l.Output("clean"); strings.Contains(out, "removed") {
				t.Errorf("clean found something: %s", out)
			}
		})
	}
}
