package objectstore

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// blobs is a container of Azure Blob Storage:
// https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
type blobs struct {
	place    Place
	endpoint *url.URL
	keys     sasKeys
	client   *http.Client
}

var _ Store = (*blobs)(nil)

func newBlobs(at Place, u *url.URL, keys Keys, client *http.Client) (Store, error) {
	signer, err := newSAS(keys)
	if err != nil {
		return nil, fail.Input("object store at %s: %w", at.Endpoint, err)
	}
	return &blobs{place: at, endpoint: u, keys: signer, client: client}, nil
}

func (b *blobs) String() string { return "container " + b.place.Bucket + " at " + b.place.Endpoint }

func (b *blobs) Presign(key string, valid time.Duration) (Object, error) {
	if valid < time.Second || valid > LongestValid {
		return Object{}, fail.Input("a URL valid for %v: want 1 s to %v", valid, LongestValid)
	}
	until := time.Now().Add(valid)
	u := b.address(key)
	sign := func(permissions string) string {
		signed := *u
		signed.RawQuery = b.keys.blob(permissions, b.place.Bucket, key, until, u.Scheme).Encode()
		return signed.String()
	}
	// cw: create and write. A PUT makes the whole blob at once; it has to say which kind of blob.
	return Object{Key: key, PutURL: sign("cw"), GetURL: sign("r"),
		PutHeader: http.Header{"X-Ms-Blob-Type": {"BlockBlob"}}}, nil
}

// address is that of a blob, and with an empty key that of the container.
func (b *blobs) address(key string) *url.URL { return b.endpoint.JoinPath(b.place.Bucket, escape(key)) }

// escape makes a key the path of a URL, in which each of its characters but / stands for itself.
func escape(key string) string {
	parts := strings.Split(key, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// manageFor is how long the signatures of this client's own requests are valid.
const manageFor = 15 * time.Minute

// send sends a request of this client's own. The answer has one of the statuses, else it is an error.
func (b *blobs) send(ctx context.Context, method, key string, query url.Values, want ...int) (*http.Response, error) {
	u := b.address(key)
	signed := b.keys.account("rdlc", time.Now().Add(manageFor), u.Scheme)
	for name, values := range query {
		signed[name] = values
	}
	u.RawQuery = signed.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Ms-Version", sasVersion)
	resp, err := b.client.Do(req)
	if err != nil {
		var inner *url.Error // its text would have the signature
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, fmt.Errorf("%s %v: %w", method, b, err)
	}
	for _, status := range want {
		if resp.StatusCode == status {
			return resp, nil
		}
	}
	defer resp.Body.Close()
	return nil, blobError(resp)
}

// blobError reads the error that an answer holds.
func blobError(resp *http.Response) error {
	const most = 16 << 10
	var told struct{ Code, Message string }
	text, _ := io.ReadAll(io.LimitReader(resp.Body, most))
	_ = xml.Unmarshal(text, &told) // an answer to HEAD and one of a proxy have none
	if told.Code == "" {
		told.Code = resp.Header.Get("X-Ms-Error-Code")
	}
	first, _, _ := strings.Cut(told.Message, "\n") // the next lines are an id and the time
	return &Error{Status: resp.StatusCode, Code: told.Code, Text: first}
}

func (b *blobs) Read(ctx context.Context, key string) (io.ReadCloser, error) {
	resp, err := b.send(ctx, http.MethodGet, key, nil, http.StatusOK)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func (b *blobs) Keys(ctx context.Context, prefix string) ([]string, error) {
	var all []string
	for marker := ""; ; {
		query := url.Values{"restype": {"container"}, "comp": {"list"}, "prefix": {prefix}}
		if marker != "" {
			query.Set("marker", marker)
		}
		resp, err := b.send(ctx, http.MethodGet, "", query, http.StatusOK)
		if err != nil {
			return nil, err
		}
		var page struct {
			Names      []string `xml:"Blobs>Blob>Name"`
			NextMarker string
		}
		err = xml.NewDecoder(resp.Body).Decode(&page)
		_ = resp.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("the list of %v: %w", b, err)
		}
		all = append(all, page.Names...)
		if marker = page.NextMarker; marker == "" {
			return all, nil
		}
	}
}

func (b *blobs) Delete(ctx context.Context, keys ...string) error {
	const sideBySide = 8
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(sideBySide)
	for _, key := range keys {
		g.Go(fail.Trying(func() error {
			resp, err := b.send(ctx, http.MethodDelete, key, nil, http.StatusAccepted, http.StatusNotFound)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			return resp.Body.Close()
		}))
	}
	return g.Wait()
}

// ofContainer says that a request is about the container.
func ofContainer() url.Values { return url.Values{"restype": {"container"}} }

func (b *blobs) Exists(ctx context.Context) (bool, error) {
	resp, err := b.send(ctx, http.MethodGet, "", ofContainer(), http.StatusOK)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, resp.Body.Close()
}

func (b *blobs) Make(ctx context.Context) error {
	resp, err := b.send(ctx, http.MethodPut, "", ofContainer(), http.StatusCreated)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (b *blobs) Drop(ctx context.Context) error {
	resp, err := b.send(ctx, http.MethodDelete, "", ofContainer(), http.StatusAccepted, http.StatusNotFound)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
