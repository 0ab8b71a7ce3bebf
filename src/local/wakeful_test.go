package local

import "testing"

// TestWakeful: the goroutine is there while requests come, ends without them, and comes back.
func TestWakeful(t *testing.T) {
	w := &wakeful{}
	defect := func(err error) { t.Error(err) }
	for range 2 {
		for range 3 {
			w.note(defect)
			if !w.awake.Load() {
				t.Fatal("it is not there after a request")
			}
		}
		eventually(t, "it ends without requests", func() bool { return !w.awake.Load() })
	}
}
