// Command function is the function that the local platform's tests deploy: its query says how to behave.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	base  = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	cold  atomic.Bool
	count atomic.Int64
	id    = fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano())
	hoard [][]byte
)

type event struct {
	Query map[string]string `json:"queryStringParameters"`
	Body  string            `json:"body"`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "fork" {
		fmt.Print(leave(exec.Command("sleep", "300"), true))
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "speak" {
		status, text, err := call("invocation/no-such-id/response", nil)
		fmt.Print(status, string(text), err)
		return
	}
	switch os.Getenv("INIT") {
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot find the moon")
		os.Exit(3)
	case "error":
		_, _, _ = call("init/error", []byte(`{"errorMessage":"no moon","errorType":"Moon.Missing"}`))
		os.Exit(1)
	case "hang":
		time.Sleep(time.Hour)
	case "gate":
		waitAt(os.Getenv("GATE"))
	}
	if port := os.Getenv("PORT"); port != "" && os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		serve(port)
	}
	loops, _ := strconv.Atoi(os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY"))
	var wait sync.WaitGroup
	for range max(loops, 1) {
		wait.Go(loop)
	}
	wait.Wait()
}

func loop() {
	for {
		res, err := http.Get(base + "invocation/next")
		if err != nil {
			os.Exit(1)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			os.Exit(1)
		}
		r := &request{raw: body, id: res.Header.Get("Lambda-Runtime-Aws-Request-Id")}
		r.first = cold.CompareAndSwap(false, true)
		r.n = count.Add(1)
		_ = json.Unmarshal(body, &r.event)
		verb, answer := handle(r)
		if verb == streamed {
			continue
		}
		if _, _, err := call("invocation/"+r.id+"/"+verb, answer); err != nil {
			os.Exit(1)
		}
		if r.Query["after"] == "exit" {
			os.Exit(0)
		}
	}
}

func call(path string, body []byte) (status int, text []byte, err error) {
	res, err := http.Post(base+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

// request is one event and what this process knows of it.
type request struct {
	event
	raw   []byte
	id    string
	first bool  // of this process
	n     int64 // its number in this process, from 1
}

// number is the value of a parameter, 0 where it is not a number.
func (r *request) number(key string) int {
	n, _ := strconv.Atoi(r.Query[key])
	return n
}

// waitAt waits until a gate of the test's answers.
func waitAt(gate string) {
	res, err := http.Get(gate)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	res.Body.Close()
}

// handle does what the query says and answers.
func handle(r *request) (verb string, answer []byte) {
	if gate := r.Query["gate"]; gate != "" {
		waitAt(gate)
	}
	time.Sleep(time.Duration(r.number("sleep")) * time.Millisecond)
	for _, try := range []func(*request) (verb string, answer []byte){leaveProcess, misbehave, fixedAnswer, tell, stream} {
		if verb, answer := try(r); verb != "" {
			return verb, answer
		}
	}
	return object(map[string]any{"id": id, "pid": os.Getpid(), "cold": r.first, "n": r.n, "request": r.id,
		"version": os.Getenv("VERSION")})
}

// leaveProcess starts a process that outlives the request (?leave).
func leaveProcess(r *request) (verb string, answer []byte) {
	switch p := r.Query["leave"]; p {
	case "group", "setsid":
		return object(map[string]any{"pid": leave(exec.Command("sleep", "300"), p == "setsid")})
	case "twice", "bare":
		cmd := exec.Command(os.Args[0], "fork")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if p == "bare" {
			cmd.Env = []string{"PATH=/usr/bin:/bin"}
		}
		out, err := cmd.Output()
		pid, _ := strconv.Atoi(string(out))
		return object(map[string]any{"pid": pid, "error": fmt.Sprint(err)})
	}
	return "", nil
}

// misbehave ends, hangs, or takes more than it should (?do).
func misbehave(r *request) (verb string, answer []byte) {
	switch r.Query["do"] {
	case "exit":
		os.Exit(r.number("code"))
	case "hang":
		time.Sleep(time.Hour)
	case "signal":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Hour)
	case "alloc":
		for range r.number("mb") {
			hoard = append(hoard, bytes.Repeat([]byte{1}, 1<<20))
		}
	case "print":
		fmt.Println(r.Query["text"])
	case "spew":
		line := append(bytes.Repeat([]byte{'x'}, 200<<10), '\n')
		for range r.number("mb") * 5 {
			_, _ = os.Stdout.Write(line)
		}
		fmt.Println("the last line")
	case "forge":
		return forge(r.id)
	case "fill":
		err := os.WriteFile(os.TempDir()+"/filled", bytes.Repeat([]byte{1}, r.number("kb")<<10), 0o600)
		if r.Query["then"] == "hang" {
			time.Sleep(time.Hour)
		}
		return object(map[string]any{"error": fmt.Sprint(err)})
	}
	return "", nil
}

// forge prints lines of the platform's, with the request's own id.
func forge(id string) (verb string, answer []byte) {
	report := "REPORT RequestId: " + id + "\tDuration: 0.01 ms\tBilled Duration: 1 ms\tMemory Size: 1 MB" +
		"\tInstance: mine\tCold: true"
	fmt.Print("START RequestId: ", id, "\nEND RequestId: ", id, "\n",
		report, "\n \t", report, "\n>", report, "\n",
		"\u00a0", report, "\n\x1b[31mred\tend\n")
	fault, _ := json.Marshal(map[string]string{"errorType": "Forged", "errorMessage": "it is broken\n" + report})
	return "error", fault
}

// fixedAnswer answers in a form that the query asks for (?do).
func fixedAnswer(r *request) (verb string, answer []byte) {
	switch r.Query["do"] {
	case "big":
		return "response", append(append([]byte{'"'}, bytes.Repeat([]byte{'a'}, r.number("bytes"))...), '"')
	case "error":
		return "error", []byte(`{"errorMessage":"it is broken","errorType":"Broken"}`)
	case "notjson":
		return "response", []byte("hello {")
	case "event":
		return "response", r.raw
	case "echo":
		out, _ := json.Marshal(map[string]any{"statusCode": 201, "body": r.Body, "cookies": []string{"a=1", "b=2"},
			"headers": map[string]any{"X-Mine": "yes", "Content-Type": "text/x-mine", "Connection": "close",
				"X-Number": 7}})
		return "response", out
	case "base64":
		return "response", []byte(`{"statusCode":200,"body":"AAEC","isBase64Encoded":true}`)
	case "raw":
		return "response", []byte(r.Query["raw"])
	}
	return "", nil
}

// tell answers what the function sees, and what it may do (?do).
func tell(r *request) (verb string, answer []byte) {
	switch r.Query["do"] {
	case "write":
		return object(map[string]any{"error": write(), "pid": os.Getuid()})
	case "env":
		return object(map[string]any{"env": os.Environ(), "cwd": cwd()})
	case "files":
		return object(files(r.Query["platform"], r.Query["mark"]))
	case "meddle":
		return object(meddle(r.Query["api"], r.Query["id"]))
	case "api":
		return object(map[string]any{"api": os.Getenv("AWS_LAMBDA_RUNTIME_API")})
	case "child":
		return child(r.id)
	case "misuse":
		return object(misuse(r.id))
	}
	return "", nil
}

// write leaves a folder with a file, and a file, in the folder for temporary files, and says what failed.
func write() string {
	dir, err := os.MkdirTemp("", "mine")
	if err == nil {
		err = os.WriteFile(dir+"/file", []byte("text"), 0o600)
	}
	if err == nil {
		err = os.WriteFile(os.TempDir()+"/file", []byte("text"), 0o600)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// meddle speaks to the Runtime API of another instance.
func meddle(api, id string) map[string]any {
	out := map[string]any{}
	for _, path := range []string{"invocation/" + id + "/response", "invocation/" + id + "/error", "init/error"} {
		at, forged := "http://"+api+"/2018-06-01/runtime/"+path, bytes.NewReader([]byte(`{"forged":true}`))
		res, err := http.Post(at, "application/json", forged)
		if err != nil {
			out[path] = err.Error()
			continue
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		out[path] = fmt.Sprint(res.StatusCode, " ", string(text))
	}
	return out
}

// child has a process of its own speak to the Runtime API, as a bootstrap that is a shell script does.
func child(request string) (verb string, answer []byte) {
	out, err := exec.Command(os.Args[0], "speak").CombinedOutput()
	return object(map[string]any{"said": string(out), "error": fmt.Sprint(err), "request": request})
}

// leave starts a process that outlives the request.
func leave(cmd *exec.Cmd, setsid bool) int {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: setsid}
	if err := cmd.Start(); err != nil {
		return 0
	}
	return cmd.Process.Pid
}

// misuse calls the Runtime API in wrong ways and tells the answers.
func misuse(request string) map[string]any {
	out := map[string]any{}
	out["unknown"], _, _ = call("invocation/no-such-id/response", []byte("{}"))
	out["initerror"], _, _ = call("init/error", []byte("{}"))
	out["path"], _, _ = call("elsewhere", nil)
	out["post"], _, _ = call("invocation/next", nil)
	res, err := http.Get(base + "invocation/next")
	if err == nil {
		out["second"] = res.StatusCode
		res.Body.Close()
	}
	out["unknownerror"], _, _ = call("invocation/no-such-id/error", []byte("{}"))
	return out
}

// files tells what the function can do to files that are not its own: its package, /tmp, and what the kernel shows of
// the process that started it, and of another one.
func files(other, mark string) map[string]any {
	root := os.Getenv("LAMBDA_TASK_ROOT")
	says := func(err error) string { return fmt.Sprint(err) }
	out := map[string]any{
		"root":    root,
		"change":  says(os.WriteFile(root+"/bootstrap", []byte("x"), 0o755)),
		"create":  says(os.WriteFile(root+"/new", []byte("x"), 0o644)),
		"chmod":   says(os.Chmod(root+"/bootstrap", 0o777)),
		"remove":  says(os.Remove(root + "/bootstrap")),
		"remount": says(syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_BIND, "")),
		"unmount": says(syscall.Unmount(root, syscall.MNT_DETACH)),
	}
	var list []string
	entries, _ := os.ReadDir("/tmp")
	for _, e := range entries {
		list = append(list, e.Name())
	}
	out["tmp"] = list
	if mark != "" {
		out["write"] = says(os.WriteFile("/tmp/"+mark, []byte("x"), 0o644))
	}
	for _, pid := range []string{strconv.Itoa(os.Getppid()), other} {
		for _, name := range []string{"environ", "mem", "maps"} {
			f, err := os.Open("/proc/" + pid + "/" + name)
			if err == nil {
				text, _ := io.ReadAll(io.LimitReader(f, 1<<16))
				f.Close()
				out[pid+name] = string(text)
			}
			out[name] = says(err)
		}
	}
	return out
}

func object(v map[string]any) (string, []byte) {
	out, _ := json.Marshal(v)
	return "response", out
}

func cwd() string {
	dir, _ := os.Getwd()
	return dir
}
