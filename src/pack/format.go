package pack

import (
	"cmp"
	"encoding/binary"
	"math"
)

// The ZIP format: PKWARE's APPNOTE 6.3.10. This package writes the headers itself instead of using archive/zip, because
// an exact size requires that every byte is known in advance, including the 64-bit fields, which archive/zip does not
// control for entries whose bytes are passed through. Sizes and CRC are written before the data, because not every
// unpacker accepts stored entries that have them only afterwards.
const (
	localLen     = 30 // fixed part of an entry's header before its data
	centralLen   = 46 // fixed part of its line in the list at the end
	endLen       = 22
	end64Len     = 56
	locator64Len = 20

	stored     = 0
	version20  = 20      // deflate
	version45  = 45      // 64-bit fields
	madeOnUnix = 3 << 8  // external attributes hold a Unix mode
	utf8Names  = 1 << 11 // flag
	dosDate    = 1<<5 | 1
	extra64    = 1 // tag of the 64-bit fields
)

// entry is one file of an archive.
type entry struct {
	name   string
	exec   bool
	method uint16
	crc    uint32
	packed uint64 // bytes in the archive
	plain  uint64 // bytes once unpacked
	body   body
}

// body writes an entry's bytes as they are in the archive.
type body interface{ writeTo(p *pipe) error }

func (l layout) max32() uint64 { return cmp.Or(l.limit, math.MaxUint32) }

// wide reports whether an entry's sizes need 64 bits. Then both are given: the format requires it before the data.
func (l layout) wide(e entry) bool { return e.packed >= l.max32() || e.plain >= l.max32() }

func (l layout) localSize(e entry) uint64 {
	n := localLen + uint64(len(e.name))
	if l.wide(e) {
		n += 4 + 16
	}
	return n
}

func (l layout) centralSize(e entry, offset uint64) uint64 {
	n := uint64(0)
	if l.wide(e) {
		n += 16
	}
	if offset >= l.max32() {
		n += 8
	}
	if n > 0 {
		n += 4
	}
	return centralLen + uint64(len(e.name)) + n
}

func (l layout) wideEnd(offset, list uint64) bool {
	return len(l.entries) >= math.MaxUint16 || offset >= l.max32() || list >= l.max32()
}

// size is the length of the whole archive in bytes.
func (l layout) size() uint64 {
	var offset, list uint64
	for _, e := range l.entries {
		list += l.centralSize(e, offset)
		offset += l.localSize(e) + e.packed
	}
	n := offset + list + endLen + uint64(l.comment)
	if l.wideEnd(offset, list) {
		n += end64Len + locator64Len
	}
	return n
}

func version(wide bool) uint16 {
	if wide {
		return version45
	}
	return version20
}

func flags(e entry) uint16 {
	for i := range len(e.name) {
		if e.name[i] >= 0x80 {
			return utf8Names
		}
	}
	return 0
}

// common writes the fields that an entry's two headers share, from the version on.
func (l layout) common(b []byte, e entry, needs uint16, extra int) []byte {
	le := binary.LittleEndian
	b = le.AppendUint16(b, needs)
	b = le.AppendUint16(b, flags(e))
	b = le.AppendUint16(b, e.method)
	b = le.AppendUint16(b, 0) // midnight of the first day of the format: builds do not differ by their time
	b = le.AppendUint16(b, dosDate)
	b = le.AppendUint32(b, e.crc)
	packed, plain := e.packed, e.plain
	if l.wide(e) {
		packed, plain = math.MaxUint32, math.MaxUint32
	}
	b = le.AppendUint32(b, uint32(packed))
	b = le.AppendUint32(b, uint32(plain))
	b = le.AppendUint16(b, uint16(len(e.name)))
	return le.AppendUint16(b, uint16(extra))
}

// local is the header before an entry's data.
func (l layout) local(e entry) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0x04034b50)
	b = l.common(b, e, version(l.wide(e)), int(l.localSize(e))-localLen-len(e.name))
	b = append(b, e.name...)
	if l.wide(e) {
		b = le.AppendUint16(b, extra64)
		b = le.AppendUint16(b, 16)
		b = le.AppendUint64(b, e.plain)
		b = le.AppendUint64(b, e.packed)
	}
	return b
}

// central is an entry's line in the list at the end.
func (l layout) central(e entry, offset uint64) []byte {
	le := binary.LittleEndian
	extra := int(l.centralSize(e, offset)) - centralLen - len(e.name)
	needs := version(extra > 0)
	mode := uint32(0o100644)
	if e.exec {
		mode = 0o100755
	}
	b := le.AppendUint32(nil, 0x02014b50)
	b = le.AppendUint16(b, madeOnUnix|needs)
	b = l.common(b, e, needs, extra)
	b = le.AppendUint16(b, 0) // comment
	b = le.AppendUint16(b, 0) // disk
	b = le.AppendUint16(b, 0) // internal attributes
	b = le.AppendUint32(b, mode<<16)
	short := offset
	if offset >= l.max32() {
		short = math.MaxUint32
	}
	b = le.AppendUint32(b, uint32(short))
	b = append(b, e.name...)
	if extra > 0 {
		b = le.AppendUint16(b, extra64)
		b = le.AppendUint16(b, uint16(extra-4))
		if l.wide(e) {
			b = le.AppendUint64(b, e.plain)
			b = le.AppendUint64(b, e.packed)
		}
		if offset >= l.max32() {
			b = le.AppendUint64(b, offset)
		}
	}
	return b
}

// end closes the archive; offset and size are those of the list of entries, in bytes.
func (l layout) end(offset, list uint64) []byte {
	le := binary.LittleEndian
	n := uint64(len(l.entries))
	var b []byte
	if l.wideEnd(offset, list) {
		b = le.AppendUint32(b, 0x06064b50)
		b = le.AppendUint64(b, end64Len-12)
		b = le.AppendUint16(b, madeOnUnix|version45)
		b = le.AppendUint16(b, version45)
		b = le.AppendUint64(b, 0) // this disk, the list's disk
		b = le.AppendUint64(b, n)
		b = le.AppendUint64(b, n)
		b = le.AppendUint64(b, list)
		b = le.AppendUint64(b, offset)
		b = le.AppendUint32(b, 0x07064b50)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, offset+list)
		b = le.AppendUint32(b, 1)
		n, list, offset = math.MaxUint16, math.MaxUint32, math.MaxUint32
	}
	b = le.AppendUint32(b, 0x06054b50)
	b = le.AppendUint32(b, 0) // this disk, the list's disk
	b = le.AppendUint16(b, uint16(n))
	b = le.AppendUint16(b, uint16(n))
	b = le.AppendUint32(b, uint32(list))
	b = le.AppendUint32(b, uint32(offset))
	b = le.AppendUint16(b, uint16(l.comment))
	for range l.comment {
		b = append(b, '.')
	}
	return b
}
