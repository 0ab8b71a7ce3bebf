package study

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// requests are what the file says of its requests, ready to be sent: files are read, variables have their values.
type requests struct {
	method string
	path   string // behind the endpoint's own, with a query; empty: none
	header http.Header
	agent  string // value of User-Agent; empty: the tool's own
	bodies []probe.Body
	choice schedule.Choice
	expect experiment.Expectation
	secret bool // a variable's value is in them
}

// prepareRequests reads files and variables of the environment, before anything is sent.
func (e *Env) prepareRequests() error {
	s := &e.Sub
	expect, err := s.Expectation()
	if err != nil {
		return err
	}
	if err := s.CheckVariables(s.RequestVariables(), e.getenv); err != nil {
		return fail.Input("sub-experiment %d (%s): %w", e.Index, s.Title, err)
	}
	own := &requests{method: s.RequestMethod(), path: expandPath(s.Path, e.getenv), header: http.Header{},
		expect: expect, secret: len(s.RequestVariables()) > 0}
	for name, value := range s.Headers {
		if strings.EqualFold(name, "User-Agent") {
			own.agent = experiment.Expand(value, e.getenv)
			continue
		}
		own.header[name] = []string{experiment.Expand(value, e.getenv)} // as it is written, in capitals or not
	}
	bodies, err := s.Bodies()
	if err != nil {
		return err
	}
	weights := make([]float64, len(bodies))
	for i, b := range bodies {
		ready, err := e.body(b)
		if err != nil {
			return err
		}
		if len(bodies) > 1 {
			ready.Name = strconv.Itoa(i)
		}
		own.bodies, weights[i] = append(own.bodies, ready), b.Weight
	}
	own.choice = schedule.NewChoice(e.Seed, e.Index, weights)
	e.own = own
	return nil
}

// getenv is the value of a variable, empty where there are no values.
func (e *Env) getenv(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

// readBody reads the file of a body, of any size: an upload may be large.
func readBody(path string) (text []byte, err error) {
	f, err := wholefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(f)
}

// body reads a body's bytes.
func (e *Env) body(b experiment.Body) (probe.Body, error) {
	switch {
	case b.File != "":
		text, err := readBody(b.File)
		if err != nil {
			return probe.Body{}, fail.Input("sub-experiment %d (%s): read the body: %w", e.Index, e.Sub.Title, err)
		}
		return probe.Body{Type: typeOfFile(b.File), Bytes: text}, nil
	case b.JSON:
		text := experiment.Expand(b.Text, func(name string) string { return insideString(e.getenv(name)) })
		return probe.Body{Type: jsonType, Bytes: []byte(text)}, nil
	}
	return probe.Body{Type: "text/plain; charset=utf-8", Bytes: []byte(experiment.Expand(b.Text, e.getenv))}, nil
}

const jsonType = "application/json"

// typeOfFile is the Content-Type of a file's bytes.
func typeOfFile(name string) string {
	if path.Ext(name) == ".json" {
		return jsonType
	}
	return "application/octet-stream"
}

// insideString escapes a value for the inside of a JSON string.
func insideString(value string) string {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil { // a string always encodes
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(text.String(), `"`), "\"\n")
}

// expandPath replaces references in a path by their values, escaped for the path or the query that they stand in.
func expandPath(text string, value func(string) string) string {
	before, query, asks := strings.Cut(text, "?")
	before = experiment.Expand(before, func(name string) string { return url.PathEscape(value(name)) })
	if !asks {
		return before
	}
	return before + "?" + experiment.Expand(query, func(name string) string { return url.QueryEscape(value(name)) })
}

// behind puts the path of the file's requests behind that of an endpoint; the endpoint's query comes first.
func (r *requests) behind(endpoint string) string {
	if r.path == "" {
		return endpoint
	}
	base, query, _ := strings.Cut(endpoint, "?")
	own, ownQuery, _ := strings.Cut(r.path, "?")
	if own != "" {
		base = strings.TrimSuffix(base, "/") + own
	}
	if query != "" && ownQuery != "" {
		query += "&"
	}
	if query += ownQuery; query != "" {
		base += "?" + query
	}
	return base
}

// apply sets the file's requests in a configuration of the probe.
func (r *requests) apply(cfg *probe.Config) {
	cfg.Method, cfg.Bodies, cfg.HideAnswers = r.method, r.bodies, r.secret
	if len(r.bodies) > 1 {
		cfg.Pick = r.choice.Pick
	}
	cfg.UserAgent = cmp.Or(r.agent, cfg.UserAgent)
	if r.expect.Any() {
		return
	}
	expect := r.expect
	cfg.Expect = expect.Met
	if expect.Contains != "" || expect.HasValue {
		cfg.KeepBody = wholeBody
	}
}

// wholeBody is the longest body that the probe reads.
const wholeBody = 8 << 20
