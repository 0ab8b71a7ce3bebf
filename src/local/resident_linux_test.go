package local

import (
	"fmt"
	"os"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

// TestMemoryIsResident: a function that touches 100 MiB reports 100 to 130 MB, however it is packaged, at the request
// that touches them and at later ones. What its own pages are charged to is another matter: those of its program may be
// charged to whoever has read it first.
func TestMemoryIsResident(t *testing.T) {
	alsoAsUser(t)
	image := ""
	if os.Geteuid() == 0 { // the Engine is not an ordinary user's
		image = fmt.Sprintf("stellar-test-resident:%d", os.Getpid())
		testImage(t, testEngine(t), image, architecture) // removed after the platform, which has containers of it
	}
	_, c := testPlatform(t, func(o *Options) { o.Warnf = t.Logf }) // an ordinary user may lack namespaces
	wantResident(t, deployTo(t, c, nil), func() []reportline.Report { return reports(t, c) })
	if image != "" {
		wantResident(t, deployTo(t, c, ofImage(image, nil)), func() []reportline.Report { return reports(t, c) })
	}
}

func wantResident(t *testing.T, url string, read func() []reportline.Report) {
	t.Helper()
	for _, query := range []string{"", "?do=alloc&mb=100", ""} {
		getOK(t, url+query)
	}
	got := read()
	got = got[len(got)-3:]
	if m := got[0].MaxMemory; m < 1 || m > 30 {
		t.Errorf("a program that has done nothing yet has %d MB", m)
	}
	for _, r := range got[1:] {
		if r.MaxMemory < 100 || r.MaxMemory > 130 {
			t.Errorf("a function that has touched 100 MiB reports %d MB", r.MaxMemory)
		}
	}
}
