package local

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// maxControlBody is the largest body of a request to the control API.
const maxControlBody = 8 << 20

// maxLogPart is the largest part of a log in one answer; X-Next-Offset says where to continue.
const maxLogPart = 8 << 20

// action is one operation of the control API: it returns a value to be written as JSON, or an error.
type action func(w http.ResponseWriter, r *http.Request) (status int, body any, err error)

// controlHandler is the control API. It refuses requests whose Host is not loopback, so that no web page can reach it
// by giving this address a name of its own.
func (p *Platform) controlHandler() http.Handler {
	mux := http.NewServeMux()
	on := func(path string, verbs map[string]action) { mux.HandleFunc(path, byMethod(verbs)) }
	on("/v1/status", map[string]action{http.MethodGet: p.getStatus})
	on("/v1/stop", map[string]action{http.MethodPost: p.postStop})
	on("/v1/services", map[string]action{http.MethodGet: p.getServices})
	on("/v1/services/{service}", map[string]action{
		http.MethodGet: p.getService, http.MethodPut: p.putService, http.MethodDelete: p.deleteService,
	})
	on("/v1/services/{service}/functions/{name}/retire", map[string]action{http.MethodPost: p.postRetire})
	on("/v1/services/{service}/functions/{name}/logs", map[string]action{http.MethodGet: p.getLogs})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, refuse(http.StatusNotFound, "no such path: %s", r.URL.Path))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pace(w, r, p.opts.bodyIdle)
		host, _ := splitAddr(r.Host)
		host = strings.Trim(host, "[]")
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			writeError(w, refuse(http.StatusForbidden, "host %q is not this machine's loopback", r.Host))
			return
		}
		if !p.hasToken(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeError(w, refuse(http.StatusUnauthorized, "missing or wrong token"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
		mux.ServeHTTP(w, r)
	})
}

// hasToken reports whether a request carries the token of the control API.
func (p *Platform) hasToken(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return false
	}
	want, got := sha256.Sum256([]byte(p.opts.Token)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 // equal lengths, so that its time tells nothing
}

func byMethod(verbs map[string]action) http.HandlerFunc {
	allowed := make([]string, 0, len(verbs))
	for m := range verbs {
		allowed = append(allowed, m)
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		act := verbs[r.Method]
		if act == nil {
			w.Header().Set("Allow", allow)
			writeError(w, refuse(http.StatusMethodNotAllowed, "%s %s: allowed are %s", r.Method, r.URL.Path, allow))
			return
		}
		status, body, err := act(w, r)
		switch {
		case err != nil:
			writeError(w, err)
		case body != nil:
			writeJSON(w, status, body)
		}
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

// writeError answers an error with its status, else 500.
func writeError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var api *apiError
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &api):
		status = api.status
	case errors.As(err, &big):
		status = http.StatusRequestEntityTooLarge
	}
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

func (p *Platform) getStatus(http.ResponseWriter, *http.Request) (int, any, error) {
	return http.StatusOK, p.Status(), nil
}

// postStop ends the platform; its process continues until everything is removed.
func (p *Platform) postStop(http.ResponseWriter, *http.Request) (int, any, error) {
	p.halt()
	return http.StatusAccepted, map[string]bool{"stopping": true}, nil
}

func (p *Platform) getServices(http.ResponseWriter, *http.Request) (int, any, error) {
	return http.StatusOK, map[string][]client.Service{"services": p.list()}, nil
}

func (p *Platform) getService(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	s, err := p.service(r.PathValue("service"))
	return http.StatusOK, s, err
}

func (p *Platform) putService(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var spec client.ServiceSpec
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&spec); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return 0, nil, fmt.Errorf("body over %d bytes: %w", maxControlBody, err)
		}
		if tooSlow(err) {
			w.Header().Set("Connection", "close")
			return 0, nil, refuse(http.StatusRequestTimeout,
				"the body did not arrive: send it at %d or more bytes a second", bodyMinSpeed)
		}
		return 0, nil, refuse(http.StatusBadRequest, "body: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return 0, nil, refuse(http.StatusBadRequest, "body: something follows the JSON object")
	}
	s, err := p.deploy(r.Context(), r.PathValue("service"), spec)
	return http.StatusOK, s, err
}

func (p *Platform) deleteService(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	name := r.PathValue("service")
	return http.StatusOK, map[string]string{"removed": name}, p.remove(r.Context(), name)
}

func (p *Platform) postRetire(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	f, err := p.function(r.PathValue("service"), r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	retired := f.retireAll()
	if r.URL.Query().Get("wait") == "true" {
		for _, in := range retired {
			select {
			case <-in.removed:
			case <-r.Context().Done():
				return 0, nil, fmt.Errorf("wait for the instances' end: %w", r.Context().Err())
			}
		}
	}
	return http.StatusOK, map[string]int{"retired": len(retired)}, nil
}

func (p *Platform) getLogs(w http.ResponseWriter, r *http.Request) (int, any, error) {
	f, err := p.function(r.PathValue("service"), r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	var offset int64
	if text := r.URL.Query().Get("offset"); text != "" {
		if offset, err = strconv.ParseInt(text, 10, 64); err != nil || offset < 0 {
			return 0, nil, refuse(http.StatusBadRequest, "offset %q is not a number of bytes", text)
		}
	}
	text, next, err := f.log.read(offset, maxLogPart)
	if err != nil {
		return 0, nil, fmt.Errorf("read log: %w", err)
	}
	if len(text) == maxLogPart { // whole lines only, so that a reader never sees a part of a character
		if end := bytes.LastIndexByte(text, '\n') + 1; end > 0 {
			next -= int64(len(text) - end)
			text = text[:end]
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Next-Offset", strconv.FormatInt(next, 10))
	_, _ = w.Write(text)
	return 0, nil, nil
}
