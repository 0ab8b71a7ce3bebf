package local

import (
	"fmt"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// A version of a function ends when it has no requests any more.

// retireAll retires every instance, and returns them.
func (f *function) retireAll() []*instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*instance
	for in := range f.live {
		f.retire(in, result{kind: kindUndelivered, msg: "it was retired"})
		all = append(all, in)
	}
	f.serveQueue()
	return all
}

// drain lets the version finish its requests, then end. With remove, these requests get an error now.
func (f *function) drain(remove bool) {
	f.mu.Lock()
	f.draining = true
	f.removed = f.removed || remove
	if remove {
		for _, w := range f.waiting {
			w.got <- grant{err: errRemoved}
		}
		f.waiting = nil
		why := result{kind: kindRemoved, msg: fmt.Sprintf("function %s was removed", f.spec.Name)}
		for in := range f.all {
			f.drop(in)
			in.retired = true
			fail.Go(f.platform.defect, func() { in.end(why) })
		}
	} else {
		for in := range f.live {
			if in.active == 0 {
				f.retire(in, result{kind: kindUndelivered, msg: "its function was replaced"})
			}
		}
	}
	last := f.drained()
	f.mu.Unlock()
	if last {
		f.giveUpCode()
	}
}

// drained reports, once, that a draining version is empty. The caller holds f.mu and then calls giveUpCode.
func (f *function) drained() bool {
	if !f.draining || f.concluded || f.requests > 0 || len(f.all) > 0 {
		return false
	}
	f.concluded = true
	return true
}
