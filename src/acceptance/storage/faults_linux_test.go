package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// fault is what goes wrong with the requests of a sub-experiment: by their method, before they reach the store.
type fault struct {
	title string
	does  func(f *faulty, w http.ResponseWriter, r *http.Request)
	class sample.Class
}

// faults are those of the sub-experiments, by their index.
func faults() []fault {
	on := func(method string, does func(f *faulty, w http.ResponseWriter, r *http.Request)) func(*faulty,
		http.ResponseWriter, *http.Request) {
		return func(f *faulty, w http.ResponseWriter, r *http.Request) {
			if r.Method == method {
				does(f, w, r)
				return
			}
			f.store.ServeHTTP(w, r)
		}
	}
	status := func(code int) func(*faulty, http.ResponseWriter, *http.Request) {
		return func(_ *faulty, w http.ResponseWriter, _ *http.Request) { http.Error(w, "Broken", code) }
	}
	return []fault{
		{"none", func(f *faulty, w http.ResponseWriter, r *http.Request) { f.store.ServeHTTP(w, r) }, sample.OK},
		{"slow", func(f *faulty, w http.ResponseWriter, r *http.Request) {
			time.Sleep(slowBy)
			f.store.ServeHTTP(w, r)
		}, sample.OK},
		{"fails", on(http.MethodPut, status(http.StatusInternalServerError)), sample.Payload},
		{"denies", on(http.MethodGet, status(http.StatusForbidden)), sample.Payload},
		{"truncates", on(http.MethodGet, (*faulty).truncate), sample.Payload},
		{"vanishes", on(http.MethodGet, (*faulty).vanish), sample.Payload},
		{"expires", on(http.MethodGet, (*faulty).expire), sample.Payload},
		{"crashes", on(http.MethodGet, (*faulty).crash), sample.HTTP5xx},
	}
}

const slowBy = 50 * time.Millisecond

// faulty stands between functions and a store, and does what the sub-experiment of a key asks for, to the first burst.
type faulty struct {
	t       *testing.T
	store   http.Handler
	old     string // a presigned URL that is valid for a second
	expired atomic.Int64
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// /<bucket>/<run>/<sub-experiment>/<burst>-<slot>-<request>-<hop>
	if parts := strings.Split(r.URL.Path, "/"); len(parts) == 5 && strings.HasPrefix(parts[4], "0-") {
		if sub, err := strconv.Atoi(parts[3]); err == nil {
			faults()[sub].does(f, w, r)
			return
		}
	}
	f.store.ServeHTTP(w, r)
}

func (f *faulty) truncate(w http.ResponseWriter, r *http.Request) {
	whole := httptest.NewRecorder()
	f.store.ServeHTTP(whole, r)
	w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
}

func (*faulty) vanish(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// expire asks the store with a URL whose time is over, waits until the store says so, and answers what it answers.
func (f *faulty) expire(w http.ResponseWriter, r *http.Request) {
	var status int
	var said []byte
	for {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, f.old, nil)
		if err != nil {
			f.t.Error(err)
			return
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			f.t.Error(err)
			return
		}
		said, _ = io.ReadAll(resp.Body)
		resp.Body.Close() //nolint:errcheck // read to its end
		status = resp.StatusCode
		if status == http.StatusForbidden && bytes.Contains(said, []byte("Request has expired")) {
			f.expired.Add(1)
			break
		}
		time.Sleep(10 * time.Millisecond) // its time is whole seconds from the start of one
	}
	w.WriteHeader(status)
	_, _ = w.Write(said)
}

// crash kills the function that reads the payload: the process at the other end of the connection.
func (f *faulty) crash(_ http.ResponseWriter, r *http.Request) {
	if pid, found := processOf(f.t, r.RemoteAddr); found {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			f.t.Errorf("kill the consumer, process %d: %v", pid, err)
		}
	}
	panic(http.ErrAbortHandler)
}

// processOf is the process that has a connection with that local address on the loopback interface (proc_pid_net(5)).
func processOf(t *testing.T, address string) (pid int, found bool) {
	t.Helper()
	_, port, _ := net.SplitHostPort(address)
	number, err := strconv.Atoi(port)
	table, errTable := os.ReadFile("/proc/net/tcp")
	if err := errors.Join(err, errTable); err != nil {
		t.Error(err)
		return 0, false
	}
	socket := ""
	for line := range strings.Lines(string(table)) {
		if cells := strings.Fields(line); len(cells) > 9 && cells[1] == fmt.Sprintf("0100007F:%04X", number) {
			socket = "socket:[" + cells[9] + "]"
		}
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if to, err := os.Readlink(file); err == nil && to == socket {
			pid, err := strconv.Atoi(strings.Split(file, "/")[2])
			return pid, err == nil && pid > 1 && pid != os.Getpid()
		}
	}
	t.Errorf("no process has %s, %q", address, socket)
	return 0, false
}

// TestFaultsOfAStore: one run in which the first burst of each sub-experiment meets another fault. Its row has the
// fault's class, all other rows are good, and nothing is left in the store.
func TestFaultsOfAStore(t *testing.T) {
	l, s := started(t)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	// Signatures cover the host that the client names.
	f := &faulty{t: t, store: &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(at)
		p.Out.Host = p.In.Host
	}}}
	between := httptest.NewServer(f)
	t.Cleanup(between.Close)
	old, err := s.open(t, "any").Presign("any", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	f.old = old.GetURL
	var subs []string
	for _, one := range faults() {
		subs = append(subs, fmt.Sprintf(`{"Title": %q, "Runtime": "go", "DataTransferChainLength": 2, "Bursts": 2,
			"StorageTransfer": true, "PayloadLengthBytes": 100000, "MaxErrorRatio": 1}`, one.title))
	}
	l.Write("exp.json", fmt.Sprintf(`{"Provider": "local", "Storage": {"Endpoint": %q, "Region": %q},
		"SubExperiments": [%s]}`, between.URL, s.Region, strings.Join(subs, ",")))
	l.Set("STELLAR_STORAGE_KEY_ID=" + s.AccessKeyID)
	l.Set("STELLAR_STORAGE_SECRET=" + s.SecretAccessKey)
	l.Stellar(0, "-c", "exp.json", "-o", "out", "--yes")
	for i, one := range faults() {
		rows, torn, err := sample.ReadFile(filepath.Join(folder(t, l, i), "latencies.csv"))
		if err != nil || torn != 0 || len(rows) != 2 {
			t.Errorf("%s: %d rows, torn %d, %v", one.title, len(rows), torn, err)
		}
		for k, want := range []sample.Class{one.class, sample.OK} {
			if k < len(rows) && rows[k].Err != want {
				t.Errorf("%s: row %d has the class %q, want %q", one.title, k, rows[k].Err, want)
			}
		}
	}
	if f.expired.Load() != 1 {
		t.Errorf("the store said %d times that a URL has expired", f.expired.Load())
	}
	checkSlow(t, l)
	if left, err := filepath.Glob(filepath.Join(s.Dir, "data", "[^.]*")); err != nil || len(left) > 0 {
		t.Errorf("left in the store: %v, %v", left, err)
	}
}

// folder is that of a sub-experiment of the lab's run.
func folder(t *testing.T, l *lab.Lab, sub int) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(l.Dir, "out", "2*", fmt.Sprintf("%d-*", sub)))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	return dirs[0]
}

// checkSlow checks that the delays are in the operations of the slow store.
func checkSlow(t *testing.T, l *lab.Lab) {
	t.Helper()
	rows, err := sample.ReadTransfers(folder(t, l, 1), 2)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if h := rows[0].Hops[0]; h.Put < slowBy || h.FirstByte < slowBy {
		t.Errorf("a store that is slow by %s: put %s, first byte %s", slowBy, h.Put, h.FirstByte)
	}
}
