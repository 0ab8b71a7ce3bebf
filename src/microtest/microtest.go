// Package microtest reads what the micro-tests of functions answer: the results of the function protocol, the one-line
// form of older functions, and the platform's REPORT line. It estimates a function's share of a processor.
package microtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Names lists the micro-tests of an object as they stand in an experiment file, in its order. An object that cannot be
// read has none.
func Names(object []byte) []string {
	var names []string
	in := json.NewDecoder(bytes.NewReader(object))
	if _, err := in.Token(); err != nil {
		return nil
	}
	for in.More() {
		name, err := in.Token()
		var skipped json.RawMessage
		if err != nil || in.Decode(&skipped) != nil {
			return nil
		}
		if text, ok := name.(string); ok {
			names = append(names, text)
		}
	}
	return names
}

// Body is the body of a request for micro-tests, an object of them as it stands in an experiment file.
func Body(object []byte) []byte {
	return append(append([]byte(`{"cmds":`), object...), '}')
}

// errNone is the answer of a function that gives no results.
var errNone = errors.New("the answer has no Cmds")

// Read takes the results of micro-tests from a function's answer: in JSON, or in the one-line form of older functions.
func Read(body []byte) (*sample.Cmds, error) {
	if text := strings.Trim(strings.TrimSpace(string(body)), `"`); !strings.HasPrefix(text, "{") {
		if e, err := older(text); err == nil {
			return e.Cmds, nil
		}
	}
	var answer struct {
		Cmds map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("the answer is no JSON: %w", err)
	}
	if answer.Cmds == nil {
		return nil, errNone
	}
	c := &sample.Cmds{}
	for name, value := range answer.Cmds {
		if why, failed := failure(value); failed {
			fails(c, name, why)
			continue
		}
		if err := set(c, name, value); err != nil {
			fails(c, name, "its result cannot be read: "+err.Error())
		}
	}
	return c, nil
}

// fails notes the reason of a micro-test's failure.
func fails(c *sample.Cmds, name, why string) {
	if c.Errors == nil {
		c.Errors = map[string]string{}
	}
	c.Errors[name] = clip(why)
}

// failure says whether a result is that of a test that failed.
func failure(value []byte) (why string, failed bool) {
	var e struct{ Error *string }
	if json.Unmarshal(value, &e) != nil || e.Error == nil {
		return "", false
	}
	return *e.Error, true
}

// set takes the result of a micro-test.
func set(c *sample.Cmds, name string, value []byte) error {
	var err error
	switch name {
	case "sleep_till":
		c.SleepTill, err = decode[*float64](value)
	case "sleep":
		c.Sleep, err = decode[*float64](value)
	case "cpu":
		c.CPU, err = decode[*float64](value)
	case "start_time":
		c.Start, err = decode[*float64](value)
	case "end_time":
		c.End, err = decode[*float64](value)
	case "elapsed_time":
		c.Elapsed, err = decode[*float64](value)
	case "stat":
		c.Stat, err = decode[*sample.Stat](value)
	case "net":
		c.Net, err = decode[*sample.Net](value)
	case "cpuu":
		var stamps []float64
		if stamps, err = decode[[]float64](value); err == nil {
			c.CPUU = Share(stamps)
		}
	case "io":
		c.IO, err = readRounds(value)
	default:
		if c.Other == nil {
			c.Other = map[string]string{}
		}
		var text bytes.Buffer
		if err = json.Compact(&text, value); err == nil {
			c.Other[name] = text.String()
		}
	}
	return err
}

func decode[T any](value []byte) (v T, err error) {
	err = json.Unmarshal(value, &v)
	return v, err
}

// readRounds reads the rounds of io, which are in dd's words.
func readRounds(value []byte) ([]sample.IORound, error) {
	said, err := decode[[]struct{ Time, Speed string }](value)
	if err != nil {
		return nil, err
	}
	rounds := make([]sample.IORound, len(said))
	for i, r := range said {
		if rounds[i], err = readRound(r.Time, r.Speed); err != nil {
			return nil, err
		}
	}
	return rounds, nil
}

// readRound reads one in dd's words: seconds, and a speed such as 245 kB/s, in powers of 1000.
func readRound(seconds, speed string) (r sample.IORound, err error) {
	if r.Seconds, err = strconv.ParseFloat(strings.TrimSpace(seconds), 64); err != nil {
		return r, fmt.Errorf("%q is not a number of seconds", clip(seconds))
	}
	number, unit, _ := strings.Cut(strings.TrimSpace(speed), " ")
	const units = "kMGTPE"
	power := strings.TrimSuffix(unit, "B/s")
	r.Speed, err = strconv.ParseFloat(number, 64)
	at := strings.Index(units, power)
	if err != nil || !strings.HasSuffix(unit, "B/s") || at < 0 || len(power) > 1 {
		return r, fmt.Errorf("%q is not a speed such as 245 kB/s", clip(speed))
	}
	if power != "" {
		for range at + 1 {
			r.Speed *= 1000
		}
	}
	return r, nil
}

// clip shortens a text of an answer of any length.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
