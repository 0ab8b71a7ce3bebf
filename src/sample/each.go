package sample

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Each reads all remaining rows and passes them on one by one, in their order; a row is valid until do returns. It
// returns nil at the end of the file and otherwise the error of Read, after the rows before the defect. All cores parse
// rows; the caller's goroutine only receives them.
func (r *Reader) Each(do func(*Sample)) error {
	e := r.newEach()
	defer e.end()
	for b := range e.order {
		<-b.ready
		for i := range b.rows {
			do(&b.rows[i])
		}
		if !errors.Is(b.err, io.EOF) {
			return b.err
		}
		r.torn = max(r.torn, b.torn)
		e.free <- b
	}
	if p := e.broke.Load(); p != nil {
		return *p
	}
	return nil
}

// batch is a piece of the file that holds whole rows, and what became of it.
type batch struct {
	text  []byte
	line  int   // line breaks before it
	last  error // what comes after the text: io.EOF where it is whole
	rows  []Sample
	torn  int
	err   error
	ready chan struct{}
}

// each is one reading: a goroutine that cuts the file, and one per core that parses batches. The number of batches is
// limited, so that no goroutine is far ahead.
type each struct {
	free  chan *batch
	work  chan *batch
	order chan *batch // as they stand in the file
	stop  chan struct{}
	all   sync.WaitGroup
	broke atomic.Pointer[error] // a panic while the file was cut, stored before order is closed
}

func (e *each) fail(err error) { e.broke.CompareAndSwap(nil, &err) }

func (r *Reader) newEach() *each {
	workers := runtime.GOMAXPROCS(0)
	batches := 2*workers + 2
	e := &each{free: make(chan *batch, batches), work: make(chan *batch, batches), order: make(chan *batch, batches),
		stop: make(chan struct{})}
	for range batches {
		e.free <- &batch{ready: make(chan struct{}, 1)}
	}
	e.all.Go(fail.Caught(e.fail, func() { e.cut(r.lines) }, func() { close(e.work); close(e.order) }))
	for range workers {
		// The columns are shared, what they remember is not.
		own := &Reader{name: r.name, cols: r.cols, memos: make([]memo, len(r.cols)), blank: r.blank, old: r.old}
		e.all.Go(fail.Caught(e.fail, func() {
			for b := range e.work {
				own.batch(b)
			}
		}))
	}
	return e
}

// end stops the goroutines that still run, and waits for them: afterwards the file may be closed.
func (e *each) end() {
	close(e.stop)
	e.all.Wait()
}

// cut makes batches of the file until it ends.
func (e *each) cut(l *lineReader) {
	for more := true; more; {
		var b *batch
		select {
		case b = <-e.free:
		case <-e.stop:
			return
		}
		if more = l.batch(b); len(b.text) > 0 || !more {
			e.work <- b // has room for all there are
			e.order <- b
		} else {
			e.free <- b
		}
	}
}

// batch fills a batch with whole rows and says whether there is more. Text that has no end, or none within what a row
// may have, is left to who reads the batch: it is the last one.
func (l *lineReader) batch(b *batch) (more bool) {
	b.line, b.last = l.seen, io.EOF
	if l.start == l.end && l.err == nil {
		l.fill()
	}
	for {
		text := l.buf[l.start:l.end]
		n := wholeRows(text)
		more = l.err == nil && (n > 0 || len(text) <= maxLine)
		switch {
		case n > 0 && more:
			text = text[:n]
		case more:
			l.fill()
			continue
		case l.err != nil:
			b.last = l.err
		}
		b.text = append(b.text[:0], text...)
		l.start += len(text)
		l.seen += bytes.Count(text, []byte{'\n'})
		return more
	}
}

// wholeRows is the length of the complete rows at the beginning of a text. A line break inside quotes does not end a
// row; without quotes, the last line break does.
func wholeRows(text []byte) int {
	last := bytes.LastIndexByte(text, '\n') + 1
	for quotes := bytes.Count(text[:last], []byte{'"'}); quotes%2 != 0; {
		before := bytes.LastIndexByte(text[:last-1], '\n') + 1
		quotes -= bytes.Count(text[before:last], []byte{'"'})
		last = before
	}
	return last
}

// batch takes a batch apart.
func (r *Reader) batch(b *batch) {
	r.lines = &lineReader{buf: b.text, end: len(b.text), err: b.last, seen: b.line}
	r.torn = 0
	b.rows = b.rows[:0]
	b.err = fail.Try(func() error {
		for {
			b.rows = slices.Grow(b.rows, 1)[:len(b.rows)+1]
			if err := r.Read(&b.rows[len(b.rows)-1]); err != nil {
				return err
			}
		}
	})
	b.rows, b.torn = b.rows[:len(b.rows)-1], r.torn
	b.ready <- struct{}{}
}
