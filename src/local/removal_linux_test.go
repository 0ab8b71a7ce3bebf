package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// unremovable makes a folder that nobody can remove until undo is called: something is mounted in it, or, where this
// user may not mount, its parent is read-only.
func unremovable(t *testing.T, dir string) (undo func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		parent := filepath.Dir(dir)
		if err := os.Chmod(parent, 0o500); err != nil {
			t.Fatal(err)
		}
		return func() { _ = os.Chmod(parent, 0o700) }
	}
	inner := filepath.Join(dir, "mounted")
	if err := errors.Join(os.Mkdir(inner, 0o700), syscall.Mount("tmpfs", inner, "tmpfs", 0, "size=64k")); err != nil {
		t.Fatal(err)
	}
	undo = func() { _ = syscall.Unmount(inner, syscall.MNT_DETACH) }
	t.Cleanup(undo)
	return undo
}

// A service is removed when nothing of it is left: until then every DELETE is an error that names what is left.
func TestDeleteIsAnErrorUntilNothingIsLeft(t *testing.T) {
	for _, replaced := range []bool{false, true} { // likewise for a version that was replaced
		warned := make(chan string, 10)
		p, c := testPlatform(t, func(o *Options) { o.Warnf = func(format string, _ ...any) { warned <- format } })
		getOK(t, deployTo(t, c, nil))
		scratch := scratchOf(t, p)
		undo := unremovable(t, scratch)
		if replaced {
			deployTo(t, c, func(f *client.FunctionSpec) { f.Environment = map[string]string{"VERSION": "2"} })
			<-warned // the old version has ended by now
		}
		for range 2 {
			err := c.Delete(t.Context(), "s")
			var status *client.StatusError
			if !errors.As(err, &status) || status.Status != 500 || !strings.Contains(err.Error(), scratch) {
				t.Fatalf("replaced %v: delete: %v; want a 500 that names %s", replaced, err, scratch)
			}
			if s, err := c.Service(t.Context(), "s"); err != nil || s.Service != "s" {
				t.Errorf("a service of which something is left: %+v, %v", s, err)
			}
		}
		wantFailure(t, p.GatewayURL()+"/s/f", 404, kindNoRoute, "no function")
		undo()
		if err := c.Delete(t.Context(), "s"); err != nil {
			t.Errorf("delete: %v", err)
		}
		var status *client.StatusError
		if err := c.Delete(t.Context(), "s"); !errors.As(err, &status) || status.Status != 404 || !absent(scratch) {
			t.Errorf("delete of what is gone: %v", err)
		}
	}
}

// A service whose removal failed can be deployed anew, and is removed whole then.
func TestDeployAfterAFailedDelete(t *testing.T) {
	p, c := testPlatform(t, func(o *Options) { o.Warnf = func(string, ...any) {} })
	getOK(t, deployTo(t, c, nil))
	scratch := scratchOf(t, p)
	undo := unremovable(t, scratch)
	if err := c.Delete(t.Context(), "s"); err == nil {
		t.Fatal("deleted")
	}
	undo()
	url := deployTo(t, c, nil)
	if r := getOK(t, url); !r.Cold || len(reports(t, c)) != 1 {
		t.Errorf("%+v, reports %v", r, reports(t, c))
	}
	if err := c.Delete(t.Context(), "s"); err != nil || !absent(scratch) {
		t.Errorf("delete: %v", err)
	}
}
