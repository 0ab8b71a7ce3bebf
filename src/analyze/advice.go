package analyze

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
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

// Effect is how the client, rather than the platform, may have influenced some of a sub-experiment's requests.
type Effect struct {
	Count, Of int    // requests, of all
	What      string // happened to them
	Detail    string // follows What; differs between sub-experiments
	Remedy    string
}

// String is the effect in one sentence, without the sub-experiment's title.
func (e Effect) String() string {
	return fmt.Sprintf("%s %s%s: %s", share(e.Count, e.Of), e.What, e.Detail, e.Remedy)
}

// Advice has a sentence for each of the sub-experiment's effects.
func Advice(s Summary) (all []string) {
	for _, e := range Effects(s) {
		all = append(all, e.String())
	}
	return all
}

// titlesShown is how many sub-experiments a sentence names.
const titlesShown = 4

// Advise has one sentence for each effect over all sub-experiments: with the title where it is in one of them, else
// with the number of requests in each.
func Advise(all []Summary) (lines []string) {
	type where struct {
		title string
		Effect
	}
	var order [][2]string
	found := map[[2]string][]where{}
	for _, s := range all {
		for _, e := range Effects(s) {
			key := [2]string{e.What, e.Remedy}
			if found[key] == nil {
				order = append(order, key)
			}
			found[key] = append(found[key], where{s.Title, e})
		}
	}
	for _, key := range order {
		at := found[key]
		if len(at) == 1 {
			lines = append(lines, at[0].title+": "+at[0].String())
			continue
		}
		sum := Effect{What: fmt.Sprintf("of %d sub-experiments %s", len(at), at[0].What), Remedy: at[0].Remedy}
		var each []string
		for i, w := range at {
			sum.Count, sum.Of = sum.Count+w.Count, sum.Of+w.Of
			if i < titlesShown {
				each = append(each, fmt.Sprintf("%s: %d", w.title, w.Count))
			}
		}
		if more := len(at) - titlesShown; more > 0 {
			each = append(each, fmt.Sprintf("%d more", more))
		}
		lines = append(lines, fmt.Sprintf("%s (%s)", sum, strings.Join(each, "; ")))
	}
	return lines
}

// Effects says how the client, rather than the platform, may have influenced the results, and what helps: if over 1 %
// of the rows are suspect, if bursts left over 1 ms late and contain over 1 % of the rows, and if requests were not
// sent at all. It is empty if there is nothing to report.
//
// Requests that are late only because their burst takes time to leave cause no warning: the spread shows that.
func Effects(s Summary) (out []Effect) {
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
			out = append(out, Effect{Count: c.SuspectWords[word], Of: s.Rows(),
				What: "may be slow because of this machine: " + r[0], Remedy: r[1]})
		}
	}
	if n := c.SuspectWords[resentWord]; worth(n, s.Rows()) {
		out = append(out, Effect{Count: n, Of: s.Rows(),
			What:   "were sent twice, because the server drained their connections or refused their streams",
			Remedy: "allow more requests on a connection there (nginx: keepalive_requests), or leave these rows out"})
	}
	if worth(c.Behind, s.Rows()) {
		out = append(out, Effect{Count: c.Behind, Of: s.Rows(),
			What: fmt.Sprintf("left over %g ms after their planned instant", toMS(toMicros(LateFrom))),
			Detail: fmt.Sprintf(" (99 %% within %s ms), which is not in their latencies",
				c.Lateness99.Format(msDecimals)),
			Remedy: "lengthen the IAT, lower the rate, allow more connections, or measure from a machine with more " +
				"cores"})
	}
	if c.Unsent > 0 {
		out = append(out, Effect{Count: c.Unsent, Of: s.Rows() + s.Warmup + c.Unsent,
			What:   "were due and never sent: the load was lower than planned",
			Remedy: "lower the rate, shorten the timeout, or allow more connections"})
	}
	return append(out, connectionEffects(s)...)
}

// connectionEffects reports how many requests had no kept connection although kept ones were asked for.
func connectionEffects(s Summary) (out []Effect) {
	c := s.Client
	why, remedy := "the server closed theirs just before, or they were not open in time",
		"choose another IAT, or Connections: new"
	if c.IdleClose > 0 {
		why = fmt.Sprintf("the server closes idle connections after about %s", about(c.IdleClose))
		remedy = "choose a shorter IAT, or Connections: new"
	}
	if n := int(c.NewConns.V); n > 0 {
		out = append(out, Effect{Count: n, Of: s.Rows(), Remedy: remedy,
			What: "opened a connection within their latency although kept ones were asked for: " + why})
	}
	if c.KeptResets > 0 && c.IdleClose > 0 {
		out = append(out, Effect{Count: c.KeptResets, Of: s.Rows(), Remedy: remedy,
			What: fmt.Sprintf("failed on a kept connection before any byte of an answer: %s, perhaps while they were "+
				"sent, and it is not known whether it processed them", why)})
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
