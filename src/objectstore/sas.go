package objectstore

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// sasVersion is the version of the service that shared access signatures (SAS) are made for, and that requests ask for.
const sasVersion = "2022-11-02"

// sasKeys signs URLs of Azure Blob Storage:
// https://learn.microsoft.com/rest/api/storageservices/delegate-access-with-shared-access-signature
type sasKeys struct {
	name string // of the account
	key  []byte
}

func newSAS(keys Keys) (sasKeys, error) {
	key, err := base64.StdEncoding.DecodeString(keys.Secret)
	if err != nil {
		return sasKeys{}, fmt.Errorf("the key of storage account %s is not in base64", keys.ID)
	}
	return sasKeys{name: keys.ID, key: key}, nil
}

// blob is the query of a URL with which one blob can be used until then: a service SAS. Over https, it is of no use
// without.
func (k sasKeys) blob(permissions, container, key string, until time.Time, scheme string) url.Values {
	q := url.Values{"sp": {permissions}, "se": {sasTime(until)}, "spr": {sasProtocol(scheme)}, "sv": {sasVersion},
		"sr": {"b"}}
	q.Set("sig", k.sign(
		permissions, "", q.Get("se"), "/blob/"+k.name+"/"+container+"/"+key, "", "", q.Get("spr"), sasVersion, "b",
		"", "", // no snapshot, no encryption scope
		"", "", "", "", "")) // headers of the answer: as they are
	return q
}

// account is the query of a URL with which containers and blobs of the account can be used until then: an account SAS.
func (k sasKeys) account(permissions string, until time.Time, scheme string) url.Values {
	q := url.Values{"sp": {permissions}, "se": {sasTime(until)}, "spr": {sasProtocol(scheme)}, "sv": {sasVersion},
		"ss": {"b"}, "srt": {"co"}}
	q.Set("sig", k.sign(k.name, permissions, "b", "co", "", q.Get("se"), "", q.Get("spr"), sasVersion, "", ""))
	return q
}

// sign signs lines with the account's key.
func (k sasKeys) sign(lines ...string) string {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(strings.Join(lines, "\n")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func sasTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func sasProtocol(scheme string) string {
	if scheme == "https" {
		return "https"
	}
	return "https,http"
}
