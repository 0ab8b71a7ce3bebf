// Package archive writes and reads reproducibility archives: ZIP files that hold a run and all that it needs to be run
// again, with the SHA-256 of each file. The same files give the same bytes.
package archive

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Names in an archive.
const (
	SumsFile   = "SHA256SUMS"     // of all other files, as sha256sum writes and checks it
	RunDir     = "run"            // the run's folder
	InputDir   = "experiment"     // the effective experiment, and the files that it names
	ExtraDir   = "outside"        // below InputDir: files that are not below the experiment file's folder
	Experiment = "effective.json" // in InputDir: the effective experiment, with paths that start there
)

// Extension ends the names of archives.
const Extension = ".stellar.zip"

// File is one file of an archive.
type File struct {
	Name string // slash separated, from the archive's root
	Path string // where its content is; empty: it is Text
	Text []byte
	Exec bool
}

// open gives the file's content.
func (f File) open() (io.ReadCloser, error) {
	if f.Path == "" {
		return io.NopCloser(bytes.NewReader(f.Text)), nil
	}
	return wholefile.Open(f.Path)
}

// firstDay is the first day that ZIP has. All files of an archive have it, so that the same files give the same bytes.
func firstDay() time.Time { return time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC) }

// packed are the endings of files that are compressed already.
func packed(name string) bool {
	return slices.Contains([]string{".png", ".gz", ".zip", ".jar", ".jpg", ".zst"}, path.Ext(name))
}

// Write writes an archive of files, in the order of their names, and their checksums behind them. Two files of one name
// are an error.
func Write(to io.Writer, files []File) error {
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	out := zip.NewWriter(to)
	out.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.DefaultCompression)
	})
	var sums bytes.Buffer
	for i, f := range files {
		if f.Name == SumsFile || i > 0 && f.Name == files[i-1].Name {
			return fmt.Errorf("write the archive: two files are called %s", f.Name)
		}
		sum, err := add(out, f)
		if err != nil {
			return fmt.Errorf("write the archive: %s: %w", f.Name, err)
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, f.Name)
	}
	if _, err := add(out, File{Name: SumsFile, Text: sums.Bytes()}); err != nil {
		return fmt.Errorf("write the archive: %s: %w", SumsFile, err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	return nil
}

// add writes one entry, and gives its SHA-256 in hex.
func add(out *zip.Writer, f File) (sum string, err error) {
	if strings.ContainsAny(f.Name, "\n\\\r") {
		return "", errors.New("a name with a line break or a backslash cannot be archived")
	}
	in, err := f.open()
	if err != nil {
		return "", err
	}
	defer in.Close() //nolint:errcheck // only read from
	header := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: firstDay()}
	header.SetMode(0o644)
	if f.Exec {
		header.SetMode(0o755)
	}
	if packed(f.Name) {
		header.Method = zip.Store
	}
	entry, err := out.CreateHeader(header)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(entry, hash), in); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
