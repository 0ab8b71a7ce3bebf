package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func parameters(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestStreamParameters(t *testing.T) {
	for want, get := range map[string]func(string) (string, bool){
		"<nil> <nil>":          parameters("StreamChunkBytes", "5"),
		"&{5000 1024 7} <nil>": parameters("StreamBytes", "5000", "StreamChunkBytes", "1024", "StreamPauseNs", "7"),
		"<nil> StreamBytes is 0, it must be from 1 to 209715200 (200 MiB)": parameters("StreamBytes", "0",
			"StreamChunkBytes", "1024"),
		"<nil> StreamChunkBytes is 9, it must be from 1024 to 209715200": parameters("StreamBytes", "1",
			"StreamChunkBytes", "9"),
		`<nil> StreamBytes is "x", it must be a whole number`: parameters("StreamBytes", "x", "StreamChunkBytes", "1024"),
		"<nil> StreamPauseNs is 3600000000001, it must be at most 3600000000000": parameters("StreamBytes", "1",
			"StreamChunkBytes", "1024", "StreamPauseNs", "3600000000001"),
	} {
		s, err := readStream(get)
		if got := fmt.Sprint(s, " ", err); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// streamedTo sends a stream to a Runtime API and gives its body, as the API reads it.
func streamedTo(t *testing.T, s *stream, status int, answer string) (header http.Header, body []byte) {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	go func() {
		defer theirs.Close()
		r, err := http.ReadRequest(bufio.NewReader(theirs))
		if err == nil {
			header = r.Header
			body, err = io.ReadAll(r.Body)
		}
		_, _ = io.WriteString(theirs, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
		done <- err
	}()
	c := &runtimeConn{host: "x", conn: ours, in: bufio.NewReader(ours)}
	if err := s.send(c, "id", status, []byte(answer)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return header, body
}

func TestStreamsAreChunksWithInstants(t *testing.T) {
	before := time.Now().UnixNano()
	header, body := streamedTo(t, &stream{size: 5000, chunk: 1024}, http.StatusOK, `{"RequestID":"r"}`)
	if header.Get("Lambda-Runtime-Function-Response-Mode") != "streaming" {
		t.Errorf("header %v", header)
	}
	head, rest, _ := bytes.Cut(body, make([]byte, 8))
	if !strings.Contains(string(head), `"statusCode":200`) || len(rest) != 5000 {
		t.Fatalf("prelude %s, %d bytes", head, len(rest))
	}
	if answer := string(rest[:1024]); strings.TrimSpace(answer) != `{"RequestID":"r"}` || answer[1023] != '\n' {
		t.Errorf("first chunk %q", answer)
	}
	for at := 1024; at < 5000; at += 1024 {
		var ns int64
		if _, err := fmt.Sscanf(string(rest[at:at+20]), "%019d\n", &ns); err != nil || ns < before {
			t.Errorf("chunk at %d begins with %q", at, rest[at:at+20])
		}
		before = ns
	}
	_, body = streamedTo(t, &stream{size: 5000, chunk: 1024}, http.StatusUnauthorized, `{"error":"no"}`)
	if text := string(body); !strings.Contains(text, `"statusCode":401`) || !strings.HasSuffix(text, "\x00"+`{"error":"no"}`) {
		t.Errorf("refused: %q", text)
	}
}
