// Package trace reads counts of requests over time, so that a load that was seen elsewhere can be sent again.
//
// A file has comma-separated lines in one of two shapes. Tall: a line is a slot of time, with the counts of one or more
// functions.
//
//	12                  second,count        minute,resize,login
//	0                   0,12                0,3,40
//	7                   2,7                 1,0,38
//
// Without a heading the slots are seconds and each line has a count, or a slot's number and its count. Numbers ascend;
// slots that are left out have no requests; the first one's number is the start. Wide: a line is a function, with the
// counts of all slots. Columns headed 1, 2, 3, … are minutes, as in the Azure Functions trace of 2019; 1s, 2s, … are
// seconds, 1m, 2m, … minutes.
//
//	function,1,2,3      HashOwner,HashApp,HashFunction,Trigger,1,2,…,1440
//	resize,3,0,1        a0…,b1…,c2…,http,0,0,17,…
//
// The Azure form is that of https://github.com/Azure/AzurePublicDataset/blob/master/AzureFunctionsDataset2019.md
// (invocations_per_function_md.anon.d[01-14].csv): hashes of owner, application and function, the trigger's group, and
// 1440 counts of a day's minutes. A function of it goes by its HashFunction, which is unique over all applications.
package trace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Trace is how often one function was called, slot after slot without a gap.
type Trace struct {
	Slot   time.Duration // length of a slot: a second or a minute
	Counts []int64       // requests in each slot
}

// Bounds of what is read. A day of the Azure trace is about 140 MB.
const (
	MaxFile  = 1 << 30              // bytes
	MaxCount = 10_000_000           // requests in a slot
	MaxSpan  = 366 * 24 * time.Hour // from first to last slot
	maxLine  = 16 << 20             // bytes
	maxKept  = 10_000_000           // counts of all functions that are read together: 80 MB, or 115 days of seconds
)

// Function is one function of a file with its trace.
type Function struct {
	Name string // as the file calls it; empty where it has no name for it
	Trace
}

// Length is the time that the trace covers.
func (t Trace) Length() time.Duration { return time.Duration(len(t.Counts)) * t.Slot }

// Requests is the number of requests before an offset from the start, 0 meaning all of them. Those of a slot that the
// offset cuts count in proportion.
func (t Trace) Requests(until time.Duration) int64 {
	if until <= 0 || until > t.Length() {
		until = t.Length()
	}
	var n int64
	whole := 0
	if t.Slot > 0 {
		whole = int(until / t.Slot)
	}
	for _, c := range t.Counts[:whole] {
		n += c
	}
	if rest := until - time.Duration(whole)*t.Slot; rest > 0 {
		n += int64(float64(t.Counts[whole])*float64(rest)/float64(t.Slot) + 0.5)
	}
	return n
}

// Split parts what an experiment file says into the trace file's path and the name of a function in it, which stands
// after the last #, if any.
func Split(arrivals string) (path, name string) {
	if at := strings.LastIndexByte(arrivals, '#'); at >= 0 {
		return arrivals[:at], arrivals[at+1:]
	}
	return arrivals, ""
}

// Find reads the function of that name.
func Find(path, name string) (Function, error) {
	r, err := open(path)
	if err != nil {
		return Function{}, err
	}
	defer r.close()
	all, err := r.read(1, name)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s has no function %q%s", path, name, r.known())
	}
	if err != nil {
		return Function{}, err
	}
	return all[0], nil
}

// First reads the first functions of a file, n at most, and says whether it has more than those.
func First(path string, n int) (all []Function, more bool, err error) {
	r, err := open(path)
	if err != nil {
		return nil, false, err
	}
	defer r.close()
	all, err = r.read(n, "")
	return all, r.more, err
}

// open starts to read a file. What is not a regular file is refused: a pipe or a terminal would be waited for.
func open(path string) (*reader, error) {
	info, err := os.Stat(path)
	var inner *fs.PathError
	switch {
	case errors.As(err, &inner):
		return nil, fmt.Errorf("reading the trace %s: %w", path, inner.Err)
	case err != nil:
		return nil, fmt.Errorf("reading the trace %s: %w", path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("reading the trace %s: it is not a regular file", path)
	case info.Size() > MaxFile:
		return nil, fmt.Errorf("reading the trace %s: it has %d bytes; want at most %d (one day of the Azure trace "+
			"fits)", path, info.Size(), int64(MaxFile))
	}
	f, err := wholefile.Open(path)
	if err != nil {
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, fmt.Errorf("reading the trace %s: %w", path, err)
	}
	r := newReader(path, io.LimitReader(f, MaxFile))
	r.file = f
	return r, nil
}
