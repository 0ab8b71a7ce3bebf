package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// listenAt is where the server listens: LISTEN names another address than it should.
func listenAt(port string) string {
	if at := os.Getenv("LISTEN"); at != "" {
		return at
	}
	return ":" + port
}

// serve answers as a server on a port; ?status, ?size, ?exit, ?break and ?alloc (MiB) say how. ?together waits until as
// many requests wait so, ?signal for a SIGUSR1, ?hang for ever.
func serve(port string) {
	var together atomic.Int32
	signalled := make(chan os.Signal, 1)
	signal.Notify(signalled, syscall.SIGUSR1)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("hang") != "" {
			time.Sleep(time.Hour)
		}
		if q.Get("signal") != "" {
			<-signalled
		}
		if n, _ := strconv.Atoi(q.Get("together")); n > 0 {
			together.Add(1)
			for together.Load() < int32(n) {
				time.Sleep(time.Millisecond)
			}
		}
		if q.Get("exit") != "" {
			os.Exit(4)
		}
		if q.Get("break") != "" {
			panic(http.ErrAbortHandler)
		}
		mb, _ := strconv.Atoi(q.Get("alloc"))
		for range mb {
			hoard = append(hoard, bytes.Repeat([]byte{1}, 1<<20))
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Own", "yes")
		if status, _ := strconv.Atoi(q.Get("status")); status > 0 {
			w.WriteHeader(status)
		}
		if n, _ := strconv.Atoi(q.Get("size")); n > 0 {
			_, _ = w.Write(make([]byte, n))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"id": id, "n": count.Add(1), "method": r.Method,
			"path": r.URL.Path, "query": r.URL.RawQuery,
			"body": string(body), "header": r.Header.Get("X-Sent"), "service": os.Getenv("K_SERVICE"),
			"request": r.Header.Get("X-Request-Id")})
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(listenAt(port), nil))
	os.Exit(1)
}
