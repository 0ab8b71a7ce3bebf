package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	maxPayload = 1 << 30 // bytes

	// nsPerIncrement is what one step takes on a fast processor with a whole core to itself. It only refuses what is
	// sure to outlast the timeout; what a step really takes is measured by calibration.
	nsPerIncrement = 0.5

	// longestTimeout stands in where the platform does not tell its own: no platform lets a request run longer.
	longestTimeout = time.Hour
)

// params are the parameters of a request. Those that this function does not know are ignored.
type params struct {
	increments int64
	payload    int64
}

// readParams checks the parameters of a request that may run for left.
func readParams(get func(name string) (value string, present bool), left time.Duration) (params, error) {
	var p params
	if err := refuseUnready(get); err != nil {
		return p, err
	}
	var err error
	if p.increments, err = count(get, "IncrementLimit"); err != nil {
		return p, err
	}
	if p.payload, err = count(get, "PayloadLengthBytes"); err != nil {
		return p, err
	}
	if p.payload > maxPayload {
		return p, fmt.Errorf("PayloadLengthBytes is %d, at most %d (1 GiB) is allowed", p.payload, maxPayload)
	}
	if need := float64(p.increments) * nsPerIncrement; need > float64(left) {
		return p, fmt.Errorf("IncrementLimit %d would spin for at least %.3g s, the function's timeout leaves %.3g s",
			p.increments, need/1e9, max(left, 0).Seconds())
	}
	return p, nil
}

// refuseUnready names parameters of older functions that are in another place here.
func refuseUnready(get func(string) (string, bool)) error {
	// Clients send an empty chain with every request.
	if v, _ := get("DataTransferChainIDs"); v != "" && v != "[]" {
		return errors.New("DataTransferChainIDs: chains over HTTP are in Chain, a JSON array of URLs")
	}
	for _, name := range []string{"PutURL", "GetURL"} {
		if v, _ := get(name); v != "" {
			return fmt.Errorf("%s: the objects of a transfer through storage are in the request's body", name)
		}
	}
	if v, _ := get("StorageTransfer"); v == "true" && !inChain(get) {
		return errors.New("StorageTransfer: it is for chains, ask it with Chain")
	}
	return nil
}

// inChain reports whether a request is part of a chain.
func inChain(get func(string) (string, bool)) bool {
	chain, _ := get(chainParameter)
	_, receives := get(shaParameter)
	return receives || chain != "" && chain != "[]" && chain != "null"
}

// count reads a parameter that is a whole number from 0 up; an absent one is 0.
func count(get func(string) (string, bool), name string) (int64, error) {
	text, ok := get(name)
	if !ok {
		return 0, nil
	}
	if len(text) > 1 && text[0] == '-' && digits(text[1:]) {
		return 0, fmt.Errorf("%s is %s, it must not be negative", name, shorten(text))
	}
	if !digits(text) {
		return 0, fmt.Errorf("%s is %q, it must be a whole number", name, shorten(text))
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is %s, that is too large", name, shorten(text))
	}
	return n, nil
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// shorten keeps an answer from repeating a long parameter.
func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// askedCmds is the object of micro-tests in a body, nil where it has none. Any other body is a payload.
func askedCmds(body []byte) []byte {
	var ask map[string]json.RawMessage
	if json.Unmarshal(body, &ask) != nil {
		return nil
	}
	return ask["cmds"]
}
