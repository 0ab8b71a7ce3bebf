package bootstraps_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
)

// script is a scripting language's bootstrap with code that does the same in each language.
type script struct {
	name, program, file string
	loop                []byte
	source              string // name of the handler's file
	handler             string // its handler f, in the module main
	echo                string // answers {"event", "id", "name", "memory", "left", "arn"}
	// throws an Own("of\nmine") on "raise", gives what JSON lacks on "loop", else "fine"
	fail     string
	exit     string            // ends the process
	together string            // answers its request id once four events are being handled
	broken   map[string]string // code to the kind of init error
}

func scripts() []script {
	return []script{
		{
			name: "nodejs", program: "node", file: "bootstrap.js", loop: bootstraps.Node, source: "main.js",
			handler: "main.f",
			echo: `exports.f = async (event, c) => ({ event, id: c.awsRequestId, name: c.functionName, memory: c.memoryLimitInMB,
				left: c.getRemainingTimeInMillis(), arn: c.invokedFunctionArn })`,
			fail: `class Own extends Error { constructor(m) { super(m); this.name = 'Own' } }
				exports.f = async (e) => { if (e === 'raise') throw new Own('of\nmine'); if (e === 'loop') { const x = {}; x.x = x; return x } return 'fine' }`,
			exit: `exports.f = () => { console.error('enough'); process.exit(3) }`,
			together: `let n = 0; const all = []; exports.f = (e, c) => new Promise((done) => {
				all.push(() => done(c.awsRequestId)); if (++n === 4) all.forEach((d) => d()) })`,
			broken: map[string]string{
				"require('not-there')":        "Runtime.ImportModuleError",
				"exports.g = () => {}":        "Runtime.HandlerNotFound",
				"exports.f = 1":               "Runtime.HandlerNotFound",
				"exports.f = (":               "Runtime.UserCodeSyntaxError",
				"throw new TypeError('dark')": "TypeError",
			},
		},
		{
			name: "ruby", program: "ruby", file: "bootstrap.rb", loop: bootstraps.Ruby, source: "main.rb",
			handler: "main.f",
			echo: `def f(event:, context:) = { event: event, id: context.aws_request_id, name: context.function_name,
				memory: context.memory_limit_in_mb, left: context.get_remaining_time_in_millis, arn: context.invoked_function_arn }`,
			fail: "class Own < StandardError; end\n" +
				`def f(event:, context:) = event == 'raise' ? raise(Own, "of\nmine") : event == 'loop' ? Float::NAN : 'fine'`,
			exit: "def f(event:, context:)\n  warn 'enough'\n  exit 3\nend",
			together: "$all = Queue.new\ndef f(event:, context:)\n  $all << 1\n  sleep 0.01 until $all.size >= 4\n  " +
				"context.aws_request_id\nend",
			broken: map[string]string{
				"require 'not/there'":                      "Runtime.ImportModuleError",
				"def g(event:, context:) = 1":              "Runtime.HandlerNotFound",
				"def f(":                                   "Runtime.UserCodeSyntaxError",
				"raise ArgumentError, 'dark'":              "ArgumentError",
				"not_a_name\ndef f(event:, context:)\nend": "NameError",
			},
		},
	}
}

func (s script) start(t *testing.T, handler, code string, env ...string) *instance {
	t.Helper()
	return startWith(t, s.program, nil, s.file, s.loop, handler, map[string]string{s.source: code}, env...)
}

func eachScript(t *testing.T, test func(t *testing.T, s script)) {
	for _, s := range scripts() {
		t.Run(s.name, func(t *testing.T) { test(t, s) })
	}
}

func TestScriptInvocations(t *testing.T) {
	eachScript(t, func(t *testing.T, s script) {
		in := s.start(t, s.handler, s.echo)
		for i, event := range []string{`{"a":1}`, `"ü€"`, `null`, `[1,2]`, `{"big":"` + strings.Repeat("x", 1<<20) +
			`"}`} {
			a := in.invoke(t, event)
			id := fmt.Sprintf("request-%d", i+1)
			var got struct {
				Event                 json.RawMessage
				ID, Name, Memory, ARN string
				Left                  int64
			}
			if err := json.Unmarshal(a.Body, &got); err != nil || a.Path != "invocation/"+id+"/response" {
				t.Fatalf("event %d: %s: %v in %.200s", i, a.Path, err, a.Body)
			}
			if string(got.Event) != event || got.ID != id || got.Name != "f0-0" || got.Memory != "256" ||
				got.ARN == "" {
				t.Errorf("event %d: %.300s", i, a.Body)
			}
			if got.Left <= 0 || got.Left > patience.Milliseconds() {
				t.Errorf("event %d: %d ms left of %v", i, got.Left, patience)
			}
		}
	})
}

func TestScriptInitErrors(t *testing.T) {
	eachScript(t, func(t *testing.T, s script) {
		check := func(handler, code, kind string) {
			in := s.start(t, handler, code)
			a, err := in.InitError(in.ctx)
			if err != nil {
				t.Fatalf("%q: %v", code, err)
			}
			var d struct{ ErrorType, ErrorMessage string }
			if err := json.Unmarshal(a.Body, &d); err != nil || d.ErrorType != kind ||
				a.ErrorType != strings.ReplaceAll(kind, ":", "") ||
				d.ErrorMessage == "" {
				t.Errorf("%q: told %s (header %q), want %s", code, a.Body, a.ErrorType, kind)
			}
			if code := in.ended(t); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
		}
		for code, kind := range s.broken {
			check(s.handler, code, kind)
		}
		check("gone.f", "", "Runtime.ImportModuleError")
		check("main", "", "Runtime.MalformedHandlerName")
	})
}

func TestScriptInvocationErrors(t *testing.T) {
	eachScript(t, func(t *testing.T, s script) {
		in := s.start(t, s.handler, s.fail)
		for _, c := range []struct{ event, kind, message string }{
			{`"raise"`, "Own", "of\nmine"},
			{`"loop"`, "Runtime.MarshalError", "Unable to"},
			{`{not json`, "Runtime.UnmarshalError", "Unable to unmarshal input"},
		} {
			a := in.invoke(t, c.event)
			var d struct {
				ErrorType, ErrorMessage string
				Trace, StackTrace       []string
			}
			if err := json.Unmarshal(a.Body, &d); err != nil || !strings.HasSuffix(a.Path, "/error") ||
				d.ErrorType != c.kind ||
				!strings.Contains(d.ErrorMessage, c.message) {
				t.Errorf("%s: %s told %s", c.event, a.Path, a.Body)
			}
			if c.kind == "Own" && len(d.Trace)+len(d.StackTrace) == 0 {
				t.Errorf("no trace in %s", a.Body)
			}
		}
		in.RefuseResponses(1)
		in.invoke(t, `"too long for the platform"`)
		if a := in.invoke(t, `"x"`); string(a.Body) != `"fine"` {
			t.Errorf("after errors and a refused response: %s", a.Body)
		}
	})
}

func TestScriptEnds(t *testing.T) {
	eachScript(t, func(t *testing.T, s script) {
		in := s.start(t, s.handler, s.echo)
		in.invoke(t, "{}")
		in.Close()
		if code := in.ended(t); code != 1 ||
			!strings.Contains(in.output.String(), "the Runtime API at "+in.Address()+" is gone") {
			t.Errorf("the API went away: exit code %d, last words %s", code, in.output)
		}
		in = s.start(t, s.handler, s.exit)
		ctx, cancel := context.WithCancel(in.ctx)
		defer cancel()
		go func() {
			_, _ = in.Invoke(ctx, "{}", patience) // there is no answer to wait for
		}()
		if code := in.ended(t); code == 0 || !strings.Contains(in.output.String(), "enough") {
			t.Errorf("a handler that exits: exit code %d, last words %s", code, in.output)
		}
	})
}

func TestScriptConcurrency(t *testing.T) {
	eachScript(t, func(t *testing.T, s script) {
		const n = 4
		in := s.start(t, s.handler, s.together, fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", n))
		answers := make(chan string, n)
		for range n {
			go func() {
				a, err := in.Invoke(in.ctx, "{}", patience)
				answers <- fmt.Sprintf("%s %s %v", a.Path, a.Body, err)
			}()
		}
		for range n {
			got := <-answers
			id, _, _ := strings.Cut(strings.TrimPrefix(got, "invocation/"), "/")
			if want := fmt.Sprintf("invocation/%s/response %q <nil>", id, id); got != want {
				t.Errorf("answer %s, want %s", got, want)
			}
		}
	})
}

// What only Node.js has: ES modules, callbacks, errors that no handler caught.
func TestNodeForms(t *testing.T) {
	node := scripts()[0]
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"es module": {map[string]string{"main.mjs": "export const f = async () => 'esm'"}, `"esm"`},
		"type module": {map[string]string{"main.js": "export const f = () => 'typed'",
			"package.json": `{"type":"module"}`}, `"typed"`},
		"callback": {map[string]string{"main.js": "exports.f = (e, c, done) => { setTimeout(() => done(null, " +
			"'called'), 1) }"}, `"called"`},
		"nothing": {map[string]string{"main.js": "exports.f = async () => {}"}, `null`},
		"its own module": {map[string]string{"main.js": "const w = require('./lib/word'); exports.f = () => w",
			"lib/word.js": "module.exports = 'word'"}, `"word"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := startWith(t, node.program, nil, node.file, node.loop, "main.f", c.files)
			if a := in.invoke(t, "{}"); string(a.Body) != c.want {
				t.Errorf("answer %s %s, want %s", a.Path, a.Body, c.want)
			}
		})
	}
	in := node.start(
		t,
		"main.f",
		"exports.f = () => new Promise(() => { setTimeout(() => { throw new RangeError('later') }, 1) })",
	)
	a := in.invoke(t, "{}")
	if a.ErrorType != "RangeError" || !strings.Contains(string(a.Body), "later") {
		t.Errorf("what was thrown later: %s %s", a.Path, a.Body)
	}
	if code := in.ended(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}
