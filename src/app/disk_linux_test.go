package app_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// disk is a small file system of its own.
type disk struct {
	t    *testing.T
	path string
}

func newDisk(t *testing.T, path, size string) disk {
	t.Helper()
	if err := errors.Join(os.MkdirAll(path, 0o755),
		syscall.Mount("tmpfs", path, "tmpfs", 0, "size="+size)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return disk{t, path}
}

func (d disk) ballast() string { return filepath.Join(d.path, "ballast") }

// fill takes all room that is left.
func (d disk) fill() {
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	for size := 1 << 16; err == nil && size > 0; {
		if _, werr := f.Write(make([]byte, size)); errors.Is(werr, syscall.ENOSPC) {
			size /= 2
		} else {
			err = werr
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		d.t.Error(err)
	}
}

func (d disk) empty() {
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Error(err)
	}
}

// filling makes the disk full when the removal begins.
type filling struct {
	lab.Observer
	fill func()
}

func (f filling) StageStart(name string) {
	if name == "removing" {
		f.fill()
	}
}

// A run whose end could not be written does not go on for ever: whoever looks next writes it.
func TestEndIsWrittenLaterWhereTheDiskWasFull(t *testing.T) {
	for name, look := range map[string]func(w app.App) error{
		"clean":     func(w app.App) error { _, err := w.Clean(context.Background(), false); return err },
		"functions": func(w app.App) error { _, err := w.ExistingFunctions(t.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			defer server.Close()
			var log lab.Log
			w, home, index := homeApp(t, &log)
			w.Output = filepath.Join(home, "results")
			disk := newDisk(t, w.Output, "1m")
			w.Observer = filling{fill: disk.fill}
			loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"`+server.URL+`","SubExperiments":[{"Bursts":1,"Visualization":"none"}]}`), vendors.Known())

			if err != nil {
				t.Fatal(err)
			}
			out, err := w.Run(context.Background(), loaded.Experiment, home)
			if fail.Code(err) == fail.CodeDone {
				t.Fatal("nobody heard of the full disk")
			}
			if rec, err := run.ReadRecord(out.Dir); err != nil || rec.Status != "running" {
				t.Fatalf("the record is %+v, %v: the disk was not full", rec, err)
			}
			if left, err := filepath.Glob(filepath.Join(out.Dir, ".run.json*")); err != nil || len(left) > 0 {
				t.Errorf("half a record is left: %v, %v", left, err)
			}
			disk.empty()
			if err := look(w); err != nil {
				t.Error(lab.Story(err))
			}
			rec, err := run.ReadRecord(out.Dir)
			if err != nil || rec.Status == "running" || rec.Finished == nil || time.Since(*rec.Finished) > time.Minute {
				t.Errorf("the record is %+v, %v", rec, err)
			}
			if left, err := os.ReadDir(index); err != nil || len(left) > 0 {
				t.Errorf("in the index: %v, %v", left, err)
			}
			if c, err := w.Clean(context.Background(), false); err != nil || len(c.Removed) > 0 {
				t.Errorf("clean: %+v, %v", c, err)
			}
		})
	}
}
