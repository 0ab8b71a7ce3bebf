package cloud

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// invoke is the gateway at work: the request becomes an event, the answer a response.
func (a *Aliyun) invoke(w http.ResponseWriter, r *http.Request, rest string) {
	group, path, _ := strings.Cut(rest, "/")
	var f *AliyunFunction
	a.mu.Lock()
	for _, api := range a.groups[group] {
		if api.path == "/"+path {
			f = a.services[api.service][api.function]
		}
	}
	a.mu.Unlock()
	if f == nil || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	query, headers := map[string]string{}, map[string]string{}
	for n, v := range r.URL.Query() {
		query[n] = strings.Join(v, ",")
	}
	for n := range r.Header {
		headers[n] = r.Header.Get(n)
	}
	event, err := json.Marshal(map[string]any{"path": "/" + path, "httpMethod": r.Method, "headers": headers,
		"queryParameters": query, "pathParameters": map[string]string{}, "body": "", "isBase64Encoded": "false"})
	if err != nil {
		a.t.Error(err)
	}
	var made struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}
	if text, err := a.call(f, event); err != nil || json.Unmarshal(text, &made) != nil {
		a.t.Errorf("answer %s: %v", text, err)
	}
	for n, v := range made.Headers {
		w.Header().Set(n, v)
	}
	w.WriteHeader(made.StatusCode)
	_, _ = io.WriteString(w, made.Body)
}

// call gives an event to the function's instance, one at a time; the first one starts it.
func (a *Aliyun) call(f *AliyunFunction, event []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cmd == nil {
		host := []string{"node", "host.js"}
		if strings.HasPrefix(f.Runtime, "python") {
			host = []string{"python3", "host.py"}
		}
		f.cmd = exec.Command(host[0], testdata("aliyun", host[1]), f.folder, f.Handler)
		f.cmd.Dir, f.cmd.Stderr, f.cmd.Env = f.folder, os.Stderr, append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		for k, v := range f.Environment {
			f.cmd.Env = append(f.cmd.Env, k+"="+v)
		}
		out, err := f.cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if f.in, err = f.cmd.StdinPipe(); err != nil {
			return nil, err
		}
		f.out = bufio.NewScanner(out)
		f.out.Buffer(nil, 1<<20)
		if err := f.cmd.Start(); err != nil {
			return nil, err
		}
	}
	if _, err := f.in.Write(append(event, '\n')); err != nil {
		return nil, err
	}
	if !f.out.Scan() {
		return nil, fmt.Errorf("no answer: %w", f.out.Err())
	}
	return f.out.Bytes(), nil
}
