package machine

import (
	"slices"
	"strings"
	"testing"
)

func TestParseCores(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "0-1": "0-1", "3,0-1": "0-1,3", "2,1,0": "0-2", " 5 , 4": "4-5", "1,1": "1", "0,2,4-6": "0,2,4-6",
	} {
		if got, err := ParseCores(text); err != nil || got.String() != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a", "-1", "2-1", "0,", "0-", "1.5", "0-99999"} {
		if got, err := ParseCores(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestCoresBeside(t *testing.T) {
	all := Cores{0, 1, 2, 5}
	if others, err := (Cores{0, 5}).beside(all); err != nil || !slices.Equal(others, Cores{1, 2}) {
		t.Errorf("%v, %v", others, err)
	}
	for _, bad := range []struct {
		cores Cores
		says  string
	}{{Cores{3}, "no core 3 for this process: it may use 0-2,5"}, {all, "none is left"}} {
		if _, err := bad.cores.beside(all); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%v: %v", bad.cores, err)
		}
	}
}
