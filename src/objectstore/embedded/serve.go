package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Folders in a store's folder.
const (
	DataFolder       = "data"       // a folder for each bucket
	AttributesFolder = "attributes" // what S3 keeps of objects, on file systems without extended attributes
)

// Server serves a store until ctx ends, and calls listening once it takes requests.
type Server func(ctx context.Context, o Options, listening func(url string)) error

// ServeIO is the input and output of the hidden command `stellar storage serve`.
type ServeIO struct {
	Args   []string // what follows `storage serve`
	Stdin  io.Reader
	Stdout io.Writer // gets one JSON line, the State
	Stderr io.Writer // warnings
}

// ServeCommand runs the hidden command `stellar storage serve`, which Spawn and Start start. It serves until ctx ends
// or its owner does. A store that has an owner removes its folder at its end.
func ServeCommand(ctx context.Context, s ServeIO, serve Server) error {
	var o Options
	flags := flag.NewFlagSet("storage serve", flag.ContinueOnError)
	flags.SetOutput(s.Stderr)
	owned := flags.Bool("stdin-owner", false, "end when standard input does, and remove the folder")
	flags.StringVar(&o.Dir, "dir", "", "folder")
	flags.IntVar(&o.Port, "port", 0, "port")
	flags.StringVar(&o.Region, "region", Region, "region of buckets")
	flags.BoolVar(&o.MD5, "md5", false, "ETags are MD5")
	if err := flags.Parse(s.Args); err != nil {
		return fail.Input("storage serve: %w", err)
	}
	held, err := takeOver(&o)
	if err != nil {
		return fail.Input("storage serve is started by stellar, not by hand: %w", err).
			WithHint("`stellar storage start` starts it")
	}
	defer runtime.KeepAlive(held) // the lock ends with the process
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if *owned {
		// The owner holds the other end of the pipe: however it ends, the read does too.
		fail.Go(fail.Report(ctx), func() { _, _ = io.Copy(io.Discard, s.Stdin) }, cancel)
	}
	var reported error
	var once sync.Once
	err = serve(ctx, o, func(url string) {
		once.Do(func() {
			reported = json.NewEncoder(s.Stdout).Encode(State{URL: url, PID: os.Getpid(), Dir: o.Dir})
			if reported != nil {
				cancel()
			}
		})
	})
	if *owned {
		err = errors.Join(err, os.RemoveAll(o.Dir))
	}
	return errors.Join(err, reported)
}

// takeOver takes what the process was started with: the keys, and the lock of the folder, in which it writes its
// number. Children would not inherit the lock.
func takeOver(o *Options) (*os.File, error) {
	if !filepath.IsAbs(o.Dir) {
		return nil, fmt.Errorf("%q is not an absolute path", o.Dir)
	}
	for _, fd := range []int{keysFD, lockFD} {
		var info syscall.Stat_t
		if err := syscall.Fstat(fd, &info); err != nil {
			return nil, fmt.Errorf("file %d: %w", fd, err)
		}
		syscall.CloseOnExec(fd)
	}
	keys := os.NewFile(keysFD, "keys")
	err := json.NewDecoder(keys).Decode(&o.Keys)
	if err = errors.Join(err, keys.Close()); err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	held := os.NewFile(lockFD, "lock")
	if err := held.Truncate(0); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	_, err = fmt.Fprintf(held, "%d\n", os.Getpid())
	return held, err
}
