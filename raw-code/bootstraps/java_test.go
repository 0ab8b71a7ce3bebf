package bootstraps_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps/apitest"
)

// javaLoop compiles the loop for one test.
func javaLoop(t *testing.T) string {
	t.Helper()
	sources, loop := t.TempDir(), t.TempDir()
	if err := bootstraps.WriteJavaLoop(sources); err != nil {
		t.Fatal(err)
	}
	javac(t, bootstraps.JavacArgs(sources, loop)...)
	return loop
}

func javac(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "javac", args...).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
}

// javaClasses compiles classes against the loop's interface Context; body by name of the file.
func javaClasses(t *testing.T, loop string, files map[string]string) string {
	t.Helper()
	sources, classes := t.TempDir(), t.TempDir()
	args := append(bootstraps.JavacQuick(), "--release", "11", "-cp", loop, "-d", classes)
	for name, text := range files {
		write(t, filepath.Join(sources, name), []byte(text))
		args = append(args, filepath.Join(sources, name))
	}
	javac(t, args...)
	return classes
}

// startJava runs the loop on a handler in a folder of classes, and ends it with the test.
func startJava(t *testing.T, loop, classes, handler string, env ...string) *instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	in := &instance{API: apitest.Start(), ctx: ctx, done: make(chan error, 1), output: &bytes.Buffer{}}
	args := append(bootstraps.JavaFlags(), "-cp", ".:lib/*:"+loop, bootstraps.JavaClass, handler)
	cmd := exec.CommandContext(ctx, "java", args...)
	cmd.Dir = classes
	cmd.Env = append(
		os.Environ(),
		append([]string{"AWS_LAMBDA_RUNTIME_API=" + in.Address(), "LAMBDA_TASK_ROOT=" + classes,
			"AWS_LAMBDA_FUNCTION_NAME=f0-0", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256"}, env...)...)
	cmd.Stdout, cmd.Stderr = in.output, in.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { in.done <- cmd.Wait() }()
	t.Cleanup(func() {
		in.Close()
		cancel()
	})
	return in
}

// TestJava compiles the loop once, and the handlers of all subtests at once: a start of javac costs a second.
func TestJava(t *testing.T) {
	loop := javaLoop(t)
	handlers := maps.Clone(javaInit)
	maps.Copy(handlers, map[string]string{"Forms.java": javaForms, "Fails.java": javaFails,
		"Together.java": javaTogether})
	classes := javaClasses(t, loop, handlers)
	for name, test := range map[string]func(t *testing.T, loop, classes string){
		"forms": javaTestForms, "context": javaTestContext, "AWS interfaces": javaTestWithAWSInterfaces,
		"init errors":       javaTestInitErrors,
		"invocation errors": javaTestInvocationErrors, "ends": javaTestEnds, "concurrency": javaTestConcurrency,
	} {
		t.Run(name, func(t *testing.T) { test(t, loop, classes) })
	}
}

// javaForms has a handler of every form that needs no library of AWS's.
const javaForms = `package mine;
import com.amazonaws.services.lambda.runtime.Context;
import java.io.*;
import java.util.*;
public class Forms {
    public Object context(Map<String, Object> event, Context c) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("event", event);
        out.put("id", c.getAwsRequestId());
        out.put("name", c.getFunctionName());
        out.put("memory", c.getMemoryLimitInMB());
        out.put("left", c.getRemainingTimeInMillis());
        out.put("arn", c.getInvokedFunctionArn());
        return out;
    }
    public Object any(Object event) { return event; }
    public static String text(String event) { return event == null ? null : event + "!"; }
    public List<Object> list(List<Object> event) { Collections.reverse(event); return event; }
    public int number(int event) { return event + 1; }
    public Object none() { return Arrays.asList(1, 2.5, true, null, "x", 'y', new LinkedHashMap<>()); }
    public void nothing(Object event) { }
    public void streams(InputStream in, OutputStream out) throws IOException { in.transferTo(out); }
    public void both(InputStream in, OutputStream out, Context c) throws IOException {
        out.write(("\"" + c.getAwsRequestId() + new String(in.readAllBytes()).length() + "\"").getBytes());
    }
    public static class Own { public int a; }
    public Object own(Own event) { return event; }
    public Object handleRequest(Object event) { return "by its usual name"; }
}
`

func javaTestForms(t *testing.T, loop, classes string) {
	deep := strings.Repeat("[", 400) + strings.Repeat("]", 400)
	big := `"` + strings.Repeat("ü", 1<<20) + `"`
	for _, c := range []struct{ method, event, want string }{
		{"::any", `{"b":[1,-2.5e3,true,false,null],"a":"\"\\\u00fc\ud83d\ude00\n\u0001"}`,
			"{\"b\":[1,-2500.0,true,false,null],\"a\":\"\\\"\\\\ü😀\\u000a\\u0001\"}"},
		{"::any", ` { } `, `{}`}, {"::any", `9007199254740993`, `9007199254740993`}, {"::any", `null`, `null`},
		{"::any", deep, deep}, {"::any", big, big},
		{"::text", `"a"`, `"a!"`}, {"::text", `null`, `null`}, {"::list", `[1,"2"]`, `["2",1]`},
		{"::number", `41`, `42`},
		{"::none", `{}`, `[1,2.5,true,null,"x","y",{}]`}, {"::nothing", `{}`, `null`},
		{"::streams", `{"as":  "it is"}`, `{"as":  "it is"}`}, {"::both", `{}`, `"request-12"`},
		{"", `{}`, `"by its usual name"`},
	} {
		in := startJava(t, loop, classes, "mine.Forms"+c.method)
		if a := in.invoke(t, c.event); !strings.HasSuffix(a.Path, "/response") || string(a.Body) != c.want {
			t.Errorf("%s of %.80s: %s %.200s, want %.200s", c.method, c.event, a.Path, a.Body, c.want)
		}
	}
}

func javaTestContext(t *testing.T, loop, classes string) {
	in := startJava(t, loop, classes, "mine.Forms::context")
	for i := 1; i <= 3; i++ {
		var got struct {
			Event         map[string]int
			ID, Name, ARN string
			Memory        int
			Left          int64
		}
		a := in.invoke(t, fmt.Sprintf(`{"n":%d}`, i))
		if err := json.Unmarshal(a.Body, &got); err != nil {
			t.Fatalf("%v in %s", err, a.Body)
		}
		if got.Event["n"] != i || got.ID != fmt.Sprintf("request-%d", i) || got.Name != "f0-0" || got.Memory != 256 ||
			got.ARN == "" ||
			got.Left <= 0 ||
			got.Left > patience.Milliseconds() {
			t.Errorf("event %d: %s", i, a.Body)
		}
	}
}

// A package may bring AWS's own interfaces: its Context, which has a logger, and the handler interfaces.
func javaTestWithAWSInterfaces(t *testing.T, loop, _ string) {
	const aws = "package com.amazonaws.services.lambda.runtime;\npublic interface "
	classes := javaClasses(t, t.TempDir(), map[string]string{
		"LambdaLogger.java": aws + "LambdaLogger { void log(String m); void log(byte[] m); }",
		"Context.java": aws +
			`Context { String getAwsRequestId(); LambdaLogger getLogger(); Object getIdentity(); int getRemainingTimeInMillis(); }`,
		"RequestHandler.java": aws + "RequestHandler<I, O> { O handleRequest(I input, Context context); }",
		"Mine.java": `package mine;
			import com.amazonaws.services.lambda.runtime.*;
			public class Mine implements RequestHandler<java.util.Map<String, Object>, String> {
				public String handleRequest(java.util.Map<String, Object> event, Context c) {
					c.getLogger().log("a line of mine");
					c.getLogger().log(" and bytes".getBytes());
					return c.getAwsRequestId() + event.get("a") + c.getIdentity() + (c.getRemainingTimeInMillis() > 0);
				}
			}`,
	})
	in := startJava(t, loop, classes, "mine.Mine")
	if a := in.invoke(t, `{"a":7}`); string(a.Body) != `"request-17nulltrue"` {
		t.Errorf("%s %s", a.Path, a.Body)
	}
	in.Close()
	in.ended(t)
	if !strings.Contains(in.output.String(), "a line of mine and bytes") {
		t.Errorf("the log: %s", in.output)
	}
}

// javaInit has classes that cannot be initialized, and one that misses another.
var javaInit = map[string]string{
	"Dark.java": "package mine; public class Dark { static { if (true) throw new " +
		"IllegalStateException(\"dark\"); } public void f() {} }",
	"Raises.java": "package mine; public class Raises { public Raises() throws Exception { throw new " +
		"java.io.IOException(\"no disk\"); } public void f() {} }",
	"Wants.java":   "package mine; public class Wants { public Wants(int n) {} public void f() {} }",
	"Plain.java":   "package mine; public class Plain { public void f() {} void hidden() {} }",
	"Missing.java": "package mine; public class Missing { public void f(Gone g) {} }",
	"Gone.java":    "package mine; public class Gone {}",
}

func javaTestInitErrors(t *testing.T, loop, classes string) {
	if err := os.Remove(filepath.Join(classes, "mine", "Gone.class")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ handler, kind, message string }{
		{"mine.Absent::f", "java.lang.ClassNotFoundException", "Class not found: mine.Absent"},
		{"mine/plain::f", "java.lang.ClassNotFoundException", "Class not found"},
		{"mine.plain::f", "java.lang.NoClassDefFoundError|java.lang.ClassNotFoundException", "mine.plain"},
		{"mine.Plain::g", "Runtime.HandlerNotFound", "No public method named g on class mine.Plain"},
		{"mine.Plain::hidden", "Runtime.HandlerNotFound", "No public method named hidden"},
		{"mine.Plain", "Runtime.HandlerNotFound", "No public method named handleRequest"},
		{"mine.Plain::", "Runtime.MalformedHandlerName", "mine.Plain::"},
		{"::f", "Runtime.MalformedHandlerName", "package.Class::method"},
		{"mine.Wants::f", "Runtime.HandlerNotFound", "no public constructor without parameters"},
		{"mine.Raises::f", "java.io.IOException", "no disk"},
		{"mine.Dark::f", "java.lang.IllegalStateException", "dark"},
		{"mine.Missing::f", "java.lang.NoClassDefFoundError", "mine/Gone"},
	} {
		in := startJava(t, loop, classes, c.handler)
		a, err := in.InitError(in.ctx)
		if err != nil {
			t.Fatalf("%s: %v, output %s", c.handler, err, in.output)
		}
		d := describe(t, a)
		if !slices.Contains(strings.Split(c.kind, "|"), d.ErrorType) || a.ErrorType != d.ErrorType ||
			!strings.Contains(d.ErrorMessage, c.message) {
			t.Errorf("%s: told %+v (header %q), want %s with %q", c.handler, d, a.ErrorType, c.kind, c.message)
		}
		if code := in.ended(t); code != 1 {
			t.Errorf("%s: exit code %d, want 1", c.handler, code)
		}
	}
}

const javaFails = `package mine;
public class Fails {
    static class Own extends RuntimeException { Own(String m) { super(m); } }
    static void deeper() { throw new Own("of\nmine"); }
    public Object f(String event) throws Exception {
        switch (event) {
            case "raise": deeper();
            case "checked": throw new java.io.IOException();
            case "memory": return new long[1 << 30].length;
            case "overflow": return f(event);
            case "odd": return new Object();
            case "loop": java.util.List<Object> l = new java.util.ArrayList<>(); l.add(l); return l;
            case "nan": return Double.NaN;
            case "exit": System.err.println("enough"); System.exit(3);
            default: return "fine";
        }
    }
    public Object own(Thread event) { return 1; }
    public Object two(Object event, String more) { return 1; }
}
`

func javaTestInvocationErrors(t *testing.T, loop, classes string) {
	in := startJava(t, loop, classes, "mine.Fails::f")
	for _, c := range []struct{ event, kind, message string }{
		{`"raise"`, "mine.Fails$Own", "of\nmine"},
		{`"checked"`, "java.io.IOException", "java.io.IOException"},
		{`"odd"`, "Runtime.MarshalError", "java.lang.Object is not JSON serializable"},
		{`"loop"`, "Runtime.MarshalError", "nested too deeply"},
		{`"nan"`, "Runtime.MarshalError", "JSON has no NaN"},
		{`{"a":1}`, "Runtime.UnmarshalError", "does not fit the handler's java.lang.String"},
		{`{not json`, "Runtime.UnmarshalError", "Unable to unmarshal input"},
	} {
		a := in.invoke(t, c.event)
		d := describe(t, a)
		if !strings.HasSuffix(a.Path, "/error") || d.ErrorType != c.kind ||
			a.ErrorType != strings.ReplaceAll(c.kind, "$", "") ||
			!strings.Contains(d.ErrorMessage, c.message) {
			t.Errorf("%s: %s told %+v (header %q), want %s with %q", c.event, a.Path, d, a.ErrorType, c.kind, c.message)
		}
		if c.event == `"raise"` &&
			(len(d.StackTrace) != 2 || !strings.Contains(d.StackTrace[0], "mine.Fails.deeper(Fails.java:4)")) {
			t.Errorf("trace is %q, want the two frames of the user's own", d.StackTrace)
		}
	}
	in.RefuseResponses(1)
	in.invoke(t, `"too long for the platform"`)
	if a := in.invoke(t, `"x"`); string(a.Body) != `"fine"` {
		t.Errorf("after errors and a refused response: %s", a.Body)
	}
	for handler, want := range map[string]string{"own": "not classes of yours",
		"two": "parameter 2 of the handler is a java.lang.String"} {
		other := startJava(t, loop, classes, "mine.Fails::"+handler)
		if d := describe(t, other.invoke(t, `{}`)); d.ErrorType != "Runtime.UnmarshalError" ||
			!strings.Contains(d.ErrorMessage, want) {
			t.Errorf("%s: %+v, want %q", handler, d, want)
		}
	}
}

// What a JVM does not get over is told, and ends the instance.
func javaTestEnds(t *testing.T, loop, classes string) {
	for event, kind := range map[string]string{`"memory"`: "java.lang.OutOfMemoryError",
		`"overflow"`: "java.lang.StackOverflowError"} {
		in := startJava(t, loop, classes, "mine.Fails::f", "JAVA_TOOL_OPTIONS=-Xmx64m")
		if a := in.invoke(t, event); describe(t, a).ErrorType != kind {
			t.Errorf("%s: %.300s", event, a.Body)
		}
		if code := in.ended(t); code != 1 {
			t.Errorf("%s: exit code %d, want 1", event, code)
		}
	}
	in := startJava(t, loop, classes, "mine.Fails::f")
	in.invoke(t, `"x"`)
	in.Close()
	if code := in.ended(t); code != 1 ||
		!strings.Contains(in.output.String(), "the Runtime API at "+in.Address()+" is gone") {
		t.Errorf("the API went away: exit code %d, last words %s", code, in.output)
	}
	in = startJava(t, loop, classes, "mine.Fails::f")
	ctx, cancel := context.WithCancel(in.ctx)
	defer cancel()
	go func() {
		_, _ = in.Invoke(ctx, `"exit"`, patience) // there is no answer to wait for
	}()
	if code := in.ended(t); code != 3 || !strings.Contains(in.output.String(), "enough") {
		t.Errorf("a handler that exits: exit code %d, last words %s", code, in.output)
	}
}

const javaTogether = `package mine;
public class Together {
    private final java.util.concurrent.CyclicBarrier all = new java.util.concurrent.CyclicBarrier(4);
    public String f(Object e, com.amazonaws.services.lambda.runtime.Context c) throws Exception {
        all.await(); // passes only when four events are being handled at once
        return c.getAwsRequestId();
    }
}
`

func javaTestConcurrency(t *testing.T, loop, classes string) {
	const n = 4
	in := startJava(t, loop, classes, "mine.Together::f", fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", n))
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
}

// The heap is what Lambda gives, at sizes on both sides of the JVM's own boundary between small and other machines.
func TestJavaHeap(t *testing.T) {
	for _, mb := range []int{128, 256, 512, 2048} {
		args := append(bootstraps.JavaFlags(), fmt.Sprintf("-XX:MaxRAM=%dm", mb), "-XX:+PrintFlagsFinal", "-version")
		out, err := exec.CommandContext(t.Context(), "java", args...).Output()
		if err != nil {
			t.Fatalf("java does not take the flags: %v", err)
		}
		var heap int
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) > 3 && f[1] == "MaxHeapSize" {
				_, _ = fmt.Sscan(f[3], &heap)
			}
		}
		if want := mb << 20 * 85 / 100; heap < want-4<<20 || heap > want+4<<20 {
			t.Errorf("of %d MB the heap gets %d MB, want 85 %%", mb, heap>>20)
		}
	}
}
