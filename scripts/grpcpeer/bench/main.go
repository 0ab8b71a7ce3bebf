// Benchpeers sends bursts the way the original tool does, for `make bench` to compare with: a goroutine for each
// request, all over net/http's default transport (two idle connections a host), GET, the body read to its end; over
// gRPC a dial for each request.
//
//	benchpeers -protocol http1|h2|h2c|grpc -url URL -n 1000 -bursts 6 -gap 300ms
//
// Standard output is CSV: start of the call in ns, latency in ns (from there to the end of the body), the RequestID of
// the answer.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// call makes one request and answers the RequestID.
type call func(ctx context.Context) (string, error)

type row struct {
	start   time.Time
	latency time.Duration
	id      string
	err     error
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "benchpeers:", err)
		os.Exit(1)
	}
}

func run() error {
	url := flag.String("url", "", "what to call; for grpc host:port")
	protocol := flag.String("protocol", "http1", "http1, h2, h2c or grpc")
	n := flag.Int("n", 1, "requests in a burst")
	bursts := flag.Int("bursts", 1, "bursts")
	gap := flag.Duration("gap", 300*time.Millisecond, "pause between bursts")
	sustain := flag.Duration("sustain", 0, "in place of bursts: n goroutines that call again and again for this long")
	flag.Parse()
	do := over(*protocol, *url)
	if *sustain > 0 {
		return load(do, *n, *sustain)
	}
	var rows []row
	for b := range *bursts {
		if b > 0 {
			time.Sleep(*gap)
		}
		rows = append(rows, burst(do, *n)...)
	}
	return write(rows)
}

func over(protocol, url string) call {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	switch protocol {
	case "grpc":
		return dialPerRequest(url)
	case "http1":
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetHTTP1(true)
	case "h2c":
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	client := &http.Client{Transport: transport}
	return func(ctx context.Context) (string, error) { return get(ctx, client, url) }
}

func get(ctx context.Context, client *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
	return string(body), nil
}

// burst is the original's loop: nothing holds the goroutines back until all of them stand.
func burst(do call, n int) []row {
	rows := make([]row, n)
	var all sync.WaitGroup
	for i := range n {
		all.Add(1)
		go func() {
			defer all.Done()
			start := time.Now()
			body, err := do(context.Background())
			rows[i] = row{start, time.Since(start), body, err}
		}()
	}
	all.Wait()
	return rows
}

// load calls as fast as answers come and prints how many calls a second that made.
func load(do call, n int, length time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var done atomic.Int64
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := do(ctx); err == nil {
					done.Add(1)
				}
			}
		})
	}
	all.Wait()
	fmt.Printf("%.0f requests/s\n", float64(done.Load())/length.Seconds())
	return nil
}

func write(rows []row) error {
	out := bufio.NewWriter(os.Stdout)
	failed, began := 0, rows[0].start // some are before it: only their order counts
	for _, r := range rows {
		if r.err != nil {
			if failed++; failed == 1 {
				fmt.Fprintln(os.Stderr, "benchpeers:", r.err)
			}
			continue
		}
		var said struct{ RequestID string }
		_ = json.Unmarshal([]byte(r.id), &said) // over gRPC there is none
		fmt.Fprintf(out, "%d,%d,%s\n", r.start.Sub(began).Nanoseconds(), r.latency.Nanoseconds(), said.RequestID)
	}
	if failed > 0 {
		fmt.Fprintf(os.Stderr, "benchpeers: %d of %d requests failed\n", failed, len(rows))
	}
	return out.Flush()
}
