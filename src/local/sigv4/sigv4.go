// Package sigv4 checks requests that are signed with AWS Signature Version 4
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html), and makes the keys of a local
// platform.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Keys are an access key: what signs requests, and what their signatures are checked with.
type Keys struct{ ID, Secret string }

// Derive makes the keys that belong to a token. The token does not follow from them.
func Derive(token string) Keys {
	id := base32.StdEncoding.EncodeToString(mac([]byte(token), "stellar local access key id"))
	secret := base64.StdEncoding.EncodeToString(mac([]byte(token), "stellar local secret access key"))
	return Keys{ID: "LOCAL" + id[:15], Secret: secret[:40]}
}

// Error is a refusal in AWS's words. Its HTTP status is 403.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// maxSkew is how far the time of a signature may be from now, either way.
const maxSkew = 5 * time.Minute

const (
	algorithm = "AWS4-HMAC-SHA256"
	longForm  = "20060102T150405Z"
)

// Verify reports why a request to a service is not signed with the keys, nil where it is. Any region is accepted: a
// local platform has none. body is the request's whole body.
func Verify(r *http.Request, body []byte, service string, keys Keys, now time.Time) *Error {
	header := r.Header.Get("Authorization")
	if header == "" {
		return &Error{"MissingAuthenticationTokenException", "Missing Authentication Token"}
	}
	a, missing := parse(header)
	if missing != "" {
		return &Error{"IncompleteSignatureException",
			fmt.Sprintf("Authorization header requires '%s' parameter. Authorization=%s", missing, a.algorithm)}
	}
	if subtle.ConstantTimeCompare([]byte(a.key), []byte(keys.ID)) != 1 {
		return &Error{"UnrecognizedClientException", "The security token included in the request is invalid."}
	}
	invalid := func(format string, args ...any) *Error {
		return &Error{"InvalidSignatureException", fmt.Sprintf(format, args...)}
	}
	if a.service != service || a.end != "aws4_request" {
		return invalid("Credential should be scoped to correct service: '%s'.", service)
	}
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(longForm, stamp)
	switch {
	case err != nil:
		return invalid("X-Amz-Date %q is not a time of the form %s", stamp, longForm)
	case !strings.HasPrefix(stamp, a.date):
		return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "+
			"'%s' != '%s', from '%s'.", a.date, stamp[:8], stamp)
	case now.Sub(at) > maxSkew:
		return invalid("Signature expired: %s is now earlier than %s (%s - 5 min.)", stamp,
			now.Add(-maxSkew).UTC().Format(longForm), now.UTC().Format(longForm))
	case at.Sub(now) > maxSkew:
		return invalid("Signature not yet current: %s is still later than %s (%s + 5 min.)", stamp,
			now.Add(maxSkew).UTC().Format(longForm), now.UTC().Format(longForm))
	}
	if !slices.Contains(a.signed, "host") {
		return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if said := r.Header.Get("X-Amz-Content-Sha256"); said != "" && said != hash {
		return invalid("The value of X-Amz-Content-Sha256 is not the SHA-256 of the request's body.")
	}
	want := a.sign(keys.Secret, stamp, canonical(r, a.signed, hash))
	if !hmac.Equal([]byte(want), []byte(a.signature)) {
		return invalid("The request signature we calculated does not match the signature you provided. Check your " +
			"AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// authorization is the content of the header of that name.
type authorization struct {
	algorithm, key, date, region, service, end string
	signed                                     []string
	signature                                  string
}

// parse reads the header; missing names the first part that it lacks.
func parse(header string) (a authorization, missing string) {
	var rest string
	a.algorithm, rest, _ = strings.Cut(header, " ")
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	switch {
	case a.algorithm != algorithm:
		return a, algorithm
	case len(scope) != 5:
		return a, "Credential"
	case parts["Signature"] == "":
		return a, "Signature"
	case parts["SignedHeaders"] == "":
		return a, "SignedHeaders"
	}
	a.key, a.date, a.region, a.service, a.end = scope[0], scope[1], scope[2], scope[3], scope[4]
	a.signed, a.signature = strings.Split(parts["SignedHeaders"], ";"), parts["Signature"]
	return a, ""
}

// sign is the signature of a canonical request.
func (a *authorization) sign(secret, stamp, request string) string {
	sum := sha256.Sum256([]byte(request))
	text := strings.Join([]string{algorithm, stamp,
		strings.Join([]string{a.date, a.region, a.service, a.end}, "/"), hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.date, a.region, a.service, a.end} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonical is the form of a request that is signed.
func canonical(r *http.Request, signed []string, hash string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + escape(r.URL.EscapedPath(), true) + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for _, name := range signed {
		b.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n" + hash)
	return b.String()
}

// headerValue is a header in its canonical form. Some are not in the map that the server gives.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := slices.Clone(r.Header[http.CanonicalHeaderKey(name)])
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

// canonicalQuery sorts the parameters by name, then by value.
func canonicalQuery(raw string) string {
	var pairs []string
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, escape(unescape(name), false)+"="+escape(unescape(value), false))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// escape is AWS's URI encoding: only unreserved characters stay, and slashes where they part a path.
func escape(text string, path bool) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', strings.IndexByte("-_.~", c) >= 0,
			path && c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if path && b.Len() == 0 {
		return "/"
	}
	return b.String()
}
