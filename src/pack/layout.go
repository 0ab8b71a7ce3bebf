package pack

import (
	"errors"
	"sort"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

const (
	fillerName   = "stellar-filler.bin"
	fillerStem   = "stellar-filler-"
	fillerEnding = ".bin"
	mostFillers  = 8  // of a spread package
	leastFiller  = 16 // bytes; a smaller gap is closed by the archive's comment
	mostComment  = 1<<16 - 1
)

var (
	errTooSmall = errors.New("smaller than its code")
	errNoFit    = errors.New("no padding gives exactly that size")
)

// layout describes an archive to the last byte: the order of its entries, and the length of the comment.
type layout struct {
	entries []entry
	comment int
	limit   uint64 // sizes from here on need the 64-bit fields; 0: the format's own
}

// arrange lays out code and filler so that the archive is exactly target bytes long; 0 means without filler. The seed
// and an entry's number decide the filler's bytes.
func arrange(code []entry, target bytesize.Size, placement string, seed int64) (layout, error) {
	return arrangeWithin(0, code, target, placement, seed)
}

func arrangeWithin(limit uint64, code []entry, target bytesize.Size, placement string, seed int64) (layout, error) {
	bare := layout{entries: code, limit: limit}
	if target == 0 {
		return bare, nil
	}
	if target < 0 || uint64(target) < bare.size() {
		return layout{}, errTooSmall
	}
	want := uint64(target)
	gap := want - bare.size()
	names, err := fillerNames(placement, gap)
	if err != nil {
		return layout{}, err
	}
	// The archive's size grows byte by byte with the filler's, except for the steps where fields grow to 64 bits. So a
	// binary search finds the largest filler that fits, and the comment fills the gap of a step. If not even the
	// smallest fits, because it pushes later entries over such a step, there is one filler less.
	l := bare
	for ; len(names) > 0; names = names[:len(names)-1] {
		padded := func(filler uint64) layout {
			return layout{entries: place(code, names, filler, placement, seed), limit: limit}
		}
		least := uint64(leastFiller * len(names))
		more := sort.Search(int(gap), func(i int) bool { return padded(least+uint64(i)).size() > want })
		if more > 0 {
			l = padded(least + uint64(more) - 1)
			break
		}
	}
	left := want - l.size()
	if left > mostComment {
		return layout{}, errNoFit
	}
	l.comment = int(left)
	return l, nil
}

// fillerNames names the fillers for a gap; none if the gap is too small for an entry.
func fillerNames(placement string, gap uint64) ([]string, error) {
	switch placement {
	case "", "back", "front":
		if gap < fillerCost(fillerName) {
			return nil, nil
		}
		return []string{fillerName}, nil
	case "spread":
		n := min(gap/fillerCost(spreadName(0)), mostFillers)
		names := make([]string, n)
		for i := range names {
			names[i] = spreadName(i)
		}
		return names, nil
	}
	return nil, fail.Input("FillerPlacement %q: want front, back or spread", placement)
}

func spreadName(i int) string { return fillerStem + strconv.Itoa(i) + fillerEnding }

// fillerCost is the smallest number of bytes that a filler of that name adds to an archive.
func fillerCost(name string) uint64 {
	return localLen + centralLen + 2*uint64(len(name)) + leastFiller
}

// isFiller reports whether a file of the function has a filler's name.
func isFiller(name string) bool {
	return name == fillerName || (strings.HasPrefix(name, fillerStem) && strings.HasSuffix(name, fillerEnding))
}

// place puts fillers of the given total size among the code: before it, after it, or at even distances from the first
// to the last position.
func place(code []entry, names []string, bytes uint64, placement string, seed int64) []entry {
	n := uint64(len(names))
	all := make([]entry, 0, len(code)+len(names))
	next := 0
	for i, name := range names {
		before := len(code)
		switch {
		case placement == "front":
			before = 0
		case placement == "spread" && n > 1:
			before = i * len(code) / (len(names) - 1)
		case placement == "spread":
			before = len(code) / 2
		}
		all = append(all, code[next:before]...)
		next = before
		size := bytes / n
		if uint64(i) < bytes%n {
			size++
		}
		all = append(all, fillerEntry(name, size, seed, i))
	}
	return append(all, code[next:]...)
}

func fillerEntry(name string, size uint64, seed int64, number int) entry {
	return entry{name: name, method: stored, crc: fillerCRC, packed: size, plain: size,
		body: filler{seed: seed, number: uint64(number), size: size}}
}
