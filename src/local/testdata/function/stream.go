package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// streamed is the verb of a request whose response is sent already.
const streamed = "streamed"

// stream sends a response piece by piece (?do=stream): ?pieces of ?size bytes, the next one when the ?between gate
// lets it pass. ?prelude is sent in front, and ?then ends it in the middle: fail, hang or exit, the latter when the
// ?last gate is open.
func stream(r *request) (verb string, answer []byte) {
	if r.Query["do"] != "stream" {
		return "", nil
	}
	body, write := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, base+"invocation/"+r.id+"/response", body)
	if err != nil {
		return "error", []byte(fmt.Sprintf(`{"errorMessage":%q}`, err))
	}
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Header.Set("Content-Type", "text/x-pieces")
	prelude, ok := r.Query["prelude"]
	if ok {
		req.Header.Set("Content-Type", "application/vnd.awslambda.http-integration-response")
	}
	req.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": nil, "Lambda-Runtime-Function-Error-Body": nil}
	go func() {
		if ok {
			_, _ = write.Write(append([]byte(prelude), make([]byte, 8)...))
		}
		for i := range r.number("pieces") {
			if gate := r.Query["between"]; gate != "" && i > 0 {
				waitAt(gate)
			}
			_, _ = write.Write(bytes.Repeat([]byte{byte('a' + i%26)}, r.number("size")))
		}
		switch r.Query["then"] {
		case "fail":
			req.Trailer.Set("Lambda-Runtime-Function-Error-Type", "Broken")
			req.Trailer.Set("Lambda-Runtime-Function-Error-Body",
				base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"half-way","errorType":"Broken"}`)))
		case "hang":
			time.Sleep(time.Hour)
		case "exit":
			waitAt(r.Query["last"]) // for what was written to arrive
			os.Exit(3)
		}
		_ = write.Close()
	}()
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		res.Body.Close()
	}
	return streamed, nil
}
