package sample

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// rewriteSuffix marks the file that takes the place of another one once it is whole.
const rewriteSuffix = ".new"

// Rewrite changes rows of a file that Create made. The new rows go to a file beside it, which takes its name once it is
// on disk: whatever happens meanwhile, all rows are there, the old ones or the new ones. A last line that a crash tore
// is left out.
func Rewrite(path string, change func(*Sample)) error {
	if err := rewrite(path, change); err != nil {
		return fmt.Errorf("write the rows anew: %w", errors.Join(err, removeIfThere(path+rewriteSuffix)))
	}
	return nil
}

func rewrite(path string, change func(*Sample)) (err error) {
	in, err := wholefile.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	rows, err := NewReader(in, path)
	if err != nil {
		return err
	}
	out, err := os.Create(path + rewriteSuffix)
	if err != nil {
		return err
	}
	w := newWriter(out, out.Name())
	w.header()
	if err := copyRows(rows, w, change); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.Rename(out.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// copyRows writes all rows, changed. Pieces that are full go to the kernel; the disk is waited for once, at the end.
func copyRows(rows *Reader, w *Writer, change func(*Sample)) error {
	var s Sample
	for {
		err := rows.Read(&s)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		change(&s)
		w.AppendRow(&s)
		if len(w.buf) < flushAt {
			continue
		}
		if _, err := w.out.Write(w.buf); err != nil {
			return err
		}
		w.buf = w.buf[:0]
	}
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
