package provider

import (
	"context"
	"strconv"
	"time"
)

// ColdVariable is the environment variable whose change makes the instances of a function end, where a provider knows
// no better way. Its values are counters that no two runs share.
const ColdVariable = "STELLAR_COLD"

// ColdCount is a new value of ColdVariable: the nanoseconds since 1970.
func ColdCount() string { return strconv.FormatInt(time.Now().UnixNano(), 10) }

// DetailName is a function's name in the account, in an endpoint's Detail, where it is not that of its unit.
const DetailName = "name"

// Restorer is a connection whose UpdateFunction changes the configuration of a function for a cold start, and that can
// put it back.
type Restorer interface {
	// Configuration gives what Restore needs, beside the endpoint's Detail. It is written to a journal before the first
	// change, so it never holds a secret: of the function's variables only ColdVariable is named, and all else is in
	// it as a hash.
	Configuration(ctx context.Context, e Endpoint) (map[string]string, error)
	// Restore puts a function's configuration back and returns when the provider shows it as it was. was is the Detail
	// of its endpoint with what Configuration gave; another process may have written it. That the function is not there
	// any more is success.
	Restore(ctx context.Context, was map[string]string) error
}

// Keys of what Configuration gives.
const (
	WasCold = "was" + ColdVariable // the variable's value; missing: it was not set
	WasHash = "wasConfiguration"   // SHA-256, hex, of all that is configured beside the variable
)
