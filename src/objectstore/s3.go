package objectstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

const (
	// defaultRegion is what S3 calls its first region, and most servers of S3 theirs.
	defaultRegion = "us-east-1"
	// attempts are how often a request is sent that the store asks to repeat, or that gets no answer.
	attempts = 3
)

// bucket is a bucket of S3.
type bucket struct {
	place  Place
	client minio.Core
}

var _ Store = (*bucket)(nil)

// newS3 opens a bucket. With the region given, the client never asks the service for it.
func newS3(at Place, u *url.URL, keys Keys, client *http.Client) (Store, error) {
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return nil, fail.Input("object store: %q has a path; the address of S3 is a host alone", at.Endpoint)
	}
	at.Region = cmp.Or(at.Region, defaultRegion)
	c, err := minio.NewCore(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(keys.ID, keys.Secret, keys.Session),
		Secure: u.Scheme == "https", Region: at.Region, Transport: client.Transport, MaxRetries: attempts,
	})
	if err != nil {
		return nil, fail.Input("object store at %s: %w", at.Endpoint, err)
	}
	return &bucket{place: at, client: *c}, nil
}

func (b *bucket) String() string { return b.place.String() }

func (b *bucket) Presign(key string, valid time.Duration) (Object, error) {
	none := context.Background() // nothing is sent
	put, err := b.client.PresignedPutObject(none, b.place.Bucket, key, valid)
	if err != nil {
		return Object{}, fmt.Errorf("sign a URL of %s in %v: %w", key, b, err)
	}
	get, err := b.client.PresignedGetObject(none, b.place.Bucket, key, valid, nil)
	if err != nil {
		return Object{}, fmt.Errorf("sign a URL of %s in %v: %w", key, b, err)
	}
	return Object{Key: key, PutURL: put.String(), GetURL: get.String()}, nil
}

func (b *bucket) Read(ctx context.Context, key string) (io.ReadCloser, error) {
	body, _, _, err := b.client.GetObject(ctx, b.place.Bucket, key, minio.GetObjectOptions{})
	return body, answer(err)
}

func (b *bucket) Keys(ctx context.Context, prefix string) ([]string, error) {
	var all []string
	for o := range b.client.ListObjectsIter(ctx, b.place.Bucket,
		minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, answer(o.Err)
		}
		all = append(all, o.Key)
	}
	return all, ctx.Err()
}

func (b *bucket) Delete(ctx context.Context, keys ...string) error {
	objects := func(yield func(minio.ObjectInfo) bool) {
		for _, key := range keys {
			if !yield(minio.ObjectInfo{Key: key}) {
				return
			}
		}
	}
	results, err := b.client.RemoveObjectsWithIter(ctx, b.place.Bucket, objects, minio.RemoveObjectsOptions{})
	if err != nil {
		return answer(err)
	}
	var errs []error
	done := map[string]bool{}
	for r := range results {
		if err := answer(r.Err); err != nil && !absent(err) {
			errs = append(errs, fmt.Errorf("%s: %w", r.ObjectName, err))
		}
		done[r.ObjectName] = true
	}
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return err
	}
	// The client takes a part of the answer's error codes for success and ends early at an answer that it cannot read.
	if slices.ContainsFunc(keys, func(key string) bool { return !done[key] }) {
		return fmt.Errorf("%v did not say that it has deleted all of %d objects", b, len(keys))
	}
	return nil
}

func (b *bucket) Exists(ctx context.Context) (bool, error) {
	there, err := b.client.BucketExists(ctx, b.place.Bucket)
	return there, answer(err)
}

func (b *bucket) Make(ctx context.Context) error {
	return answer(b.client.MakeBucket(ctx, b.place.Bucket, minio.MakeBucketOptions{Region: b.place.Region}))
}

func (b *bucket) Drop(ctx context.Context) error {
	err := answer(b.client.RemoveBucket(ctx, b.place.Bucket))
	if absent(err) {
		return nil
	}
	return err
}

// answer gives the error of an answer of S3 in the form of this package. Of a request without an answer, it leaves out
// the URL.
func answer(err error) error {
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		var request *url.Error
		if errors.As(err, &request) {
			return request.Err
		}
		return err
	}
	if r.StatusCode == 0 { // of one object among many, which the answer has no status for
		r.StatusCode = http.StatusInternalServerError
		if r.Code == minio.NoSuchKey || r.Code == minio.NoSuchBucket {
			r.StatusCode = http.StatusNotFound
		}
	}
	return &Error{Status: r.StatusCode, Code: r.Code, Text: r.Message}
}
