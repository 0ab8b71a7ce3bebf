package conformance

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
)

// checkChain: the plain function hands a payload of any bytes on to the filled one, inline and through a store.
// Functions of the platform reach this machine's loopback address.
func checkChain(t *testing.T, f *Target) {
	const size = 100_001
	chain, err := json.Marshal([]string{f.Functions[Filled].Endpoint.URL})
	if err != nil {
		t.Fatal(err)
	}
	var objects sync.Map // by path
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			body, _ := io.ReadAll(r.Body)
			objects.Store(r.URL.Path, body)
			return
		}
		body, _ := objects.Load(r.URL.Path)
		content, _ := body.([]byte)
		_, _ = w.Write(content)
	}))
	defer store.Close()
	at := store.URL + "/object?signature=s"
	stored, err := json.Marshal(map[string]any{"Objects": []map[string]string{{"Put": at, "Get": at}}})
	if err != nil {
		t.Fatal(err)
	}
	for body, storage := range map[string]bool{"": false, string(stored): true} {
		q := url.Values{"PayloadLengthBytes": {strconv.Itoa(size)}, "Chain": {string(chain)},
			"StorageTransfer": {strconv.FormatBool(storage)}}
		r, err := f.Ask(t.Context(), Plain, f.Token, q, body)
		var a struct {
			TimestampChain []string
			PayloadBytes   int64
			PayloadSHA256  string
			Hops           []struct {
				SentAt, ReceivedAt, SHA256 string
				Bytes, PutNs, GetNs        int64
			}
		}
		if err != nil || r.Status != http.StatusOK || json.Unmarshal([]byte(r.Body), &a) != nil || len(a.Hops) != 1 {
			t.Errorf("storage %t: %v, status %d, %s", storage, err, r.Status, r.Body)
			continue
		}
		h := a.Hops[0]
		if len(a.TimestampChain) != 2 || a.PayloadBytes != size || h.Bytes != size || len(h.SHA256) != 64 ||
			h.SHA256 != a.PayloadSHA256 || Stamp(t, h.SentAt).After(Stamp(t, h.ReceivedAt).Add(tick)) ||
			(h.PutNs > 0 && h.GetNs > 0) != storage {
			t.Errorf("storage %t: %s", storage, r.Body)
		}
	}
	if _, there := objects.Load("/object"); !there {
		t.Error("nothing was written into the store")
	}
}
