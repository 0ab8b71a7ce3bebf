//go:build linux

// Benchserver is the server of `make bench`: it answers every request after a fixed time and stamps when each arrived
// and when its answer had been written, so that the clients of the bench are judged by what the server saw of them.
//
// It speaks HTTP/1.1, HTTP/2 and gRPC in the clear on one thread over epoll, and HTTP/1.1 and HTTP/2 over TLS. The
// ports are printed as one line of JSON; a control port serves GET /reset, /stats (JSON) and /rows (CSV). It ends when
// its standard input does, so it never outlives the bench.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// ports is the line of JSON on standard output.
type ports struct {
	HTTP1   int `json:"http1"`
	H2C     int `json:"h2c"`
	GRPC    int `json:"grpc"`
	TLS     int `json:"tls"` // HTTP/1.1 alone
	H2      int `json:"h2"`
	Control int `json:"control"`
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "benchserver:", err)
		os.Exit(1)
	}
}

func serve() error {
	dir := flag.String("dir", ".", "folder that cert.pem is written to")
	delay := flag.Duration("delay", 100*time.Millisecond, "time that a request takes")
	flag.Parse()
	// Garbage is collected between the clients (GET /reset), not within a burst.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(2 << 30)

	book, ids, failed := newLedger(), &atomic.Int32{}, make(chan error, 4)
	loop, err := newLoop(book, *delay, ids)
	if err != nil {
		return err
	}
	var out ports
	for _, p := range []struct {
		port *int
		what protocol
	}{{&out.HTTP1, http1}, {&out.H2C, http2}, {&out.GRPC, grpc}} {
		if *p.port, err = loop.listen(p.what); err != nil {
			return err
		}
	}
	cert, err := certificate(*dir)
	if err != nil {
		return err
	}
	tlsSide := &secure{book, *delay, ids}
	for _, p := range []struct {
		port *int
		alpn []string
	}{{&out.TLS, []string{"http/1.1"}}, {&out.H2, []string{"h2", "http/1.1"}}} {
		ln, err := tls.Listen("tcp", "127.0.0.1:0", tlsConfig(cert, p.alpn))
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		*p.port = ln.Addr().(*net.TCPAddr).Port
		go func() { failed <- tlsSide.serve(ln) }()
	}
	if out.Control, err = control(book, failed); err != nil {
		return err
	}
	line, err := json.Marshal(out)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	go func() { failed <- loop.run() }()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		failed <- nil
	}()
	return <-failed
}

// control serves the stamps; it is asked only while no client is running.
func control(book *ledger, failed chan<- error) (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /reset", func(w http.ResponseWriter, _ *http.Request) {
		book.reset()
		runtime.GC()
		_, _ = io.WriteString(w, "{}\n")
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(book.stats())
	})
	mux.HandleFunc("GET /rows", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		_, _ = w.Write(book.csv())
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { failed <- server.Serve(ln) }()
	return ln.Addr().(*net.TCPAddr).Port, nil
}
