package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	maxStream   = 200 << 20 // bytes: Lambda's limit of a streamed response
	leastChunk  = 1 << 10
	stampLength = 20 // of the instant at the beginning of a chunk: 19 digits and a line break
)

// stream is what a request asks of a response that is sent while it is made: chunks of one size, with pauses. The first
// one, or as many as it needs, is the answer, filled up with spaces and ended by a line break. Each further one begins
// with the instant at which it is sent, in Unix nanoseconds.
type stream struct {
	size, chunk int64
	pause       time.Duration
}

// readStream reads the parameters of a streamed response; nil: none is asked for.
func readStream(get func(string) (string, bool)) (*stream, error) {
	if _, ok := get("StreamBytes"); !ok {
		return nil, nil
	}
	size, err := count(get, "StreamBytes")
	chunk, errChunk := count(get, "StreamChunkBytes")
	pause, errPause := count(get, "StreamPauseNs")
	switch err := errors.Join(err, errChunk, errPause); {
	case err != nil:
		return nil, err
	case size < 1 || size > maxStream:
		return nil, fmt.Errorf("StreamBytes is %d, it must be from 1 to %d (200 MiB)", size, maxStream)
	case chunk < leastChunk || chunk > maxStream:
		return nil, fmt.Errorf("StreamChunkBytes is %d, it must be from %d to %d", chunk, leastChunk, maxStream)
	case pause > int64(longestTimeout):
		return nil, fmt.Errorf("StreamPauseNs is %d, it must be at most %d", pause, int64(longestTimeout))
	}
	return &stream{size, chunk, time.Duration(pause)}, nil
}

// prelude is the head of a streamed HTTP response, as function URLs of Lambda take it
// (docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html).
func prelude(status int, contentType string) []byte {
	head, err := json.Marshal(map[string]any{"statusCode": status,
		"headers": map[string]string{"Content-Type": contentType}})
	if err != nil {
		return nil // not reached: a number and strings
	}
	return append(head, make([]byte, 8)...)
}

// send streams an answer through the Runtime API. Only an answer of status 200 is followed by further chunks.
func (s *stream) send(c *runtimeConn, id string, status int, answer []byte) error {
	head := "POST " + runtimePath + "invocation/" + id + "/response HTTP/1.1\r\nHost: " + c.host +
		"\r\nContent-Type: application/vnd.awslambda.http-integration-response\r\n" +
		"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n"
	if _, err := io.WriteString(c.conn, head); err != nil {
		return err
	}
	kind := "application/octet-stream"
	if status != http.StatusOK {
		kind = "application/json"
	}
	first := append(prelude(status, kind), answer...)
	if status != http.StatusOK {
		if err := c.writeChunk(first); err != nil {
			return err
		}
	} else if err := s.sendAll(c, first, int64(len(answer))); err != nil {
		return err
	}
	if _, err := io.WriteString(c.conn, "0\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusAccepted {
		fmt.Printf("streamed response to %s answered %s: %.200s\n", id, resp.Status, said)
	}
	return err
}

// sendAll sends the prelude with the answer, then chunk after chunk.
func (s *stream) sendAll(c *runtimeConn, first []byte, answer int64) error {
	total := (answer/s.chunk + 1) * s.chunk
	first = append(first, bytes.Repeat([]byte{' '}, int(total-answer))...)
	first[len(first)-1] = '\n'
	if err := c.writeChunk(first); err != nil {
		return err
	}
	filler := makePayload(s.chunk)
	for sent := total; sent < s.size; {
		time.Sleep(s.pause)
		chunk := filler[:min(s.chunk, s.size-sent)]
		if len(chunk) >= stampLength {
			copy(chunk, fmt.Sprintf("%019d\n", time.Now().UnixNano()))
		}
		if err := c.writeChunk(chunk); err != nil {
			return err
		}
		sent += int64(len(chunk))
	}
	return nil
}

// writeChunk writes a chunk of the chunked coding at once.
func (c *runtimeConn) writeChunk(data []byte) error {
	c.out = strconv.AppendInt(c.out[:0], int64(len(data)), 16)
	c.out = append(append(append(c.out, "\r\n"...), data...), "\r\n"...)
	_, err := c.conn.Write(c.out)
	return err
}
