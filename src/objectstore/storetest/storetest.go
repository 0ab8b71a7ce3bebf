// Package storetest is a stand-in for an S3 service, for tests: buckets and objects in memory, and the faults that a
// test sets. It checks no signatures; the embedded store does.
package storetest

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/objectstore"
)

// Server is an S3 service in memory.
type Server struct {
	URL string

	mu      sync.Mutex
	buckets map[string]map[string][]byte
	delay   time.Duration
	fault   func(r *http.Request) Fault
}

// Fault is what the service does wrong with a request. The zero value is nothing.
type Fault struct {
	Status int  // answered in place of a success; 0: none
	Cut    bool // a body ends in the middle
}

// Start starts a service that lasts as long as the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{buckets: map[string]map[string][]byte{}}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Delay has the service wait before each answer.
func (s *Server) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Break sets what the service does wrong; nil: nothing.
func (s *Server) Break(fault func(r *http.Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Bucket makes a bucket and gives its store.
func (s *Server) Bucket(t testing.TB, name string) objectstore.Store {
	t.Helper()
	store, err := objectstore.Open(objectstore.Place{Endpoint: s.URL, Bucket: name}, Keys(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

// Keys are some that the service takes.
func Keys() objectstore.Keys { return objectstore.Keys{ID: "test", Secret: "secret of test"} }

// Put makes an object.
func (s *Server) Put(bucket, key, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[bucket][key] = []byte(content)
}

// Left lists all that is there: buckets, and objects as bucket/key.
func (s *Server) Left() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for bucket, objects := range s.buckets {
		all = append(all, bucket)
		for key := range objects {
			all = append(all, bucket+"/"+key)
		}
	}
	slices.Sort(all)
	return all
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was cut off: nothing is kept
	}
	s.mu.Lock()
	delay, fault := s.delay, Fault{}
	if s.fault != nil {
		fault = s.fault(r)
	}
	s.mu.Unlock()
	time.Sleep(delay)
	if fault.Status != 0 {
		answer(w, fault.Status, "Broken")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	bucket, key, object := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if objects := s.buckets[bucket]; object && key != "" {
		s.object(w, r, objects, key, body, fault.Cut)
		return
	}
	s.bucket(w, r, bucket, body)
}

func (*Server) object(w http.ResponseWriter, r *http.Request, objects map[string][]byte, key string, body []byte,
	cut bool) {
	content, there := objects[key]
	switch {
	case objects == nil:
		answer(w, http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodPut:
		objects[key] = body
		w.Header().Set("ETag", `"0"`)
	case !there:
		answer(w, http.StatusNotFound, "NoSuchKey")
	case r.Method == http.MethodDelete:
		delete(objects, key)
		w.WriteHeader(http.StatusNoContent)
	case cut:
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:len(content)/2])
	default:
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write(content)
	}
}

func (s *Server) bucket(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	objects, there := s.buckets[name]
	switch {
	case r.Method == http.MethodPut && there:
		answer(w, http.StatusConflict, "BucketAlreadyOwnedByYou")
	case r.Method == http.MethodPut:
		s.buckets[name] = map[string][]byte{}
	case !there:
		answer(w, http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodHead:
	case r.Method == http.MethodDelete && len(objects) > 0:
		answer(w, http.StatusConflict, "BucketNotEmpty")
	case r.Method == http.MethodDelete:
		delete(s.buckets, name)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost && r.URL.Query().Has("delete"):
		deleteMany(w, objects, body)
	case r.Method == http.MethodGet:
		list(w, objects, r.URL.Query().Get("prefix"))
	default:
		answer(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func deleteMany(w http.ResponseWriter, objects map[string][]byte, body []byte) {
	type object struct{ Key string }
	var asked struct{ Object []object }
	if err := xml.Unmarshal(body, &asked); err != nil {
		answer(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	for _, o := range asked.Object {
		delete(objects, o.Key)
	}
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Deleted []object
	}{Deleted: asked.Object})
}

// list gives all keys on one page: pages are tested with the embedded store.
func list(w http.ResponseWriter, objects map[string][]byte, prefix string) {
	type object struct{ Key, LastModified string }
	var all []object
	for key := range objects {
		if strings.HasPrefix(key, prefix) {
			all = append(all, object{key, "2026-11-21T01:02:03Z"})
		}
	}
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}{Contents: all})
}

// answer gives an error as S3 has it.
func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}
