package local

import (
	"os"
	"testing"
)

// TestWatcherHasItsOwnNumbers has a watcher told of processes: not by numbers that are other processes' for it, because
// it kills the groups of those numbers when the platform is killed.
func TestWatcherHasItsOwnNumbers(t *testing.T) {
	for _, ownNumbers := range []bool{false, true} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer read.Close()
		w, err := openWatch(write, watchOrder{Dir: "/d", ID: "i"}, ownNumbers)
		if err != nil {
			t.Fatal(err)
		}
		w.add(1 << 22)
		w.containers()
		w.end(false)
		told := readWatch(read)
		if told.order.ID != "i" || !told.containers || told.groups[1<<22] == ownNumbers {
			t.Errorf("own numbers %t: %+v", ownNumbers, told)
		}
	}
}
