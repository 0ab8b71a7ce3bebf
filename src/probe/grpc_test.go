package probe

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// reply is a message with its prefix that holds one text.
func reply(number uint64, text string) []byte {
	m := binary.AppendUvarint(binary.AppendUvarint(nil, number<<3|2), uint64(len(text)))
	m = append(m, text...)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

// TestGRPC: calls carry the parameters as the functions' contract has them, and answers become rows. The real gRPC
// library answers in the benchmark's server; here the bytes are looked at.
func TestGRPC(t *testing.T) {
	for _, c := range []struct {
		name    string
		path    string
		trailer string
		class   sample.Class
		status  int
	}{
		{"answers", "", "0", sample.OK, 200},
		{"a method of its own", "/x.Y/Z", "0", sample.OK, 200},
		{"unavailable", "", "14", sample.HTTP5xx, 503},
		{"unauthenticated", "", "16", sample.HTTP4xx, 401},
		{"too late", "", "4", sample.Timeout, 504},
		{"no status", "", "", sample.Protocol, 200},
		{"a status that there is not", "", "99", sample.Protocol, 200},
	} {
		for _, connections := range []string{Shared, Reuse, New} {
			t.Run(c.name+", "+connections, func(t *testing.T) {
				at, _, _ := serveH2(t, false, 250, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					asked := fmt.Sprintf("%s %s %s %s %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"),
						r.Header.Get("Te"), body)
					method := callMethod
					if c.path != "" {
						method = c.path
					}
					if want := fmt.Sprintf("POST %s application/grpc trailers %q", method,
						"\x00\x00\x00\x00\x08\x0a\x0242\x1a\x0264"); asked != want {
						t.Errorf("asked %s, want %s", asked, want)
					}
					w.Header().Set("Trailer", "Grpc-Status")
					w.Header().Set("Content-Type", "application/grpc")
					_, _ = w.Write(reply(1, "[1620000000000 1620000000017]"))
					if c.trailer != "" {
						w.Header().Set("Grpc-Status", c.trailer)
					}
				})
				var b book
				cfg := config(&b, at+c.path)
				cfg.Protocol, cfg.Connections = GRPC, connections
				cfg.Query = func(int) url.Values {
					return url.Values{"IncrementLimit": {"42"},
						"PayloadLengthBytes": {"64"}}
				}
				if _, err := Run(t.Context(), cfg); err != nil {
					t.Fatal(err)
				}
				checkRows(t, b.rows)
				first := time.UnixMilli(1620000000000).UTC()
				for _, r := range b.rows {
					if r.Err != c.class || r.Status != c.status || !r.FnReceived.Equal(first) {
						t.Fatalf("row %+v", r)
					}
				}
			})
		}
	}
}
