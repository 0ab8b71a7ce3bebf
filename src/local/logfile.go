package local

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// maxLogLine is the length to which a line of a function's output is cut.
const maxLogLine = 64 << 10

// logFile is the bounded log of one function: two files that take turns, so that at least half of the bound is kept.
// Offsets count from the first byte ever written.
type logFile struct {
	path string
	half int64 // one file's share of the bound

	late sync.RWMutex // held for reading from before a request's answer to its last line, where that comes later

	mu      sync.Mutex
	file    *os.File // nil until the first line, and after close
	buf     *bufio.Writer
	start   int64 // offset of the current file's first byte
	old     int64 // bytes in the older file
	size    int64 // bytes in the current file, buffered ones included
	timer   *time.Timer
	waiting bool // the timer is set
	closed  bool
}

// newLogFile makes a log of at most bound bytes; a panic of its timer is passed to defect.
func newLogFile(path string, bound int64, defect func(error)) *logFile {
	l := &logFile{path: path, half: max(bound/2, 2*maxLogLine)}
	l.timer = time.AfterFunc(time.Hour, fail.Caught(defect, l.flushLater))
	l.timer.Stop()
	return l
}

// line writes one line of the platform; if it cannot be written, it is lost, because a log must never stop a request.
func (l *logFile) line(text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.ready(int64(len(text))+1) != nil {
		return
	}
	_, _ = l.buf.Write(text)
	_ = l.buf.WriteByte('\n')
	l.size += int64(len(text)) + 1
	if !l.waiting {
		l.waiting = true
		l.timer.Reset(200 * time.Millisecond)
	}
}

// printf writes a line of the platform. Its arguments may contain text of a function: what follows a line break in them
// is a line of the function.
func (l *logFile) printf(format string, args ...any) {
	first, rest, more := bytes.Cut(fmt.Appendf(nil, format, args...), []byte("\n"))
	l.line(first)
	for more {
		first, rest, more = bytes.Cut(rest, []byte("\n"))
		l.output(first)
	}
}

// output writes one line of a function. A line that looks like one of the platform gets a `>` in front, as does a line
// that has it already, so that a reader can remove it: only the platform's own lines begin with these words. It returns
// what it wrote.
func (l *logFile) output(text []byte) (written []byte) {
	if platformLine(text) {
		text = append([]byte{'>'}, text...)
	}
	l.line(text)
	return text
}

// platformLine reports whether a reader could mistake a line for one of the platform. Space around it is ignored,
// because readers trim it.
func platformLine(text []byte) bool {
	text = bytes.TrimLeft(text, "> \t")
	text = bytes.TrimSpace(text)
	for _, begin := range [...]string{"START RequestId:", "END RequestId:", "REPORT ", "RequestId: "} {
		if bytes.HasPrefix(text, []byte(begin)) {
			return true
		}
	}
	const id = len("Instance ") + 32
	return bytes.HasPrefix(text, []byte("Instance ")) && len(text) > id && text[id] == ':' ||
		bytes.HasPrefix(text, []byte("Pull ")) && bytes.HasSuffix(text, []byte("Pull complete"))
}

// ready opens the file, or starts a new one if the current one has no room for n bytes.
func (l *logFile) ready(n int64) error {
	if l.file != nil && l.size+n <= l.half {
		return nil
	}
	if l.file != nil {
		if err := errors.Join(l.buf.Flush(), l.file.Close(), os.Rename(l.path, l.path+".1")); err != nil {
			l.closed = true // no disk, no log
			return err
		}
		l.start += l.size
		l.old, l.size = l.size, 0
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	l.file, l.buf = file, bufio.NewWriterSize(file, 64<<10)
	return nil
}

func (l *logFile) flushLater() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = false
	if l.file != nil {
		_ = l.buf.Flush()
	}
}

// read returns the log from offset on, at most limit bytes, and the offset after it. An offset that is older than the
// kept part is moved up. The lines of requests whose answer has been sent are in it.
func (l *logFile) read(offset, limit int64) ([]byte, int64, error) {
	l.late.Lock()
	l.mu.Lock()
	l.late.Unlock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil, min(offset, l.start+l.size), nil
	}
	if err := l.buf.Flush(); err != nil {
		return nil, offset, err
	}
	offset = min(max(offset, l.start-l.old, 0), l.start+l.size)
	var out []byte
	at := offset
	if at < l.start {
		part, err := readPart(l.path+".1", at-(l.start-l.old), min(limit, l.start-at))
		if err != nil {
			return nil, offset, err
		}
		out, at, limit = part, at+int64(len(part)), limit-int64(len(part))
	}
	if at >= l.start && limit > 0 {
		part, err := readPart(l.path, at-l.start, min(limit, l.size-(at-l.start)))
		if err != nil {
			return nil, offset, err
		}
		out, at = append(out, part...), at+int64(len(part))
	}
	return out, at, nil
}

func readPart(path string, from, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, from, n))
}

// close ends the log and removes its files.
func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.timer.Stop()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	for _, path := range []string{l.path, l.path + ".1"} {
		if e := os.Remove(path); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// copyLines copies a function's output into the log until it ends, cutting long lines, and returns its last line. also
// gets each line as the log has it.
func (l *logFile) copyLines(r io.Reader, also func(line []byte)) (last string) {
	in := bufio.NewReaderSize(r, maxLogLine)
	cutting := false
	for {
		line, err := in.ReadSlice('\n')
		more := errors.Is(err, bufio.ErrBufferFull)
		if !cutting && len(line) > 0 {
			for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
				line = line[:len(line)-1]
			}
			also(l.output(line))
			if len(line) > 0 {
				last = string(line[:min(len(line), 500)])
			}
		}
		cutting = more
		if err != nil && !more {
			return last
		}
	}
}
