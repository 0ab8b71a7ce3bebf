// Package price has the prices of providers, with their sources and dates, and their rules of billing: what one request
// or a whole run costs in USD. Taxes, discounts, free tiers and volume tiers are left out.
package price

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// None is a duration that is not known.
const None = time.Duration(-1)

// Ways into a function. A function URL and the vendor's own API cost nothing beyond the request.
const (
	EntryHTTPAPI = "http-api"
	EntryURL     = "url"
)

// Function is what the price of a request depends on and its report does not say.
type Function struct {
	Provider     string // as in an experiment file
	Region       string // the provider's name for it; empty: not known
	Architecture string // amd64 or arm64
	MemoryMB     int    // MiB; 0: not known
	CPUs         float64
	Concurrency  int    // requests that one instance serves at once; 0 means 1
	Entry        string // EntryHTTPAPI or EntryURL
	SnapStart    bool
	Java         bool // a managed Java runtime: AWS restores its snapshots without a charge
	EphemeralMB  int  // size of /tmp in MiB; 0: what is free of charge
}

// Usage is what one request used, as the platform reports it.
type Usage struct {
	Duration    time.Duration // from the start of the handler to its end; None: not known
	Billed      time.Duration // as the platform itself rounds it; None: it does not say
	Init        time.Duration // of a cold start; None: there was none
	Restore     time.Duration // of a snapshot; None: there was none
	CPU         time.Duration // processor time; None: not known
	MaxMemoryMB int           // most memory in use, MiB; 0: not known
	Bytes       int64         // length of the response's body
}

// Idle is the usage of which nothing is known.
func Idle() Usage { return Usage{Duration: None, Billed: None, Init: None, Restore: None, CPU: None} }

// Tariff is the prices that hold for one function.
type Tariff struct {
	function Function
	rule     rule
	usd      map[string]float64 // by item, for one unit of the rule's quantities
	dates    []string
}

// MissingError says that there is no price. A cost is then not known; it is not zero.
type MissingError struct {
	Provider, Region, Architecture, Item string
}

// Error says which price is missing and what to do.
func (e *MissingError) Error() string {
	switch {
	case e.Item == "":
		return fmt.Sprintf("there are no prices for provider %s: --prices FILE gives some", e.Provider)
	case e.Region == "":
		return fmt.Sprintf("the prices of %s depend on the region: name it with \"Region\"", e.Provider)
	case e.Architecture == "": // of a function that others have deployed, while there are no credentials to look it up
		return fmt.Sprintf("there is no price for %s in %s of %s: the function's architecture is not known", e.Item,
			e.Region, e.Provider)
	}
	return fmt.Sprintf("there is no price for %s (%s) in %s of %s: --prices FILE gives one", e.Item, e.Architecture,
		e.Region, e.Provider)
}

// UnknownError says what the bill depends on and was not reported.
type UnknownError struct {
	Provider, What string
}

// Error says what is not known.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("the price of a request to %s depends on %s, which is not known", e.Provider, e.What)
}

// Tariff finds the prices for a function. The error is a *MissingError where one is not there.
func (s *Sheet) Tariff(f Function) (Tariff, error) {
	r, ok := rules()[f.Provider]
	if !ok || !slices.ContainsFunc(s.rows, func(row Row) bool { return row.Provider == f.Provider }) {
		return Tariff{}, &MissingError{Provider: f.Provider}
	}
	t := Tariff{function: f, rule: r, usd: map[string]float64{}}
	for _, item := range r.items(f) {
		row, ok := s.find(f, item)
		if !ok {
			return Tariff{}, &MissingError{f.Provider, f.Region, f.Architecture, item}
		}
		t.usd[item] = row.USD / units()[row.Unit]
		if !slices.Contains(t.dates, row.Date) {
			t.dates = append(t.dates, row.Date)
		}
	}
	slices.Sort(t.dates)
	return t, nil
}

// Dates says of which days the prices are.
func (t Tariff) Dates() string { return strings.Join(t.dates, ", ") }

// Charge is what one request costs, in USD. The error is an *UnknownError where the usage does not say enough.
func (t Tariff) Charge(u Usage) (float64, error) {
	quantities, err := t.rule.meter(t.function, u)
	if err != nil {
		return math.NaN(), err
	}
	return t.sum(quantities), nil
}

// StandingItem says in words what a deployed function costs something for while it gets no requests; empty: for
// nothing.
func (t Tariff) StandingItem() string {
	if t.rule.standing == nil || len(t.rule.standing(t.function, 0)) == 0 {
		return ""
	}
	return t.rule.standingItem
}

// Standing is what a deployed function costs in USD for a time without requests.
func (t Tariff) Standing(d time.Duration) float64 {
	if t.rule.standing == nil {
		return 0
	}
	return t.sum(t.rule.standing(t.function, d))
}

func (t Tariff) sum(quantities []quantity) (usd float64) {
	for _, q := range quantities {
		usd += q.amount * t.usd[q.item]
	}
	return usd
}
