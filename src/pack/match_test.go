package pack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

func TestSome(t *testing.T) {
	var files []source
	if got := some(files); got != "none" {
		t.Error(got)
	}
	for i := range 25 {
		files = append(files, source{name: fmt.Sprint(i)})
	}
	if got := some(files); !strings.HasSuffix(got, "18, 19, and 5 more") {
		t.Error(got)
	}
}

func fileSum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
