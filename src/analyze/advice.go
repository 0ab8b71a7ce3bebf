package analyze

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// adviceFrom is the fraction of the rows from which on effects of the client are worth a warning.
const adviceFrom = 0.01

// resentWord is the only word of Suspect that says nothing about this machine.
const resentWord = "resent"

// remedies says for each word of Suspect what was observed and what helps.
func remedies() map[string][2]string {
	return map[string][2]string{
		"scheduler": {"the system did not run the client's threads in time",
			"close other programs, or measure from a machine with more cores"},
		"gc": {"the client collected its garbage", "measure from a machine with more cores or memory, or " +
			"split the sub-experiment into smaller ones"},
		"cpu": {"all of the client's cores were busy", "lower the burst size or the rate, or measure from a " +
			"machine with more cores"},
		"backlog": {"queues of sockets on this machine were full, the client's or a server's here",
			"lower the burst size or the rate, or raise net.core.somaxconn and net.core.netdev_max_backlog"},
		"clock": {"the client's wall clock jumped", "let chrony or ntpd slew the clock instead of stepping it, " +
			"or wait until it has settled"},
	}
}

// Advice says in one sentence each how the client, rather than the platform, may have influenced the results, and what
// helps: if over 1 % of the rows are suspect, if bursts left over 1 ms late and contain over 1 % of the rows, and if
// requests were not sent at all. It is empty if there is nothing to report.
//
// Requests that are late only because their burst takes time to leave cause no warning: the spread shows that.
func Advice(s Summary) []string {
	var out []string
	c := s.Client
	if worth(c.Suspects-c.SuspectWords[resentWord], s.Rows()) {
		for _, word := range slices.Sorted(maps.Keys(c.SuspectWords)) {
			if word == resentWord {
				continue // the server's doing
			}
			r, ok := remedies()[word]
			if !ok {
				r = [2]string{"the client noted " + strconv.Quote(word),
					"measure again on an otherwise idle machine"}
			}
			out = append(out, fmt.Sprintf("%s may be slow because of this machine: %s: %s", share(c.SuspectWords[word],
				s.Rows()), r[0], r[1]))
		}
	}
	if n := c.SuspectWords[resentWord]; worth(n, s.Rows()) {
		out = append(out, share(n, s.Rows())+
			" were sent twice, because the server drained their connections or refused their streams: "+
			"allow more requests on a connection there (nginx: keepalive_requests), or leave these rows out")
	}
	if worth(c.Behind, s.Rows()) {
		out = append(out, fmt.Sprintf("%s left over %g ms after their planned instant (99 %% within %s ms), which is "+
			"not in their latencies: %s",
			share(c.Behind, s.Rows()), toMS(toMicros(LateFrom)), c.Lateness99.Format(msDecimals),
			"lengthen the IAT, lower the rate, allow more connections, or measure from a machine with more cores"))
	}
	if c.Unsent > 0 {
		out = append(out, fmt.Sprintf("%s were due and never sent: the load was lower than planned: lower the rate, "+
			"shorten the timeout, or allow more connections",
			share(c.Unsent, s.Rows()+s.Warmup+c.Unsent)))
	}
	return append(out, connectionAdvice(s)...)
}

// connectionAdvice reports how many requests had no kept connection although kept ones were asked for.
func connectionAdvice(s Summary) (out []string) {
	c := s.Client
	why, remedy := "the server closed theirs just before, or they were not open in time",
		"choose another IAT, or Connections: new"
	if c.IdleClose > 0 {
		why = fmt.Sprintf("the server closes idle connections after about %s", about(c.IdleClose))
		remedy = "choose a shorter IAT, or Connections: new"
	}
	if n := int(c.NewConns.V); n > 0 {
		out = append(out, fmt.Sprintf("%s opened a connection within their latency although kept ones were asked "+
			"for: %s: %s",
			share(n, s.Rows()), why, remedy))
	}
	if c.KeptResets > 0 && c.IdleClose > 0 {
		out = append(out, fmt.Sprintf("%s failed on a kept connection before any byte of an answer: %s, perhaps "+
			"while they were sent, and it is not known whether it processed them: %s",
			share(c.KeptResets, s.Rows()), why, remedy))
	}
	return out
}

// about writes a duration with two digits.
func about(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 100 {
		unit *= 10
	}
	return d.Round(unit).String()
}

func worth(n, of int) bool { return float64(n) > adviceFrom*float64(of) }

// share writes a count with its fraction of all requests.
func share(n, of int) string {
	part := 100 * float64(n) / float64(of)
	decimals := 1
	if part == math.Trunc(part) {
		decimals = 0
	}
	return fmt.Sprintf("%d of %d requests (%s %%)", n, of, strconv.FormatFloat(part, 'f', decimals, 64))
}
