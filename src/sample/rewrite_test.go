package sample

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latencies.csv")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 3000 // more than one piece
	for i := range rows {
		s := full()
		s.Slot = i
		w.AppendRow(&s)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	torn, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := torn.WriteString("half a ro"); err != nil || torn.Close() != nil {
		t.Fatal(err)
	}
	err = Rewrite(path, func(s *Sample) { s.Billed = time.Duration(s.Slot) * time.Millisecond })
	if err != nil {
		t.Fatal(err)
	}
	got, line, err := ReadFile(path)
	if err != nil || line != 0 || len(got) != rows {
		t.Fatalf("%d rows, torn %d, error %v", len(got), line, err)
	}
	for i := range got {
		want := full()
		want.Slot, want.Billed = i, time.Duration(i)*time.Millisecond
		if !got[i].Equal(want) {
			t.Fatalf("row %d is %+v, want %+v", i, got[i], want)
		}
	}
	alone(t, path)
}

// TestRewriteFails: the old rows stay, and nothing stands beside them.
func TestRewriteFails(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"a bad row":    {older + "a,h,,,1,0\nx\n", "1 cells where the header has 6"},
		"another file": {"a,b\n", "not a file of samples"},
	} {
		path := filepath.Join(t.TempDir(), "latencies.csv")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Rewrite(path, func(*Sample) {})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != c.content {
			t.Errorf("%s: the file is now %q, %v", name, after, err)
		}
		alone(t, path)
	}
	if err := Rewrite(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// TestRewriteOfALostRun: what an interrupted rewriting has left beside the rows is replaced by the next one.
func TestRewriteOfALostRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "latencies.csv")
	if err := os.WriteFile(path, []byte(older+"a,h,,,1,0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+rewriteSuffix, []byte(strings.Repeat("x", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Rewrite(path, func(s *Sample) { s.Endpoint = "f" + strconv.Itoa(s.Burst) }); err != nil {
		t.Fatal(err)
	}
	rows, _, err := ReadFile(path)
	if err != nil || len(rows) != 1 || rows[0].Endpoint != "f0" {
		t.Errorf("%+v, %v", rows, err)
	}
	alone(t, path)
}

func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the rows there are %v, %v", entries, err)
	}
}
