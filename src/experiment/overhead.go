package experiment

// Values of OverheadType: what grows from one measured point to the next.
const (
	OverheadCode    = "code"    // the package
	OverheadPayload = "payload" // the request body
)

// OverheadSizes are the sizes in bytes that an invocation-overhead measures: evenly spaced points from the first to the
// last one, each rounded to the nearest byte.
func (s *SubExperiment) OverheadSizes() []int64 {
	from, to, n := s.CodePackageBegin, s.CodePackageEnd, int64(s.CodePackagePoints)
	if s.OverheadType == OverheadPayload {
		from, to, n = s.PayloadBegin, s.PayloadEnd, int64(s.PayloadPoints)
	}
	out := make([]int64, 0, n)
	for i := range n {
		size := from
		if n > 1 {
			size += (i*(to-from) + (n-1)/2) / (n - 1)
		}
		out = append(out, size)
	}
	return out
}

// setOtherSizes are the keys of the sizes that the OverheadType does not measure, where they have another value than
// the default.
func (s *SubExperiment) setOtherSizes() (keys []string) {
	usual := subTypeOf(TypeOverhead).defaults
	add := func(key string, differs bool) {
		if differs {
			keys = append(keys, key)
		}
	}
	if s.OverheadType == OverheadPayload {
		add("CodePackageBegin", s.CodePackageBegin != usual.CodePackageBegin)
		add("CodePackageEnd", s.CodePackageEnd != usual.CodePackageEnd)
		add("CodePackagePoints", s.CodePackagePoints != usual.CodePackagePoints)
		return keys
	}
	add("PayloadBegin", s.PayloadBegin != usual.PayloadBegin)
	add("PayloadEnd", s.PayloadEnd != usual.PayloadEnd)
	add("PayloadPoints", s.PayloadPoints != usual.PayloadPoints)
	return keys
}

// PackageKey is the key that the sizes of the sub-experiment's packages come from.
func (s *SubExperiment) PackageKey() string {
	if s.Type == TypeOverhead && s.OverheadType == OverheadCode {
		return "CodePackageEnd"
	}
	return "FunctionImageSizeMB"
}

// overheadCold is how many cold invocations an invocation-overhead makes, retries not counted.
func (s *SubExperiment) overheadCold() int {
	points := s.CodePackagePoints
	if s.OverheadType == OverheadPayload {
		points = s.PayloadPoints
	}
	return points * s.Repetitions * max(s.Parallelism, 1)
}

// overheadRequests are cold and as many warm invocations; over HTTP also the fewest warm requests that show the clock
// of each cold instance.
func (s *SubExperiment) overheadRequests() int {
	all := 2 * s.overheadCold()
	if s.Exchange == ExchangeHTTP {
		all += s.overheadCold() * (s.N + 1)
	}
	return all
}
