package aws

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run/runtest"
)

const (
	aRun     = "20261128T100000Z-aws-abcd"
	existing = "shop-search"
	ofExists = "arn:aws:lambda:eu-west-3:123456789012:function:" + existing
)

// foundExisting looks the function up.
func foundExisting(t *testing.T, conn provider.Connection) provider.Endpoint {
	t.Helper()
	found, err := conn.(provider.Existing).Find(t.Context(), &provider.Function{Existing: ofExists,
		Entry: experiment.EntrySDK})
	if err != nil {
		t.Fatal(err)
	}
	return found.Endpoint
}

// journaled is what the journal has of the function.
func journaled(t *testing.T, conn provider.Connection, e provider.Endpoint) map[string]string {
	t.Helper()
	was, err := conn.(provider.Existing).Original(t.Context(), e, aRun)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(was, e.Detail)
	if text := fmt.Sprint(was); strings.Contains(text, "secret of") || strings.Contains(text, "DATABASE") {
		t.Errorf("the journal has %s", text)
	}
	return was
}

// variables sets those of a function, as somebody else does it.
func (c *lambdaCloud) variables(change func(config map[string]any, variables map[string]any)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.functions[existing]
	config := maps.Clone(f.config)
	var own map[string]any
	switch e := config["Environment"].(type) {
	case map[string]any:
		own, _ = e["Variables"].(map[string]any)
	}
	own = maps.Clone(own)
	if own == nil {
		own = map[string]any{}
	}
	change(config, own)
	config["Environment"] = map[string]any{"Variables": own}
	f.apply(config, 0)
}

// settled is how a function is configured; no variables at all are the same as none.
func (c *lambdaCloud) settled() string {
	return strings.Replace(c.lasting(existing), `"Environment":{"Variables":{}},`, "", 1)
}

// TestExistingIsPutBack: whatever several sub-experiments want of a function, another process puts it back as it was.
func TestExistingIsPutBack(t *testing.T) {
	for what, change := range map[string]func(*lambdaFunction){
		"with variables": func(*lambdaFunction) {},
		"without":        func(f *lambdaFunction) { delete(f.config, "Environment") },
		"with a variable of ours": func(f *lambdaFunction) {
			f.config["Environment"] = map[string]any{"Variables": map[string]any{provider.ColdVariable: "7",
				"DATABASE": ""}}
		},
	} {
		t.Run(what, func(t *testing.T) {
			c, conn := newLambdaCloud(t, 3*time.Millisecond, existing)
			change(c.functions[existing])
			c.conflicts = 1
			before, e := c.settled(), foundExisting(t, conn)
			was := journaled(t, conn, e)
			to := conn.(provider.Existing)
			for i, want := range []provider.Wanted{
				{MemoryMB: 512, Env: map[string]string{"DATABASE": "mine=1", "NEW": ""}},
				{TimeoutSeconds: 9, Env: map[string]string{"NEW": "x"}},
				{},
				{MemoryMB: 256},
			} {
				if err := to.Change(t.Context(), e, was, want); err != nil {
					t.Fatal(err)
				}
				if err := conn.UpdateFunction(t.Context(), e, nil); err != nil {
					t.Fatal(err)
				}
				now := c.settled()
				for text, is := range map[string]bool{`"MemorySize":512`: i == 0, `"MemorySize":128`: i == 1 || i == 2,
					`"MemorySize":256`: i == 3, `"Timeout":9`: i == 1, `"Timeout":3`: i != 1,
					`"DATABASE":"mine=1"`: i == 0, `"NEW":""`: i == 0, `"NEW":"x"`: i == 1} {
					if strings.Contains(now, text) != is {
						t.Errorf("%d: %s: %t in %s", i, text, !is, now)
					}
				}
			}
			for range 2 { // the second time there is nothing left to put back
				if err := c.connect().(provider.Restorer).Restore(t.Context(), was); err != nil {
					t.Fatal(err)
				}
			}
			if after := c.settled(); after != before {
				t.Errorf("was %s\nis  %s", before, after)
			}
		})
	}
}

// TestExistingIsPutBackBehindAChange: a process was killed before its change, or so shortly after it that Lambda still
// shows the configuration of before.
func TestExistingIsPutBackBehindAChange(t *testing.T) {
	for _, made := range []bool{false, true} {
		c, conn := newLambdaCloud(t, time.Millisecond, existing)
		before, e := c.settled(), foundExisting(t, conn)
		was := journaled(t, conn, e)
		if made {
			c.stale = 30 * time.Millisecond
			if err := conn.(provider.Existing).Change(t.Context(), e, was, provider.Wanted{MemoryMB: 999}); err != nil {
				t.Fatal(err)
			}
			c.mu.Lock()
			c.functions[existing].until = time.Now().Add(30 * time.Millisecond)
			c.mu.Unlock()
		}
		if err := c.connect().(provider.Restorer).Restore(t.Context(), was); err != nil {
			t.Fatal(err)
		}
		if after := c.settled(); after != before {
			t.Errorf("made %t: was %s\nis  %s", made, before, after)
		}
	}
}

// TestExistingChangedByOthers: what others change during a run stays, and is said; all else is put back.
func TestExistingChangedByOthers(t *testing.T) {
	for what, c := range map[string]struct {
		change     func(config, variables map[string]any)
		want, says string
	}{
		"memory": {func(config, _ map[string]any) { config["MemorySize"] = 640 },
			`{"Environment":{"Variables":{"DATABASE":"secret of shop-search"}},"FunctionName":"shop-search",` +
				`"MemorySize":640,"State":"Active","Timeout":3}`, "somebody else has changed the memory to 640 MB during"},
		"timeout": {func(config, _ map[string]any) { config["Timeout"] = 77 },
			`"MemorySize":128,"State":"Active","Timeout":77}`, "the timeout to 77 s"},
		"a variable of ours": {func(_, variables map[string]any) { variables["DATABASE"] = "theirs" },
			`{"DATABASE":"theirs"}},"FunctionName":"shop-search","MemorySize":128`, "the variable DATABASE"},
		"a variable of theirs": {func(_, variables map[string]any) { variables["MORE"] = "theirs" },
			`{"DATABASE":"secret of shop-search","MORE":"theirs"}},"FunctionName":"shop-search","MemorySize":128`,
			"others have changed the rest"},
		"all variables": {func(_, variables map[string]any) { clear(variables); variables["ALL"] = "theirs" },
			`{"ALL":"theirs"}},"FunctionName":"shop-search","MemorySize":512`,
			"it is left as it is, with 512 MB and a timeout of 3 s; before the run it had 128 MB and 3 s"},
	} {
		t.Run(what, func(t *testing.T) {
			cloud, conn := newLambdaCloud(t, time.Millisecond, existing)
			log := &runtest.Lines{}
			cloud.log = log
			e := foundExisting(t, conn)
			was := journaled(t, conn, e)
			want := provider.Wanted{MemoryMB: 512, Env: map[string]string{"DATABASE": "mine"}}
			if err := conn.(provider.Existing).Change(t.Context(), e, was, want); err != nil {
				t.Fatal(err)
			}
			cloud.variables(c.change)
			if what != "all variables" && what != "a variable of theirs" {
				err := conn.(provider.Existing).Change(t.Context(), e, was, provider.Wanted{MemoryMB: 1024})
				if err == nil || !strings.Contains(err.Error(), "somebody else has changed what the run has") {
					t.Errorf("the next change: %v", err)
				}
			}
			if err := cloud.connect().(provider.Restorer).Restore(t.Context(), was); err != nil {
				t.Fatal(err)
			}
			if now := cloud.settled(); !strings.Contains(now, c.want) {
				t.Errorf("it is %s, want %s", now, c.want)
			}
			if said := strings.Join(log.All(), "\n"); !strings.Contains(said, c.says) ||
				strings.Contains(said, "theirs") {
				t.Errorf("it says %s, want %s", said, c.says)
			}
		})
	}
}

// TestExistingIsNotChanged: nothing is changed where somebody else is at work, or where it is not allowed.
func TestExistingIsNotChanged(t *testing.T) {
	for want, prepare := range map[string]func(c *lambdaCloud, was map[string]string){
		"somebody else has changed its configuration since the run has read it": func(c *lambdaCloud, _ map[string]string) {
			c.variables(func(config, _ map[string]any) { config["Timeout"] = 4 })
		},
		"is configured by run 20261128T090000Z-aws-efgh": func(c *lambdaCloud, was map[string]string) {
			c.variables(func(_, variables map[string]any) {
				variables[markVariable] = mark{run: "20261128T090000Z-aws-efgh", wasMemory: 1, memory: 2}.String()
			})
		},
		"is configured by run another version": func(c *lambdaCloud, was map[string]string) {
			c.variables(func(_, variables map[string]any) { variables[markVariable] = "another version" })
		},
		"may not be changed: AccessDeniedException": func(c *lambdaCloud, _ map[string]string) { c.denied = true },
	} {
		c, conn := newLambdaCloud(t, time.Millisecond, existing)
		e := foundExisting(t, conn)
		was := journaled(t, conn, e)
		prepare(c, was)
		before := c.settled()
		err := conn.(provider.Existing).Change(t.Context(), e, was, provider.Wanted{MemoryMB: 512})
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), want) || fail.Hint(err) == "" {
			t.Errorf("%v, want %s", err, want)
		}
		if now := c.settled(); now != before {
			t.Errorf("%s: it is %s, was %s", want, now, before)
		}
		if !strings.Contains(want, "configured by") {
			continue
		}
		if _, err := conn.(provider.Existing).Find(t.Context(), &provider.Function{Existing: ofExists}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("looking it up: %v", err)
		}
		if err := conn.(provider.Restorer).Restore(t.Context(), was); err != nil || c.settled() != before {
			t.Errorf("put back by the wrong run: %v, it is %s", err, c.settled())
		}
	}
}

// TestExistingWhileAnUpdateRuns: a running update is waited for, and after some time it is said.
func TestExistingWhileAnUpdateRuns(t *testing.T) {
	c, conn := newLambdaCloud(t, time.Millisecond, existing)
	e := foundExisting(t, conn)
	was := journaled(t, conn, e)
	c.mu.Lock()
	c.functions[existing].config["LastUpdateStatus"] = "InProgress"
	c.mu.Unlock()
	conn.(*connection).Patience.Command = 20 * time.Millisecond
	err := conn.(provider.Existing).Change(t.Context(), e, was, provider.Wanted{MemoryMB: 512})
	if err == nil || !strings.Contains(err.Error(), "an update is under way") || c.updates > 0 {
		t.Errorf("%d updates, %v", c.updates, err)
	}
}

// TestExistingWhoseUpdateFailed: a function whose last update failed can be changed and put back; that the run's own
// update failed is an error.
func TestExistingWhoseUpdateFailed(t *testing.T) {
	const why = "the key of the variables is disabled"
	c, conn := newLambdaCloud(t, time.Millisecond, existing)
	before := c.settled()
	c.functions[existing].config["LastUpdateStatus"] = "Failed"
	e := foundExisting(t, conn)
	was := journaled(t, conn, e)
	to := conn.(provider.Existing)
	if err := to.Change(t.Context(), e, was, provider.Wanted{MemoryMB: 512}); err != nil {
		t.Errorf("after the update of somebody else failed: %v", err)
	}
	c.fails = why
	if err := to.Change(t.Context(), e, was, provider.Wanted{MemoryMB: 1024}); err == nil ||
		!strings.Contains(err.Error(), why) {
		t.Errorf("its own update failed: %v", err)
	}
	c.fails = ""
	if err := c.connect().(provider.Restorer).Restore(t.Context(), was); err != nil {
		t.Errorf("put back after that: %v", err)
	}
	if after := c.settled(); after != before {
		t.Errorf("was %s\nis  %s", before, after)
	}
}

func TestNamesOfExistingFunctions(t *testing.T) {
	const arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:f"
	for text, want := range map[string]named{
		arn:                     {region: "cn-north-1", account: "123456789012", name: "f"},
		arn + ":$LATEST":        {region: "cn-north-1", account: "123456789012", name: "f"},
		arn + ":live":           {region: "cn-north-1", account: "123456789012", name: "f", qualifier: "live"},
		"stack:shop/Search":     {stack: "shop", resource: "Search"},
		arn + ":":               {},
		"arn:aws:s3:::f":        {},
		"stack:shop":            {},
		"stack:shop/Sea-rch":    {},
		"stack:shop/Search/x":   {},
		arn + "/../x":           {},
		"stack:1shop/Search":    {},
		"arn:aws:lambda:f:g:h":  {},
		arn + ":a:b":            {},
		"arn:aws:lambda:::f:x ": {},
	} {
		n, ok := readExisting(text)
		if ok != (want != named{}) || n != want {
			t.Errorf("%s: %+v, %t", text, n, ok)
		}
	}
	for function, s := range map[string]experiment.SubExperiment{
		arn + ":live": {}, arn: {FunctionMemoryMB: 256}, "./own": {FunctionMemoryMB: 256},
		"!" + arn + ":live": {FunctionMemoryMB: 256}, "!" + arn + ":7": {ColdStart: experiment.ColdForce},
		"!" + arn + ":8": {Environment: map[string]string{"A": ""}}, "!arn:x": {},
	} {
		refused := strings.HasPrefix(function, "!")
		s.Function = strings.TrimPrefix(function, "!")
		if no := refuseExisting(&s); (len(no) > 0) != refused {
			t.Errorf("%s: %v", function, no)
		}
	}
}

func TestExistingElsewhere(t *testing.T) {
	_, conn := newLambdaCloud(t, 0, existing)
	for function, want := range map[string]string{
		strings.Replace(ofExists, "eu-west-3", "us-east-1", 1): "function shop-search is in us-east-1, " +
			"the run in eu-west-3",
		strings.Replace(ofExists, "123456", "654321", 1): "is in account 654321789012, the credentials (AWS_ACCESS_KEY_ID) " +
			"are of account 123456789012",
		ofExists + "es": "there is no function shop-searches in eu-west-3 (account 123456789012)",
	} {
		_, err := conn.(provider.Existing).Find(t.Context(), &provider.Function{Existing: function})
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), want) || fail.Hint(err) == "" {
			t.Errorf("%v, want %s", errors.Unwrap(err), want)
		}
	}
}

// TestRefusedVariablesAreNotRepeated: Lambda repeats the variables that it refuses.
func TestRefusedVariablesAreNotRepeated(t *testing.T) {
	c, conn := newLambdaCloud(t, time.Millisecond, existing)
	e := foundExisting(t, conn)
	was := journaled(t, conn, e)
	c.invalid = true
	err := conn.(provider.Existing).Change(t.Context(), e, was, provider.Wanted{Env: map[string]string{
		"KEY": "theirs-0815"}})
	if err == nil || !strings.Contains(err.Error(), "InvalidParameterValueException: too much: ….") ||
		strings.Contains(err.Error(), "0815") || strings.Contains(err.Error(), "secret of") {
		t.Errorf("it says %v", err)
	}
}

// TestExistingAlias: an alias is called as it is, under its own name.
func TestExistingAlias(t *testing.T) {
	c, conn := newLambdaCloud(t, 0, existing)
	found, err := conn.(provider.Existing).Find(t.Context(), &provider.Function{Existing: ofExists + ":live",
		Entry: experiment.EntrySDK})
	if want := c.url + "/2015-03-31/functions/" + existing + ":live/invocations"; err != nil ||
		found.Endpoint.URL != want || found.Endpoint.Detail[provider.DetailName] != existing ||
		found.Endpoint.MemoryMB != 128 || found.TimeoutSeconds != 3 || found.Endpoint.Deployed {
		t.Errorf("%+v, %v; want %s", found, err, want)
	}
}
