package run

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

type quiet struct{}

func (quiet) Debugf(string, ...any) {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warnf(string, ...any)  {}

func TestUndoGoesBackwardsAndPastFailures(t *testing.T) {
	j := openJournal(t, t.TempDir())
	for _, name := range []string{"a", "b", "c"} {
		must(j.Intend("thing", name, nil))(t)
	}
	var order []string
	ctx, cancel := context.WithCancel(context.Background())
	undo := func(_ context.Context, res Resource) error {
		order = append(order, res.Name)
		if res.Name == "b" {
			cancel() // no further attempt: the waits between attempts end with the context
			return errors.New("stuck")
		}
		return nil
	}
	err := Undo(ctx, j, Undoing{Undoers: map[string]Undoer{"thing": undo}, Wait: time.Millisecond, Log: quiet{}})
	if want := []string{"c", "b", "a"}; !slices.Equal(order, want) {
		t.Errorf("undone in order %v; want %v", order, want)
	}
	if fail.Code(err) != fail.CodeLeftBehind {
		t.Errorf("error %v has code %d; want %d", err, fail.Code(err), fail.CodeLeftBehind)
	}
	if left := j.Pending(); len(left) != 1 || left[0].Name != "b" {
		t.Errorf("pending is %v; want b", left)
	}
}

func TestUndoTriesAgain(t *testing.T) {
	j := openJournal(t, t.TempDir())
	must(j.Intend("thing", "a", nil))(t)
	tries := 0
	undo := func(context.Context, Resource) error {
		if tries++; tries == 1 {
			return errors.New("throttled")
		}
		return nil
	}
	check(t, Undo(context.Background(), j, Undoing{Undoers: map[string]Undoer{"thing": undo}, Wait: time.Millisecond,
		Log: quiet{}}))
	if tries != 2 || len(j.Pending()) != 0 {
		t.Errorf("%d tries, pending %v; want 2 tries and nothing pending", tries, j.Pending())
	}
}

func TestUndoOfAnUnknownKindIsLeftBehind(t *testing.T) {
	j := openJournal(t, t.TempDir())
	must(j.Intend("moonbase", "a", nil))(t)
	if err := Undo(context.Background(), j, Undoing{Log: quiet{}}); fail.Code(err) != fail.CodeLeftBehind {
		t.Errorf("error is %v; want one with exit code 4", err)
	}
}

// Resources of one group are undone side by side, and only after those that were created later.
func TestUndoOfAGroup(t *testing.T) {
	j := openJournal(t, t.TempDir())
	group := map[string]string{AttrGroup: "g"}
	must(j.Intend("thing", "folder", nil))(t)
	must(j.Intend("thing", "a", group))(t)
	must(j.Intend("thing", "b", group))(t)
	must(j.Intend("thing", "last", nil))(t)
	var mu sync.Mutex
	var order []string
	both := make(chan struct{}, 8)
	undo := func(ctx context.Context, res Resource) error {
		mu.Lock()
		order = append(order, res.Name)
		mu.Unlock()
		if res.Attrs[AttrGroup] == "" {
			return nil
		}
		both <- struct{}{}
		for len(both) < 2 { // neither ends before the other has begun
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
		if res.Name == "a" {
			return errors.New("stuck")
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := Undo(ctx, j, Undoing{Undoers: map[string]Undoer{"thing": undo}, Wait: time.Millisecond, Log: quiet{}})
	if order[0] != "last" || !slices.Contains(order[1:3], "b") || order[len(order)-1] != "folder" {
		t.Errorf("undone in order %v", order)
	}
	if left := j.Pending(); len(left) != 1 || left[0].Name != "a" || fail.Code(err) != fail.CodeLeftBehind {
		t.Errorf("pending is %v, error %v", left, err)
	}
}

// The time for all removals covers every attempt for every resource, one after the other unless they are undone side by
// side.
func TestUndoBudgetGrows(t *testing.T) {
	unit := func(n int, group string) (out []Resource) {
		for range n {
			out = append(out, Resource{Kind: "service", Attrs: map[string]string{AttrGroup: group}})
		}
		return out
	}
	one := 3*UndoTimeout + 6*time.Second // and the waits of 2 s and 4 s between the attempts
	for name, c := range map[string]struct {
		pending []Resource
		want    time.Duration
	}{
		"nothing":                {nil, time.Hour},
		"one":                    {unit(1, ""), time.Hour},
		"two, one by one":        {unit(2, ""), 2 * one},
		"eight at once":          {unit(8, "g"), time.Hour},
		"nine, eight at once":    {unit(9, "g"), 2 * one},
		"a hundred side by side": {unit(100, "g"), 13 * one},
		"two groups and a loner": {append(append(unit(8, "g"), unit(8, "h")...), unit(1, "")...), 3 * one},
	} {
		if got := UndoBudget(c.pending, 0); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got, want := UndoBudget(unit(2, ""), time.Minute), 2*(3*UndoTimeout+3*time.Minute); got != want {
		t.Errorf("waits of a minute: %v, want %v", got, want)
	}
}
