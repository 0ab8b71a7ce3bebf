package objectstore

import (
	"net/url"
	"testing"
	"time"
)

// TestSignaturesOfAzure compares signatures with those that Microsoft's own library for Python (azure-storage-blob
// 12.31.1) makes of the same account, key and times.
func TestSignaturesOfAzure(t *testing.T) {
	keys, err := newSAS(Keys{ID: "account1", Secret: "c3RlbGxhcidzIGtleSBvZiBhbiBhY2NvdW50IHRoYXQgaXMgbm90IHRoZXJl"})
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2026, 11, 21, 1, 2, 3, 0, time.UTC)
	for _, c := range []struct {
		name string
		got  url.Values
		want string
	}{
		{"blob", keys.blob("cw", "stellar-x", "20261121T010203Z-azure-abcd/0/1-2-3", until, "https"),
			"se=2026-11-21T01%3A02%3A03Z&sp=cw&spr=https&sv=2022-11-02&sr=b&" +
				"sig=XEPnk0mWJmCXIrQXaxCWZLa9DAvPGBoovC3OOiXUOjQ%3D"},
		{"account", keys.account("rdlc", until, "https"),
			"se=2026-11-21T01%3A02%3A03Z&sp=rdlc&spr=https&sv=2022-11-02&ss=b&srt=co&" +
				"sig=DKInA4Hucxk%2BZ0W0uDAUr2JwpAiHGQIf12//B4eqkAU%3D"},
	} {
		want, err := url.ParseQuery(c.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.got.Encode(); got != want.Encode() {
			t.Errorf("%s: %s, want %s", c.name, got, want.Encode())
		}
	}
}
