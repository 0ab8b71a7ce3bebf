package objectstore

import (
	"context"
	"io"
	"path"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Area is the part of a bucket that one run uses: the keys below its prefix.
type Area struct {
	store  Store
	prefix string
}

// AreaOf gives the area of a run in a bucket.
func AreaOf(s Store, run string) Area { return Area{store: s, prefix: Prefix(run)} }

// Prefix is what the keys of a run's objects begin with. No other run has it, for a run's id is unique.
func Prefix(run string) string { return run + "/" }

// Object makes the URLs of an object by its name within the run. It sends no request.
func (a Area) Object(name string, valid time.Duration) (Object, error) {
	key, err := a.key(name)
	if err != nil {
		return Object{}, err
	}
	return a.store.Presign(key, valid)
}

// Read gives the content of an object by its name within the run.
func (a Area) Read(ctx context.Context, name string) (io.ReadCloser, error) {
	key, err := a.key(name)
	if err != nil {
		return nil, err
	}
	return a.store.Read(ctx, key)
}

// Drop deletes objects by their names within the run. That one is not there is success.
func (a Area) Drop(ctx context.Context, names ...string) error {
	keys := make([]string, len(names))
	for i, name := range names {
		key, err := a.key(name)
		if err != nil {
			return err
		}
		keys[i] = key
	}
	return a.store.Delete(ctx, keys...)
}

// key is an object's key. Names are made by studies; one that is a path out of the run's area is a defect of theirs.
func (a Area) key(name string) (string, error) {
	odd := func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./", r)
	}
	if name == "" || strings.ContainsFunc(name, odd) || path.Clean("/"+name) != "/"+name {
		return "", fail.With(fail.CodeFailed, "object store: %q is no name of an object of a run", name)
	}
	return a.prefix + name, nil
}
