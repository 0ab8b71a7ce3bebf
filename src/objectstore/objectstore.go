// Package objectstore is what runs need of an object store: a bucket, presigned URLs of its objects, and the removal of
// what a run put there. Two protocols are behind one interface: S3 and Azure Blob Storage. Package
// objectstore/embedded is a server of S3 on this machine.
package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Protocols of object stores.
const (
	S3        = "s3"
	AzureBlob = "azure-blob"
)

// LongestValid is how long a presigned URL of S3 is valid at most (Signature Version 4).
const LongestValid = 7 * 24 * time.Hour

// Place is where a bucket is. It holds no secret.
type Place struct {
	Protocol string // S3 or AzureBlob; empty: S3
	Endpoint string // http or https URL of the service
	Region   string // of the bucket; empty: the service is asked
	Bucket   string
}

func (p Place) String() string { return "bucket " + p.Bucket + " at " + p.Endpoint }

// Keys are the credentials for a store: of S3 an access key, of Azure Blob Storage an account and its key in base64.
type Keys struct {
	ID, Secret string
	Session    string // session token of temporary S3 keys; empty: the keys are permanent
}

// Object is one object with the URLs by which functions write and read it. Whoever has a URL needs no credentials.
type Object struct {
	Key       string
	PutURL    string      // takes the whole object; the request has to have a Content-Length
	GetURL    string      // gives it, or a range of it
	PutHeader http.Header // what a request to PutURL has to carry beside; nil: nothing
}

// Store is one bucket of an object store. A method's error is an *Error where the store has answered. Stores are safe
// for concurrent use.
type Store interface {
	fmt.Stringer // bucket and address

	// Presign makes the URLs of a key. It sends no request. Validity is at least a second and at most LongestValid.
	Presign(key string, valid time.Duration) (Object, error)
	// Read gives the content of an object. The reader ends in an error where the content is cut off.
	Read(ctx context.Context, key string) (io.ReadCloser, error)
	// Keys are those that begin with a prefix, in no order.
	Keys(ctx context.Context, prefix string) ([]string, error)
	// Delete removes objects. That one is not there is success.
	Delete(ctx context.Context, keys ...string) error
	// Exists reports whether the bucket is there and the credentials are allowed to see it.
	Exists(ctx context.Context) (bool, error)
	// Make makes the bucket. That it is there already is an error.
	Make(ctx context.Context) error
	// Drop removes the empty bucket. That it is not there is success.
	Drop(ctx context.Context) error
}

// Error is an answer of an object store that is no success.
type Error struct {
	Status int    // HTTP status
	Code   string // the store's error code, such as NoSuchKey; may be empty
	Text   string
}

func (e *Error) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("HTTP status %d %s: %s", e.Status, e.Code, e.Text), ": ")
}

// absent reports whether an error says that the object or the bucket is not there.
func absent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// Open gives the store of a place. client sends the requests; nil: one that verifies certificates. Open sends none.
func Open(at Place, keys Keys, client *http.Client) (Store, error) {
	u, err := url.Parse(at.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fail.Input("object store: %q is not an http or https URL", at.Endpoint)
	}
	if at.Bucket == "" {
		return nil, fail.Input("object store at %s: no bucket is named", at.Endpoint)
	}
	if keys.ID == "" || keys.Secret == "" {
		return nil, fail.Input("object store at %s: no credentials", at.Endpoint)
	}
	if client == nil {
		client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	if at.Protocol == AzureBlob {
		return newBlobs(at, u, keys, client)
	}
	return newS3(at, u, keys, client)
}

// ProtocolOf gives the protocol of the store at an address: hosts of Azure Blob Storage are <account>.blob.<suffix>.
func ProtocolOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err == nil {
		if _, rest, found := strings.Cut(u.Hostname(), "."); found && strings.HasPrefix(rest, "blob.") {
			return AzureBlob
		}
	}
	return S3
}

// Empty deletes all objects whose keys begin with a prefix, and returns how many there were. It returns when none is
// listed any more. An empty prefix is refused: a bucket may hold objects of others.
func Empty(ctx context.Context, s Store, prefix string) (int, error) {
	if prefix == "" {
		return 0, fail.Input("object store: no prefix of the objects to delete")
	}
	deleted := 0
	for {
		keys, err := s.Keys(ctx, prefix)
		if absent(err) {
			return deleted, nil
		}
		if err != nil {
			return deleted, fmt.Errorf("list the objects below %s in %v: %w", prefix, s, err)
		}
		if len(keys) == 0 {
			return deleted, nil
		}
		for _, key := range keys {
			if !strings.HasPrefix(key, prefix) {
				return deleted, fmt.Errorf("%v lists %q where it was asked for keys below %s", s, key, prefix)
			}
		}
		if err := s.Delete(ctx, keys...); err != nil {
			return deleted, fmt.Errorf("delete the objects below %s in %v: %w", prefix, s, err)
		}
		deleted += len(keys)
	}
}
