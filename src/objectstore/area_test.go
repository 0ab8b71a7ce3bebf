package objectstore

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestNamesOfObjects: a name never leads out of the run's part of the bucket, and both protocols make URLs of it.
func TestNamesOfObjects(t *testing.T) {
	for _, at := range []Place{
		{Endpoint: "https://store.example", Bucket: "shared-bucket", Region: "r1"},
		{Protocol: AzureBlob, Endpoint: "https://account1.blob.example", Bucket: "shared-bucket"},
	} {
		s, err := Open(at, Keys{ID: "account1", Secret: "c2VjcmV0"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		area := AreaOf(s, "20261121T010203Z-aws-abcd")
		for _, name := range []string{"", ".", "..", "../other", "a/../../b", "/a", "a/", "a//b",
			"a b", "ü", "a?b", "a\n"} {
			if o, err := area.Object(name, time.Minute); err == nil {
				t.Errorf("%v: name %q gives %+v", s, name, o)
			}
		}
		o, err := area.Object("0/12-3-1.bin", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{o.PutURL, o.GetURL} {
			u, err := url.Parse(text)
			if err != nil || u.Scheme != "https" || u.Path != "/shared-bucket/20261121T010203Z-aws-abcd/0/12-3-1.bin" {
				t.Errorf("%v: %s, %v", s, text, err)
			}
			if strings.Contains(text, "c2VjcmV0") || strings.Contains(text, "secret") {
				t.Errorf("%v: the URL %s has the key", s, text)
			}
		}
		if o.PutURL == o.GetURL || o.Key != "20261121T010203Z-aws-abcd/0/12-3-1.bin" {
			t.Errorf("%v: %+v", s, o)
		}
		if _, err := area.Object("a", LongestValid+time.Second); err == nil {
			t.Errorf("%v: a URL that is valid for longer than %v", s, LongestValid)
		}
	}
}

// TestPlacesThatAreNone: what cannot be a store is bad input before a request is sent.
func TestPlacesThatAreNone(t *testing.T) {
	keys := Keys{ID: "a", Secret: "c2VjcmV0"}
	for name, c := range map[string]struct {
		at   Place
		keys Keys
		want string
	}{
		"scheme":    {Place{Endpoint: "ftp://h", Bucket: "b"}, keys, "not an http or https URL"},
		"host":      {Place{Endpoint: "https://", Bucket: "b"}, keys, "not an http or https URL"},
		"path":      {Place{Endpoint: "https://h/b", Bucket: "b"}, keys, "has a path"},
		"no bucket": {Place{Endpoint: "https://h"}, keys, "no bucket"},
		"no keys":   {Place{Endpoint: "https://h", Bucket: "b"}, Keys{ID: "a"}, "no credentials"},
		"Azure key": {Place{Protocol: AzureBlob, Endpoint: "https://h", Bucket: "b"}, Keys{ID: "a", Secret: "!"},
			"not in base64"},
	} {
		if _, err := Open(c.at, c.keys, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for address, want := range map[string]string{
		"https://acc.blob.core.windows.net": AzureBlob, "https://s3.eu-central-1.amazonaws.com": S3,
		"http://127.0.0.1:9000": S3, "https://blob.example": S3,
	} {
		if got := ProtocolOf(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
