package objectstore

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// container is a stand-in for a container of Blob Storage, with lists of two names a page. It wants each request to be
// signed, and does not check with what: TestSignaturesOfAzure does.
type container struct {
	mu    sync.Mutex
	there bool
	blobs map[string]string
}

func (c *container) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	q := r.URL.Query()
	key, isBlob := strings.CutPrefix(r.URL.Path, "/c/")
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "\ufeff"+`<?xml version="1.0" encoding="utf-8"?>`+ // the service's answers begin so
			"<Error><Code>%s</Code><Message>In words.\nRequestId:1</Message></Error>", code)
	}
	_, exists := c.blobs[key]
	switch {
	case q.Get("sig") == "" || q.Get("se") == "":
		refuse(http.StatusForbidden, "AuthenticationFailed")
	case !isBlob && r.Method == http.MethodPut && !c.there:
		c.there = true
		w.WriteHeader(http.StatusCreated)
	case !isBlob && r.Method == http.MethodPut:
		refuse(http.StatusConflict, "ContainerAlreadyExists")
	case !c.there:
		refuse(http.StatusNotFound, "ContainerNotFound")
	case !isBlob && r.Method == http.MethodDelete:
		c.there = false
		w.WriteHeader(http.StatusAccepted)
	case !isBlob && q.Get("comp") == "list":
		c.list(w, q.Get("prefix"), q.Get("marker"))
	case !isBlob:
	case r.Method == http.MethodPut && r.Header.Get("x-ms-blob-type") != "BlockBlob":
		refuse(http.StatusBadRequest, "MissingRequiredHeader")
	case r.Method == http.MethodPut:
		c.blobs[key] = string(body)
		w.WriteHeader(http.StatusCreated)
	case !exists:
		refuse(http.StatusNotFound, "BlobNotFound")
	case r.Method == http.MethodDelete:
		delete(c.blobs, key)
		w.WriteHeader(http.StatusAccepted)
	default:
		_, _ = io.WriteString(w, c.blobs[key])
	}
}

// list gives two names behind a marker.
func (c *container) list(w io.Writer, prefix, marker string) {
	var names []string
	for name := range c.blobs {
		if strings.HasPrefix(name, prefix) && name > marker {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	next := ""
	if len(names) > 2 {
		names, next = names[:2], names[1]
	}
	fmt.Fprint(w, "<EnumerationResults><Blobs>")
	for _, name := range names {
		fmt.Fprintf(w, "<Blob><Name>%s</Name><Properties/></Blob>", name)
	}
	fmt.Fprintf(w, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", next)
}

// TestBlobStorage goes through a run's use of a container: made, written through signed URLs, read, listed over several
// pages, emptied and removed, twice.
func TestBlobStorage(t *testing.T) {
	c := &container{blobs: map[string]string{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	ctx := t.Context()
	s, err := Open(Place{Protocol: AzureBlob, Endpoint: server.URL, Bucket: "c"}, Keys{ID: "a", Secret: "c2VjcmV0"},
		nil)
	if err != nil {
		t.Fatal(err)
	}
	if there, err := s.Exists(ctx); err != nil || there {
		t.Errorf("before it is made: %t, %v", there, err)
	}
	if err := s.Make(ctx); err != nil {
		t.Fatal(err)
	}
	var again *Error
	if err := s.Make(ctx); !errors.As(err, &again) || again.Status != http.StatusConflict ||
		again.Code != "ContainerAlreadyExists" || again.Text != "In words." {
		t.Errorf("made twice: %v", err)
	}
	if there, err := s.Exists(ctx); err != nil || !there {
		t.Errorf("after it is made: %t, %v", there, err)
	}
	for i := range 5 {
		o, err := AreaOf(s, "run").Object(fmt.Sprintf("0/%d", i), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, o.PutURL, strings.NewReader(o.Key))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = o.PutHeader
		resp, err := server.Client().Do(req)
		if err != nil || resp.StatusCode != http.StatusCreated {
			t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
		r, err := AreaOf(s, "run").Read(ctx, fmt.Sprintf("0/%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || string(text) != o.Key {
			t.Errorf("read %q, %v", text, err)
		}
	}
	c.blobs["other/1"] = "kept"
	if n, err := Empty(ctx, s, "run/"); n != 5 || err != nil || len(c.blobs) != 1 {
		t.Errorf("deleted %d, %v; left %v", n, err, c.blobs)
	}
	if _, err := s.Read(ctx, "run/0/1"); !absent(err) {
		t.Errorf("a blob that is not there: %v", err)
	}
	if err := errors.Join(s.Delete(ctx, "run/0/1"), s.Drop(ctx), s.Drop(ctx)); err != nil {
		t.Error(err)
	}
	if n, err := Empty(ctx, s, "run/"); n != 0 || err != nil {
		t.Errorf("of a container that is not there: %d, %v", n, err)
	}
	if _, err := Empty(ctx, s, ""); err == nil {
		t.Error("an empty prefix deletes all that is there")
	}
}
