package experiment

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func runtimeRule() rule {
	return rule{kind: text, runtime: true, enum: RuntimeIDs(), pattern: `^(go|provided|python|node|java|ruby)`,
		want: "a runtime such as " + strings.Join(RuntimeIDs(), ", "), check: func(s string) (string, string, error) {
			r, note, err := ResolveRuntime(s)
			return r.ID, note, err
		}}
}

func checkTitle(s string) (string, string, error) {
	if strings.ContainsFunc(s, isControl) {
		return "", "", errors.New("want a title without control characters")
	}
	return s, "", nil
}

func checkEndpoint(s string) (string, string, error) {
	if s == "" {
		return s, "", nil
	}
	host, err := checkURL(s)
	if err != nil {
		return "", "", errors.New("want a host or http(s) URL: " + err.Error())
	}
	return s, lookedUp(s, host), nil
}

// registryForm is a registry as references begin: host, port, path; compiled once, never changed.
var registryForm = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)

func checkRegistry(s string) (string, string, error) {
	if s == "" || registryForm.MatchString(s) {
		return s, "", nil
	}
	return "", "", errors.New("want host[:port][/path], without a scheme, tag or digest, such as " +
		"registry.example.org/team")
}

func checkDuration(s string) (string, string, error) {
	const want = `want a Go duration >= 0 such as "100ms"`
	d, err := time.ParseDuration(s)
	switch {
	case err == nil && d < 0:
		return "", "", errors.New(want)
	case err == nil && d > maxSeconds*time.Second:
		return "", "", errors.New(want + " and of at most a year")
	case err == nil:
		return s, "", nil
	}
	if _, e := strconv.ParseFloat(s, 64); e == nil {
		return "", "", errors.New(want + `; did you mean "` + s + `ms"?`)
	}
	if _, e := time.ParseDuration(strings.ToLower(strings.ReplaceAll(s, " ", ""))); e == nil {
		return "", "", errors.New(want + `; did you mean "` + strings.ToLower(strings.ReplaceAll(s, " ", "")) + `"?`)
	}
	return "", "", errors.New(want)
}

const barPattern = `^bar-[0-9]+(\.[0-9]+)?$`

// barForm is compiled once, never changed.
var barForm = regexp.MustCompile(barPattern)

func checkVisualization(s string) (string, string, error) {
	plain := []string{"all", "bar", "cdf", "histogram", "none"}
	if slices.Contains(plain, s) {
		return s, "", nil
	}
	if barForm.MatchString(s) {
		if ms, err := strconv.ParseFloat(strings.TrimPrefix(s, "bar-"), 64); err == nil && ms > 0 {
			return s, "", nil
		}
	}
	return "", "", errors.New("want all, bar, bar-<ms> (ms over 0), cdf, histogram or none" + fail.DidYouMean(s, plain))
}

func checkArrivals(s string) (string, string, error) {
	if s == "constant" || s == "poisson" || isTrace(s) {
		return s, "", nil
	}
	return "", "", errors.New("want constant, poisson, or the path of a trace file (with a dot or a slash in it)" +
		fail.DidYouMean(s, []string{"constant", "poisson"}))
}

// isTrace says whether Arrivals names a file: a path shows by a dot or a slash, so that a misspelt word is not taken
// for one.
func isTrace(arrivals string) bool { return strings.ContainsAny(arrivals, `./\`) }

func isControl(r rune) bool { return unicode.IsControl(r) }
