package machine

import "testing"

func TestRaiseOpenFiles(t *testing.T) {
	n, err := RaiseOpenFiles()
	if err != nil || n < 64 {
		t.Errorf("limit %d, error %v", n, err)
	}
	if again, err := RaiseOpenFiles(); err != nil || again != n {
		t.Errorf("the second time: limit %d, error %v", again, err)
	}
}
