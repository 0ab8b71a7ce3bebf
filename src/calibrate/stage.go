package calibrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Stage calibrates every service time of the run, once for each distinct code and runtime.
type Stage struct {
	// Platform returns the local platform that runs built packages; nil if there is none.
	Platform func() *client.Client
}

func (Stage) String() string { return "calibrating service times" }

// Skip says why there is nothing to calibrate.
func (Stage) Skip(r *run.Run) string {
	if len(wanted(r)) == 0 {
		return "no service time is asked for"
	}
	return ""
}

// target is one service time of one function's code.
type target struct {
	fn   *run.Function
	want time.Duration
}

// handler is the entry point by which the local platform can run the function; empty if it cannot.
func (t target) handler() string {
	if t.fn.Source == nil {
		return t.fn.Handler
	}
	return t.fn.Source.LocalHandler
}

// wanted lists the distinct service times over 0 without a BusySpinIncrements that overrides them.
func wanted(r *run.Run) []target {
	type key struct {
		function, runtime, arch string
		want                    time.Duration
	}
	seen := map[key]bool{}
	var out []target
	for _, f := range r.Functions {
		s := &r.Experiment.SubExperiments[f.Sub]
		if len(s.BusySpinIncrements) > 0 || f.Replica > 0 {
			continue
		}
		for round := range len(s.DesiredServiceTimes) {
			k := key{s.Function, f.Runtime, f.Architecture, s.ServiceTime(round)}
			if k.want > 0 && !seen[k] {
				seen[k] = true
				out = append(out, target{f, k.want})
			}
		}
	}
	return out
}

// Run measures on the local platform if the function can run there, else uses the table.
func (st Stage) Run(ctx context.Context, r *run.Run) error {
	targets := wanted(r)
	for i, t := range targets {
		cal, err := st.one(ctx, r, t, i)
		if err != nil {
			return err
		}
		s := &r.Experiment.SubExperiments[t.fn.Sub]
		cal.Function, cal.Runtime, cal.Architecture = s.Function, t.fn.Runtime, t.fn.Architecture
		cal.ServiceTime = t.want.String()
		r.Record.Calibration = append(r.Record.Calibration, cal)
		if cal.Method == "table" {
			r.Log.Warnf("%s does not run on this machine: a table converts %s to %d increments, which can be off by "+
				"half",
				t.fn.Runtime, t.want, cal.Increments)
		} else if cal.Error > tolerance {
			r.Log.Warnf("%s: the best of %d tries at %s took %s", t.fn.Runtime, cal.Tries, t.want,
				time.Duration(cal.AchievedNs))
		}
	}
	return nil
}

func (st Stage) one(ctx context.Context, r *run.Run, t target, i int) (run.Calibration, error) {
	platform := st.Platform()
	if platform == nil || t.fn.Package == nil || t.fn.Package.Type != "Zip" || t.handler() == "" {
		return fromTable(t.fn.Language, t.want), nil
	}
	service := fmt.Sprintf("%s-calibrate-%d", r.Service, i)
	stands, err := platform.Put(ctx, service, spec(r, t))
	var refused *client.StatusError
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		r.Log.Warnf("%s: %v", t.fn.Runtime, err) // its interpreter is not on this machine
		return fromTable(t.fn.Language, t.want), nil
	}
	if err != nil {
		return run.Calibration{}, fmt.Errorf("run %s on the local platform: %w", t.fn.Runtime, err)
	}
	cal, err := Search(ctx, spinner(stands.Functions[0].URL, r.Token), t.want)
	if derr := platform.Delete(context.WithoutCancel(ctx), service); err == nil {
		err = derr
	}
	return cal, err
}

// fullCPU is the memory at which AWS gives a function one whole vCPU (AWS Lambda Developer Guide, "Configure Lambda
// function memory"). The increments are calibrated there, so they mean CPU time; the time that a smaller function takes
// for them is in its rows.
const fullCPU = 1769

func spec(r *run.Run, t target) client.ServiceSpec {
	env := map[string]string{"STELLAR_TOKEN_SHA256": r.TokenHash(), "STELLAR_TIMEOUT_SECONDS": "900"}
	return client.ServiceSpec{Tags: r.Tags, Functions: []client.FunctionSpec{{Name: "calibrate", Path: "/calibrate",
		Runtime: t.fn.Runtime, Handler: t.handler(), MemoryMB: fullCPU, TimeoutSeconds: 900, Environment: env,
		Artifact: t.fn.Package.Path}}}
}

const maxAnswer = 1 << 20

// spinner asks the function itself, and uses the median of five answers: that is what the rows of a run will show.
func spinner(address, token string) Spinner {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	return func(ctx context.Context, increments int64) (time.Duration, error) {
		var got [5]time.Duration
		for i := range got {
			d, err := ask(ctx, client, address, token, increments)
			if err != nil {
				return 0, err
			}
			got[i] = d
		}
		slices.Sort(got[:])
		return got[len(got)/2], nil
	}
}

func ask(ctx context.Context, client *http.Client, address, token string, increments int64) (time.Duration, error) {
	q := url.Values{"IncrementLimit": {strconv.FormatInt(increments, 10)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+q.Encode(), nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Stellar-Token", token)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, err
	}
	var answer struct{ SpinNs *int64 }
	if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode != http.StatusOK || answer.SpinNs == nil {
		return 0, fail.With(fail.CodeFailed, "the function answered %s without SpinNs: %.200s", resp.Status, body).
			WithHint("for a function of your own, use `BusySpinIncrements` instead of DesiredServiceTimes, or let it " +
				"answer as docs/packages.md says")
	}
	return time.Duration(*answer.SpinNs), nil
}
