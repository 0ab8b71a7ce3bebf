package experiment

import (
	"net/netip"
	"strings"
	"time"
)

// combination checks one draft's keys against each other. A key whose own value was wrong has been reported and takes
// no part.
type combination struct {
	d  *decoder
	dr *draft
	s  *SubExperiment
}

// validate reports combinations that cannot be. Only values are looked at, never whether a key was given: the effective
// form, which gives every key, must pass as well.
func (d *decoder) validate(dr *draft) {
	c := combination{d, dr, &dr.sub}
	c.bursts()
	c.schedule()
	c.coldStart()
	c.sustained()
	c.trace()
	c.connections()
	c.chain()
	c.serviceTimes()
	c.network()
	c.entry()
	c.existing()
	c.stream()
	c.requests()
	c.ineffective()
	c.commands()
}

// ok says whether none of the keys was given with a wrong value or under a misspelt name.
func (c combination) ok(keys ...string) bool {
	for _, k := range keys {
		if c.dr.given[k] != nil && !c.dr.good[k] || c.d.meant[childPath(c.dr.at.path, k)] {
			return false
		}
	}
	return true
}

// where is the place to blame: the first of the keys that was swept, else the first that was given, else the object.
func (c combination) where(keys ...string) (int, string) {
	for _, k := range keys {
		if n := c.dr.given[k]; n != nil && n.swept {
			return n.off, n.path
		}
	}
	for _, k := range keys {
		if n := c.dr.given[k]; n != nil {
			return n.off, n.path
		}
	}
	return c.dr.at.off, childPath(c.dr.at.path, keys[0])
}

// refuse reports a combination of the keys.
func (c combination) refuse(keys []string, format string, args ...any) {
	if c.ok(keys...) {
		off, path := c.where(keys...)
		c.d.problem(off, path, format, args...)
	}
}

func (c combination) bursts() {
	s := c.s
	if s.bursting() && s.Bursts == 0 && c.ok("Bursts", "Type", "RatePerSecond", "Arrivals") {
		c.d.problem(c.dr.at.off, childPath(c.dr.at.path, "Bursts"), "missing; want an integer >= 1")
	}
	if s.bursting() && s.Bursts > 0 && s.WarmupBursts >= s.Rounds() {
		c.refuse([]string{"WarmupBursts", "Bursts", "Parallelism"},
			"%d rounds of warm-up leave nothing to measure: there are %d (%d bursts over %d endpoints)",
			s.WarmupBursts, s.Rounds(), s.Bursts, s.Parallelism)
	}
	if s.bursting() && s.Bursts > 0 && s.Parallelism > s.Bursts && c.ok("Bursts", "Parallelism") {
		off, path := c.where("Parallelism", "Bursts")
		c.d.note(off, path, "%d endpoints but %d bursts: %d endpoints get none", s.Parallelism, s.Bursts,
			s.Parallelism-s.Bursts)
	}
}

func (c combination) schedule() {
	s := c.s
	idle := s.IATSeconds == 0 && (s.IATType != "stochastic" || s.IATJitterSeconds == 0)
	if s.Schedule == "open" && s.bursting() && s.Rounds() > 1 && idle {
		c.refuse([]string{"Schedule", "IATSeconds", "IATJitterSeconds", "IATType", "Bursts"},
			"an open schedule with no IAT plans all %d rounds for the same instant; want IATSeconds > 0", s.Rounds())
	}
	if s.Schedule == "closed" && s.Sustained() {
		c.refuse([]string{"Schedule", "RatePerSecond", "Arrivals"},
			`found "closed"; a sustained load is open: want "open", or leave the key out`)
	}
}

// coldStart refuses forced cold starts where no moment is left for them: how long a function takes to become cold is
// not known beforehand, so that neither a sustained load nor an open schedule can keep its instants.
func (c combination) coldStart() {
	s := c.s
	if s.ColdStart != ColdForce {
		return
	}
	switch {
	case s.Sustained():
		c.refuse([]string{"ColdStart", "RatePerSecond", "Arrivals"},
			"force makes functions cold between bursts; a sustained load has no bursts: want %q, or Bursts in place "+
				"of the load", ColdIdle)
	case s.Schedule == "open" && s.bursting():
		c.refuse([]string{"ColdStart", "Schedule"},
			"force takes a time that is not known beforehand, and an open schedule plans its instants beforehand: "+
				`want Schedule "closed", or %q`, ColdIdle)
	}
}

func (c combination) sustained() {
	s := c.s
	rate, duration := s.RatePerSecond > 0, s.DurationSeconds > 0
	switch {
	case rate && !duration:
		c.refuse([]string{"RatePerSecond", "DurationSeconds"}, "a rate needs DurationSeconds beside it")
	case duration && !rate && !isTrace(s.Arrivals):
		c.refuse([]string{"DurationSeconds", "RatePerSecond", "Arrivals"},
			"a duration needs RatePerSecond beside it, or a trace")
	case s.Arrivals != "" && !rate && !isTrace(s.Arrivals):
		c.refuse([]string{"Arrivals", "RatePerSecond"}, "%s arrivals need RatePerSecond and DurationSeconds beside "+
			"them", s.Arrivals)
	}
	if s.Sustained() && !subTypeOf(s.Type).bursts {
		bursting := typeNames(func(t subType) bool { return t.bursts })
		c.refuse([]string{"RatePerSecond", "Arrivals", "Type"}, "%s has no sustained load; it is for %s", s.Type,
			strings.Join(bursting, " and "))
	}
}

func (c combination) serviceTimes() {
	s := c.s
	if !c.ok("DesiredServiceTimes", "TimeoutSeconds", "FunctionTimeoutSeconds", "BusySpinIncrements") {
		return
	}
	if n := len(s.BusySpinIncrements); n > 0 && len(s.DesiredServiceTimes) != n &&
		!noServiceTime(s.DesiredServiceTimes) {
		c.refuse([]string{"BusySpinIncrements", "DesiredServiceTimes"},
			"%d elements beside %d DesiredServiceTimes; want as many, or no DesiredServiceTimes", n,
			len(s.DesiredServiceTimes))
	}
	if len(s.BusySpinIncrements) > 0 {
		return // the times are labels only
	}
	if IsExisting(s.Function) {
		return // see existing: it takes no service time
	}
	for i := range s.DesiredServiceTimes {
		t := s.ServiceTime(i)
		limit, name := time.Duration(s.FunctionTimeoutSeconds)*time.Second, "FunctionTimeoutSeconds"
		if c.d.provider().Standing || s.TimeoutSeconds < limit.Seconds() {
			limit, name = time.Duration(s.TimeoutSeconds*float64(time.Second)), "TimeoutSeconds"
		}
		if t >= limit {
			off, path := c.where("DesiredServiceTimes", name)
			if n := c.dr.given["DesiredServiceTimes"]; n != nil && i < len(n.items) {
				off, path = n.items[i].off, n.items[i].path
			}
			c.d.problem(off, path, "%s is no shorter than %s, %s: every request would be cut off", t, name, limit)
		}
	}
}

func noServiceTime(times []string) bool {
	s := SubExperiment{DesiredServiceTimes: times}
	return len(times) == 1 && s.ServiceTime(0) == 0
}

func (c combination) network() {
	n := &c.s.TypeKeys
	udp := n.Exchange == ExchangeUDP
	if c.s.Type == TypePingPong && udp && n.FirstPort+n.Invocations-1 > 65535 {
		c.refuse([]string{"FirstPort", "Invocations"}, "%d invocations from port %d on reach past 65535, and each "+
			"has a port of its own",
			n.Invocations, n.FirstPort)
	}
	if c.s.Type == TypePingPong && udp && n.Repetitions > MaxExchanges {
		c.refuse([]string{"Repetitions", "Exchange"}, "%d exchanges do not fit into one answer; want at most %d, and "+
			"more Invocations", n.Repetitions, MaxExchanges)
	}
	if c.s.Type == TypePingPong && n.Repetitions == 1 {
		c.refuse([]string{"Repetitions"}, "exchange 0 of each invocation is warm-up, so that one leaves nothing to "+
			"measure; want 2 or more")
	}
	if n.Exchange != "" && c.s.Protocol == "grpc" {
		c.refuse([]string{"Protocol", "Exchange"}, "%s asks the function in JSON, which gRPC does not carry; want "+
			"another Protocol", c.s.Type)
	}
	if n.Exchange != "" && c.s.InvokeMode == InvokeStreamed {
		c.refuse([]string{"InvokeMode", "Exchange"}, "%s reads instants from the function's answer, and a stream has "+
			"none; want %q", c.s.Type, InvokeBuffered)
	}
	if why := badAddress(n.AdvertiseAddress); why != "" {
		c.refuse([]string{"AdvertiseAddress"}, "found %q; %s", n.AdvertiseAddress, why)
	}
	if c.s.Type != TypeOverhead {
		return
	}
	if n.OverheadType == OverheadPayload && c.s.Entry == EntrySDK {
		c.refuse([]string{"Entry", "OverheadType"}, "found %q; an event has the parameters of the request in it, so "+
			"that its size is not that of the payload: want %q or %q", EntrySDK, EntryHTTP, EntryURL)
	}
	c.span("CodePackageBegin", "CodePackageEnd", "CodePackagePoints", n.CodePackageBegin, n.CodePackageEnd,
		n.CodePackagePoints)
	c.span("PayloadBegin", "PayloadEnd", "PayloadPoints", n.PayloadBegin, n.PayloadEnd, n.PayloadPoints)
}

// badAddress says why functions cannot reach an address; empty: they may.
func badAddress(text string) string {
	const want = "want an IP address or a host name, without a port"
	addr, err := netip.ParseAddr(text)
	_, nameErr := ASCIIHost(text)
	switch {
	case text == "":
	case err == nil && (addr.IsUnspecified() || addr.IsMulticast()):
		return "it is not the address of a single host; " + want
	case err != nil && strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}):
		return want
	case err != nil && nameErr != nil:
		return nameErr.Error() + "; " + want
	}
	return ""
}

// span checks evenly spaced points from begin to end.
func (c combination) span(begin, end, points string, from, to int64, n int) {
	switch {
	case from > to:
		c.refuse([]string{begin, end}, "%d is over %s, %d", from, end, to)
	case n == 1 && from != to:
		c.refuse([]string{points, end, begin}, "one point cannot reach from %d to %d; want 2 or more", from, to)
	case int64(n)-1 > to-from && from != to:
		c.refuse([]string{points, end, begin}, "%d points do not fit between %d and %d bytes", n, from, to)
	}
}

// ineffective notes settings that change nothing. They are no errors, because a sweep over PackageType meets them.
func (c combination) ineffective() {
	s := c.s
	note := func(key, why string) {
		if n := c.dr.given[key]; n != nil && c.ok(key) {
			c.d.note(n.off, n.path, "has no effect %s", why)
		}
	}
	if s.PackageType == "Zip" && s.ColdPull {
		note("ColdPull", "on a Zip package")
	}
	if s.PackageType == "Zip" && s.BaseImage != "" {
		note("BaseImage", "on a Zip package")
	}
	if s.EntryAuth != AuthNone && s.Entry != EntryURL {
		note("EntryAuth", "on Entry "+s.Entry)
	}
	if s.InvokeMode != InvokeStreamed {
		for _, key := range s.setStreamKeys() {
			note(key, "without InvokeMode streamed")
		}
	}
	if s.FillerRead && s.FunctionImageSizeMB == 0 {
		note("FillerRead", "without FunctionImageSizeMB: there is no filler")
	}
	if s.IATType != "stochastic" && s.IATJitterSeconds != 0 && s.IATJitterSeconds != s.IATSeconds/20 {
		note("IATJitterSeconds", "on the IAT type "+s.IATType)
	}
	if s.IATType != "step" && s.IATStepSeconds != 1 {
		note("IATStepSeconds", "on the IAT type "+s.IATType)
	}
	if !s.bursting() && s.WarmupBursts > 0 {
		note("WarmupBursts", "where there are no bursts")
	}
	if s.Type == TypeOverhead {
		if s.OverheadType == OverheadCode && s.FunctionImageSizeMB != 0 {
			note("FunctionImageSizeMB", "with OverheadType code: the points are the sizes")
		}
		for _, key := range s.setOtherSizes() {
			note(key, "with OverheadType "+s.OverheadType)
		}
	}
	if s.Exchange == ExchangeHTTP {
		note("FirstPort", "with Exchange http: nothing is listened on")
		note("AdvertiseAddress", "with Exchange http: functions send nothing to this machine")
	}
	if s.Optimize != OptimizeBalanced && s.BalancedWeight != 0 {
		note("BalancedWeight", "without Optimize balanced")
	}
	if s.MaxConnections > 0 && !s.Sustained() {
		note("MaxConnections", "without a sustained load")
	}
	if s.TraceSpacing != "" && !isTrace(s.Arrivals) {
		note("TraceSpacing", "without a trace")
	}
	if s.Sustained() && (len(s.BurstSizes) != 1 || s.BurstSizes[0] != 1) {
		note("BurstSizes", "on a sustained load")
	}
	if s.Sustained() && s.IATSeconds != 0 {
		note("IATSeconds", "on a sustained load")
	}
}
