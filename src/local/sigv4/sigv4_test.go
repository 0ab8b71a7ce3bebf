package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signed is a request that AWS's own library has signed.
func signed(t *testing.T, target, body string, keys Keys, at time.Time) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Log-Type", "  Tail   and  more ")
	r.Header.Add("X-Amz-Meta", "a")
	r.Header.Add("X-Amz-Meta", "b")
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keys.ID, SecretAccessKey: keys.Secret}, r,
		hex.EncodeToString(sum[:]), "lambda", "eu-north-1", at)
	if err != nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer // the request as a server reads it
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	in, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

const target = "http://127.0.0.1:8080/2015-03-31/functions/arn%3Aaws%3Alambda%3Alocal%3A000000000000%3Afunction%3As-f" +
	"/invocations?Qualifier=%24LATEST&a=z&a=b%20c&empty="

func TestRequestsOfTheLibraryVerify(t *testing.T) {
	keys, now := Derive("0123456789abcdef"), time.Now()
	for _, target := range []string{target, "http://localhost/", "http://localhost/lambda-url/s/f/a%20b/~c"} {
		for _, body := range []string{"", `{"k":"v"}`} {
			if err := Verify(signed(t, target, body, keys, now), []byte(body), "lambda", keys, now); err != nil {
				t.Errorf("%s with body %q: %v", target, body, err)
			}
		}
	}
}

func TestOthersAreRefused(t *testing.T) {
	keys, now := Derive("0123456789abcdef"), time.Now()
	stranger := Derive("another token")
	wrong := Keys{ID: keys.ID, Secret: stranger.Secret}
	change := func(do func(*http.Request)) *http.Request {
		r := signed(t, target, "{}", keys, now)
		do(r)
		return r
	}
	for name, c := range map[string]struct {
		r          *http.Request
		body       string
		code, says string
	}{
		"wrong secret": {signed(t, target, "{}", wrong, now), "{}", "InvalidSignatureException", "does not match"},
		"unknown key":  {signed(t, target, "{}", stranger, now), "{}", "UnrecognizedClientException", "invalid"},
		"other body":   {signed(t, target, "{}", keys, now), "{ }", "InvalidSignatureException", "does not match"},
		"old": {signed(t, target, "{}", keys, now.Add(-6*time.Minute)), "{}",
			"InvalidSignatureException", "expired"},
		"of the future": {signed(t, target, "{}", keys, now.Add(6*time.Minute)), "{}",
			"InvalidSignatureException", "not yet"},
		"not signed": {change(func(r *http.Request) { r.Header.Del("Authorization") }), "{}",
			"MissingAuthenticationTokenException", "Missing"},
		"no signature": {change(func(r *http.Request) {
			r.Header.Set("Authorization", algorithm+" Credential=a/b/c/d/e")
		}), "{}", "IncompleteSignatureException", "'Signature'"},
		"no scope": {change(func(r *http.Request) { r.Header.Set("Authorization", algorithm+" Signature=a") }), "{}",
			"IncompleteSignatureException", "'Credential'"},
		"bearer": {change(func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }), "{}",
			"IncompleteSignatureException", algorithm},
		"no date": {change(func(r *http.Request) { r.Header.Del("X-Amz-Date") }), "{}",
			"InvalidSignatureException", "X-Amz-Date"},
		"other header": {change(func(r *http.Request) { r.Header.Set("X-Amz-Log-Type", "None") }), "{}",
			"InvalidSignatureException", "does not match"},
		"other path": {change(func(r *http.Request) { r.URL.RawPath, r.URL.Path = "", "/else" }), "{}",
			"InvalidSignatureException", "does not match"},
	} {
		err := Verify(c.r, []byte(c.body), "lambda", keys, now)
		if err == nil || err.Code != c.code || !strings.Contains(err.Message, c.says) {
			t.Errorf("%s: %v; want %s with %q", name, err, c.code, c.says)
		}
	}
	if err := Verify(signed(t, target, "{}", keys, now), []byte("{}"), "s3", keys, now); err == nil {
		t.Error("a signature for another service is accepted")
	}
}

func TestKeysHaveAWSsForm(t *testing.T) {
	a, b := Derive("0123456789abcdef"), Derive("0123456789abcdeg")
	if len(a.ID) != 20 || len(a.Secret) != 40 || a == b || a != Derive("0123456789abcdef") {
		t.Errorf("%+v and %+v", a, b)
	}
}
