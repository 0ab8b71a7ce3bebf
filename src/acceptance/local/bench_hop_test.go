package local_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"
)

// BenchmarkHop compares a hop between two functions with a bare POST of as many bytes to the second of them, one after
// the other. Both take from the sender's first step until the function has the whole payload; all have one clock. The
// functions are processes that serve HTTP (direct), or behind the local platform's gateway (platform).
func BenchmarkHop(b *testing.B) {
	for _, way := range []struct {
		name  string
		start func(b *testing.B) (first, second string)
		sizes []int
	}{
		{"direct", func(b *testing.B) (string, string) {
			program := buildFunction(b)
			return onNetHTTP(b, program), onNetHTTP(b, program)
		}, []int{0, 1 << 10, 1 << 20, 16 << 20}},
		{"platform", func(b *testing.B) (string, string) {
			urls := onPlatform(b, 600, "f", "g")
			return urls[0], urls[1]
		}, []int{0, 1 << 10, 1 << 20, 4 << 20}},
	} {
		b.Run(way.name, func(b *testing.B) {
			first, second := way.start(b)
			for _, size := range way.sizes {
				b.Run(strconv.Itoa(size), func(b *testing.B) { compareHop(b, first, second, size) })
			}
		})
	}
}

// compareHop reports the medians of hops and of bare POSTs.
func compareHop(b *testing.B, first, second string, size int) {
	b.Helper()
	bare := newPoster(b, second, size)
	chain, err := json.Marshal([]string{second})
	if err != nil {
		b.Fatal(err)
	}
	ask := first + "?" + url.Values{"PayloadLengthBytes": {strconv.Itoa(size)}, "Chain": {string(chain)}}.Encode()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var posts, hops []time.Duration
	for b.Loop() {
		posts = append(posts, bare.post(b))
		resp, err := client.Get(ask)
		if err != nil {
			b.Fatal(err)
		}
		var a struct {
			Hops []struct{ SentAt, ReceivedAt string }
		}
		err = json.NewDecoder(resp.Body).Decode(&a)
		resp.Body.Close()
		if err != nil || len(a.Hops) != 1 {
			b.Fatal(resp.Status, err, a)
		}
		hops = append(hops, instant(b, a.Hops[0].ReceivedAt).Sub(instant(b, a.Hops[0].SentAt)))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(posts).Nanoseconds()), "post-ns")
	b.ReportMetric(float64(median(hops).Nanoseconds()), "hop-ns")
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

// instant reads Unix nanoseconds.
func instant(b *testing.B, text string) time.Time {
	b.Helper()
	ns, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Unix(0, ns)
}

// poster sends one request again and again with Go's own HTTP client, as it is.
type poster struct {
	client  *http.Client
	url     string
	payload []byte
}

func newPoster(b *testing.B, to string, size int) *poster {
	b.Helper()
	p := &poster{client: &http.Client{Transport: &http.Transport{}}, payload: make([]byte, size)}
	b.Cleanup(p.client.CloseIdleConnections)
	sum := sha256.Sum256(p.payload)
	p.url = to + "?" + url.Values{"PayloadSHA256": {hex.EncodeToString(sum[:])},
		"PayloadLengthBytes": {strconv.Itoa(size)}}.Encode()
	return p
}

// post sends the request, and says how long it took until the function had it all.
func (p *poster) post(b *testing.B) time.Duration {
	b.Helper()
	begun := time.Now()
	resp, err := p.client.Post(p.url, "application/octet-stream", bytes.NewReader(p.payload))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	var a struct {
		ReceivedAt   string
		PayloadBytes int
	}
	err = json.NewDecoder(resp.Body).Decode(&a)
	if err != nil || resp.StatusCode != http.StatusOK || a.PayloadBytes != len(p.payload) {
		b.Fatal(resp.Status, err, a)
	}
	return instant(b, a.ReceivedAt).Sub(begun)
}
