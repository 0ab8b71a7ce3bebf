package transfer

import (
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// faulty is a head that does one thing wrong, and counts its calls.
func faulty(t *testing.T, calls *atomic.Int64, do http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		do(w, r)
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// status answers a call with a gRPC status and nothing else.
func status(code, why string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", code)
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", why)
	}
}

// bothFiles reads the rows that 8 requests have in each of the two files.
func bothFiles(t *testing.T, fault, dir string) ([]sample.Sample, [][]string) {
	t.Helper()
	rows, torn, err := sample.ReadFile(filepath.Join(dir, study.LatenciesFile))
	if err != nil || torn != 0 || len(rows) != 8 {
		t.Fatalf("%s: %d rows, torn %d, %v", fault, len(rows), torn, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, sample.TransfersFile))
	if err != nil {
		t.Fatal(err)
	}
	transfers, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(transfers) != 9 {
		t.Fatalf("%s: %d lines of transfers, %v", fault, len(transfers), err)
	}
	return rows, transfers
}

// TestFaultsOfAHead: whatever a chain's head does, each request is a row of both files, and the run comes to its end.
// What is wrong is in the row's class; nothing is tried again, for a second attempt would be another measurement.
func TestFaultsOfAHead(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + closed.Addr().String()
	_ = closed.Close()
	var calls atomic.Int64
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	text := "[1620000000000 1620000000017]"
	whole := append([]byte{1<<3 | 2, byte(len(text))}, text...)
	message := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(whole))), whole...)
	reply := func(m []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
			_, _ = w.Write(m)
		}
	}
	var table strings.Builder
	for _, c := range []struct {
		fault string
		at    string
		class sample.Class
		code  string
	}{
		{"none", faulty(t, &calls, reply(message)), sample.OK, "200"},
		{"is gone", gone, sample.Connect, ""},
		{"hangs", faulty(t, &calls, func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-over:
			}
		}), sample.Timeout, ""},
		{"breaks off", faulty(t, &calls, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			_, _ = w.Write(message[:4])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}), sample.Reset, "200"},
		{"answers a web page", faulty(t, &calls, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>")
		}), sample.Protocol, "200"},
		{"throttles", faulty(t, &calls, status("8", "too many requests")), sample.HTTP4xx, "429"},
		{"lost its consumer", faulty(t, &calls, status("14", "function 1 of the chain")), sample.HTTP5xx, "503"},
		{"answers garbage", faulty(t, &calls, reply([]byte("garbage, and no message"))), sample.OK, "200"},
	} {
		s := chained(t, c.at)
		s.Endpoints = []study.Endpoint{{Function: "head", URL: c.at}, {Function: "next", URL: "http://next.example"}}
		s.Sub.DataTransferChainLength, s.Sub.TimeoutSeconds, s.Sub.Connections = 2, 2, probe.New
		calls.Store(0)
		result, err := measure(t.Context(), s)
		if err != nil || result.Rows != 8 {
			t.Fatalf("%s: %+v, %v", c.fault, result, err)
		}
		if n := calls.Load(); n != 8 && c.at != gone {
			t.Errorf("%s: %d calls for 8 rows", c.fault, n)
		}
		rows, transfers := bothFiles(t, c.fault, s.Dir)
		for i, r := range rows {
			if r.Err != c.class || c.code != "" && fmt.Sprint(r.Status) != c.code ||
				(r.Err == sample.OK) != (r.Latency >= 0) {
				t.Errorf("%s: row %+v", c.fault, r)
			}
			if told := strings.Join(transfers[i+1][3:len(transfers[i+1])-1], "") != ""; told != (c.fault == "none") {
				t.Errorf("%s: transfers %v", c.fault, transfers[i+1])
			}
		}
		fmt.Fprintf(&table, "| vhive | head %-18s | %-8s | %3s | 8 rows | not tried again | nothing to undo |\n",
			c.fault, c.class, c.code)
	}
	t.Log("\n" + table.String())
}
