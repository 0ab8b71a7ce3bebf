package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A command is a micro-test: a member of the object cmds. A new one is a row of commands.
type command struct {
	name  string
	rank  int                                 // 0: after those of higher rank, in the order of the request
	parse func(argument []byte) (task, error) // checks the argument before anything runs
}

// task runs a micro-test and gives its result. Its error becomes the result {"error": …}; the others still run.
type task func(*invocation) (any, error)

// invocation is what a micro-test can know of the request that asks for it.
type invocation struct {
	id   string        // of the request
	end  time.Time     // when the function's timeout is over
	left time.Duration // of the timeout, when the request arrived
}

// commands are the micro-tests that this function runs.
func commands() []command {
	return []command{
		{name: "sleep_till", rank: 2, parse: parseSleepTill},
		{name: "sleep", rank: 1, parse: parseSleep},
		{name: "stat", parse: parseStat},
		{name: "io", parse: parseIO},
		{name: "net", parse: parseNet},
		{name: "cpu", parse: parseCPU},
		{name: "cpuu", parse: parseCPUU},
		{name: "udp", parse: parseUDP},
	}
}

// step is a micro-test that a request asks for.
type cmdStep struct {
	command
	run task
}

// readCmds checks an object of micro-tests, and puts them into the order in which they run.
func readCmds(object []byte) ([]cmdStep, error) {
	steps := []cmdStep{}
	err := eachMember(object, func(name string, argument []byte) error {
		known := commands()
		at := slices.IndexFunc(known, func(c command) bool { return c.name == name })
		if at < 0 {
			return fmt.Errorf("cmds: %q is not a micro-test of this function; it knows %s", shorten(name),
				commandNames())
		}
		if slices.ContainsFunc(steps, func(s cmdStep) bool { return s.name == name }) {
			return fmt.Errorf("cmds: %s is given twice", name)
		}
		run, err := known[at].parse(argument)
		if err != nil {
			return fmt.Errorf("cmds: %s: %w", name, err)
		}
		steps = append(steps, cmdStep{known[at], run})
		return nil
	})
	slices.SortStableFunc(steps, func(a, b cmdStep) int { return b.rank - a.rank })
	return steps, err
}

// eachMember goes through the members of a JSON object, in their order.
func eachMember(object []byte, do func(name string, value []byte) error) error {
	notObject := errors.New("cmds is not a JSON object")
	in := json.NewDecoder(bytes.NewReader(object))
	if begin, err := in.Token(); err != nil || begin != json.Delim('{') {
		return notObject
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return notObject
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return notObject
		}
		if err := do(name.(string), value); err != nil {
			return err
		}
	}
	if _, err := in.Token(); err != nil {
		return notObject
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return notObject
	}
	return nil
}

func commandNames() string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// runCmds runs micro-tests one after the other. Their results are in the answer under their names, with the time that
// they took in all.
func runCmds(steps []cmdStep, in *invocation) map[string]any {
	begun := time.Now()
	out := make(map[string]any, len(steps)+3)
	for _, s := range steps {
		result, err := s.run(in)
		if err != nil {
			result = struct {
				Error string `json:"error"`
			}{err.Error()}
		}
		out[s.name] = result
	}
	elapsed := time.Since(begun)
	start := float64(begun.UnixNano()) / 1e6
	took := float64(elapsed) / 1e6
	out["start_time"], out["end_time"], out["elapsed_time"] = start, start+took, took
	return out
}

// readArgument reads the argument of a micro-test, an object; known are its keys.
func readArgument(argument []byte, into any, known string) error {
	in := json.NewDecoder(bytes.NewReader(argument))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return fmt.Errorf("the argument is %s; want an object with %s", shorten(string(argument)), known)
	}
	return nil
}
