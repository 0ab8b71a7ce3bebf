package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// TestRemovalWaitsForAStartingPlatform holds that a platform whose run was killed while it started counts as left until
// its processes have ended, although it has no folder yet: they hold the lock file beside it.
func TestRemovalWaitsForAStartingPlatform(t *testing.T) {
	root := t.TempDir()
	for _, kind := range []string{kindPlatform, kindDaemon} {
		dir := filepath.Join(root, "platform-"+kind)
		lock, err := os.Create(dir + ".alive")
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"HOME": root}
		p := &localPlatform{config: Config{Deps: run.Deps{Getenv: func(k string) string { return env[k] }}}}
		remove := p.Removals()[kind].Remove
		res := run.Resource{Kind: kind, Name: "x", Attrs: map[string]string{"dir": dir}}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := remove(ctx, res); fail.Code(err) != fail.CodeLeftBehind {
			t.Errorf("%s: beside a process that lives: %v", kind, err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
		if err := remove(t.Context(), res); err != nil {
			t.Errorf("%s: after its end: %v", kind, err)
		}
	}
}
