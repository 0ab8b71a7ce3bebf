//go:build linux || darwin

package shell

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStays: a program that stays is not ended, nor is what it starts, as a browser is by its launcher; a failure in
// its first moments is one.
func TestStays(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"goes on":  `mkfifo wait; exec 3<>wait; read -r _ <&3`,
		"launches": `mkfifo wait; exec 3<>wait; read -r _ <&3 &`,
	} {
		c := sh(script)
		c.Dir, c.Stays, c.Timeout = t.TempDir(), true, time.Minute
		if name == "goes on" {
			c.Timeout = 100 * time.Millisecond
		}
		res, err := Run(t.Context(), c)
		if err != nil || (res.ExitCode == 0) != (name == "launches") {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
		if err := tell(filepath.Join(c.Dir, "wait")); err != nil {
			t.Errorf("%s: it was ended: %v", name, err)
		}
	}
	c := sh("exit 3")
	c.Stays, c.Timeout = true, time.Minute
	if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "exit code 3") {
		t.Errorf("a program that failed: %v", err)
	}
}

// tell writes a line to whoever has a fifo open, for which it waits.
func tell(path string) (err error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_, err = f.WriteString("\n")
			return errors.Join(err, f.Close())
		}
	}
	return err
}
