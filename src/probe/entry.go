package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/answer"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// resignEvery is how often the requests of a sustained load are signed again: a signature is valid for five minutes.
const resignEvery = 2 * time.Minute

// method is the method of requests to a target.
func (cfg *Config) method(t *target) string {
	if t.invoke {
		return http.MethodPost
	}
	return cfg.Method
}

// content is the body of a round's requests.
func (cfg *Config) content(t *target, round int, body []byte) []byte {
	switch {
	case t.proto.grpc:
		return callMessage(t.parameters(cfg, round))
	case t.invoke:
		return t.event(cfg, round, body)
	default:
		return body
	}
}

// event is what a function gets of an Invoke: the members of the body where that is a JSON object, and the parameters
// and header fields as further members.
func (t *target) event(cfg *Config, round int, body []byte) []byte {
	members := map[string]any{}
	var own map[string]json.RawMessage
	if json.Unmarshal(body, &own) == nil {
		for name, value := range own {
			members[name] = value
		}
	}
	for name, values := range t.parameters(cfg, round) {
		members[name] = strings.Join(values, ",")
	}
	for _, f := range t.fields {
		if !isAWS(f) {
			members[f.name] = f.value
		}
	}
	text, err := json.Marshal(members) // the keys are sorted: the same bytes every time
	if err != nil {
		return []byte("{}") // not reached: strings and valid JSON always marshal
	}
	return text
}

// isAWS tells header fields that AWS itself reads.
func isAWS(f field) bool { return strings.HasPrefix(strings.ToLower(f.name), "x-amz-") }

// sentFields are the header fields that are sent to a target, with those of a signature.
func (cfg *Config) sentFields(t *target, round int, carried Body, body []byte) ([]field, error) {
	fields := t.withType(carried)
	if t.invoke { // the others are members of the event
		fields = slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return !isAWS(f) })
	}
	if t.sign == nil {
		return fields, nil
	}
	scheme := "http://"
	if t.secure {
		scheme = "https://"
	}
	r, err := http.NewRequestWithContext(context.Background(), cfg.method(t),
		scheme+t.hostPort+t.pathQuery(cfg, round), bytes.NewReader(body))
	if err != nil {
		return fields, fmt.Errorf("sign requests to %s: %w", t.label, err)
	}
	for _, f := range fields {
		if isAWS(f) {
			r.Header.Add(f.name, f.value)
		}
	}
	if err := t.sign(r, body, time.Now()); err != nil {
		return fields, fail.With(fail.CodeFailed, "sign requests to %s: %w", t.label, err)
	}
	fields = slices.DeleteFunc(slices.Clone(fields), isAWS)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fields = append(fields, field{name, strings.Join(r.Header[name], ",")})
	}
	return fields, nil
}

// resign signs the requests of a sustained load again until it is over. A loop takes new bytes between two requests; a
// request that is being written keeps its own.
func (e *engine) resign(drives []*drive, over <-chan struct{}) {
	if !slices.ContainsFunc(e.targets, func(t *target) bool { return t.sign != nil }) {
		return
	}
	timer := time.NewTicker(e.cfg.resignEvery)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-over:
			return
		}
		for i, d := range drives {
			for _, rounds := range d.rounds {
				for _, b := range rounds {
					requests, err := e.cfg.requests(b.target, b.round)
					if err != nil {
						e.stop(err)
						return
					}
					e.loops[i].do(func() { b.requests = requests })
				}
			}
		}
	}
}

// unwrap reads the answer of an Invoke: what the function answered, if that has the form of an HTTP response, and the
// row's class where the function or the platform reports a failure.
func (s *slot) unwrap(row *sample.Sample, body []byte) []byte {
	if row.Err != sample.OK {
		return body
	}
	if answer.Header(s.resp.head, "x-amz-function-error") != "" {
		row.Err, row.Latency = sample.Function, sample.None
		return body
	}
	status, inner, ok := answer.Unwrap(body)
	if !ok {
		return body
	}
	s.resp.body = inner
	row.Status = status
	if row.Err = statusClass(status); row.Err != sample.OK {
		row.Latency = sample.None
	}
	return inner
}
