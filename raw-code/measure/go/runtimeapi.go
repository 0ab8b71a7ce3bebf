package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"time"
)

const runtimePath = "/2018-06-01/runtime/"

// runtimeConn is one kept connection to the Runtime API. Requests are written by hand: http.Client would bring
// goroutines and a pool to a conversation that is strictly one request after the other.
type runtimeConn struct {
	host string
	only bool // the only one: its reads may block their thread, and the processor that Go has for it
	conn io.ReadWriteCloser
	in   *bufio.Reader
	out  []byte
}

func (c *runtimeConn) do(method, path, headers string, body []byte) (*http.Response, []byte, error) {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.host)
		if err != nil {
			return nil, nil, err
		}
		if c.conn = conn; c.only {
			c.conn = blocking(conn)
		}
		c.in = bufio.NewReader(c.conn)
	}
	c.out = append(c.out[:0], method+" "+runtimePath+path+" HTTP/1.1\r\nHost: "+c.host+"\r\n"+headers+
		"Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"...)
	c.out = append(c.out, body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, nil, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, err
	}
	if resp.Close {
		c.conn.Close()
		c.conn = nil
	}
	return resp, data, nil
}

// serveRuntimeAPI answers invocations until the Runtime API goes away. A platform that gives one instance several
// requests at once says how many in AWS_LAMBDA_MAX_CONCURRENCY, as AWS does; each has a connection of its own.
func serveRuntimeAPI(f *function, host, concurrency string) error {
	n, err := strconv.Atoi(concurrency)
	if err != nil || n < 1 {
		n = 1
	}
	f.ready()
	broken := make(chan error, n)
	for i := 0; i < n; i++ {
		go func() { broken <- loop(f, host, n == 1) }()
	}
	return <-broken // the process ends with the first: a half-deaf instance would hide what happened
}

// yieldAfter is how often the loop of a busy instance yields. Go's monitor takes the processor from a goroutine that
// has had it for 10 ms, also if that has only waited for the platform, and then looks after it every 20 µs for a while.
const yieldAfter = 5 * time.Millisecond

func loop(f *function, host string, only bool) error {
	c := &runtimeConn{host: host, only: only}
	for yielded := time.Now(); ; {
		if time.Since(yielded) > yieldAfter {
			runtime.Gosched()
			yielded = time.Now()
		}
		if err := serveOne(f, c); err != nil {
			return fmt.Errorf("the Runtime API at %s is gone: %w", host, err)
		}
	}
}

func serveOne(f *function, c *runtimeConn) error {
	next, event, err := c.do(http.MethodGet, "invocation/next", "", nil)
	if err != nil {
		return err
	}
	if next.StatusCode != http.StatusOK {
		return fmt.Errorf("invocation/next answered %s: %.200s", next.Status, event)
	}
	r := request{received: time.Now(), instance: f.claim(), id: next.Header.Get("Lambda-Runtime-Aws-Request-Id")}
	if ms, err := strconv.ParseInt(next.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64); err == nil {
		r.deadline = time.UnixMilli(ms)
	}
	fromEvent(event, &r)
	if s, err := readStream(r.param); s != nil || err != nil {
		status, answer := f.handle(r)
		if err != nil && status == http.StatusOK {
			status, answer = refusal(http.StatusBadRequest, err.Error())
		}
		if s == nil {
			s = &stream{}
		}
		return s.send(c, r.id, status, answer)
	}
	body, err := toProxyResponse(f.handle(r))
	if err != nil {
		return err
	}
	resp, said, err := c.do(http.MethodPost, "invocation/"+r.id+"/response", "Content-Type: application/json\r\n", body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		// The platform has given this invocation up, after a timeout for one; the next one is none the worse.
		fmt.Printf("response to %s answered %s: %.200s\n", r.id, resp.Status, said)
	}
	return nil
}

// reportInitError tells the platform why this instance will not serve; the process ends in any case.
func reportInitError(host string, cause error) {
	body, err := json.Marshal(map[string]any{"errorType": "Function.InitError", "errorMessage": cause.Error(),
		"stackTrace": []string{}})
	if err != nil {
		return
	}
	c := &runtimeConn{host: host}
	_, _, _ = c.do(http.MethodPost, "init/error",
		"Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: Function.InitError\r\n", body)
}
