// Package embedded starts and stops the object store that is in the binary: a server of S3 as a process of its own,
// with its files in a folder and an address on the loopback interface. A run's own store ends with the run; another one
// stays until it is stopped. The server itself is package objectstore/s3server.
package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Region is the region of the embedded store's buckets. It is none of AWS: where boto3 has one of those that had older
// signatures once, it presigns URLs with them.
const Region = "local"

// Keys are what requests to the store are signed with.
type Keys struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// Options say what a store is.
type Options struct {
	Dir    string // absolute; has the objects, and a lock while the store runs
	Port   int    // on the loopback address; 0: any free one
	Region string // of its buckets
	MD5    bool   // an object's ETag is its MD5, as it often is on S3; else a checksum that takes hardly any time
	Keys   Keys
}

// State is where a store is.
type State struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
	Dir string `json:"dir"`
}

const (
	ownerLock  = "owner"          // in the folder of a store that stays: locked while the store runs
	besideLock = ".alive"         // behind the name of the folder of a run's own store: likewise
	stateFile  = "store.json"     // of the store that stays, in the state root
	keysFile   = "keys.json"      // likewise
	logFile    = "store.log"      // likewise
	startLock  = "lock"           // in the state root: one start or stop at a time
	dataFolder = "stays"          // in the state root: the folder of the store that stays, where none is named
	runPrefix  = "run-"           // of the folders of runs' own stores in the state root
	startTime  = 30 * time.Second // until a store has to have reported its address
	endTime    = 10 * time.Second // until one that was asked to end is killed
	folderMode = os.FileMode(0o700)
	secretMode = os.FileMode(0o600)
)

// StateRoot is the folder with the state of embedded stores: $XDG_STATE_HOME/stellar/storage, default
// ~/.local/state/stellar/storage. getenv is the caller's environment.
func StateRoot(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "stellar", "storage"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "stellar", "storage"), nil
	}
	return "", fail.Input("object store: no folder for its state: " +
		"neither XDG_STATE_HOME nor HOME is an absolute path").WithHint("set HOME or XDG_STATE_HOME")
}

// RunDir is the folder of a run's own store, within the state root.
func RunDir(root, run string) string { return filepath.Join(root, runPrefix+run) }

// NewKeys draws keys.
func NewKeys() Keys {
	secret := make([]byte, 30)
	_, _ = rand.Read(secret) // never fails
	return Keys{ID: "STELLAR" + strings.ToUpper(hex.EncodeToString(secret[:6])), Secret: hex.EncodeToString(secret[6:])}
}

// kept is what a store that stays has after each start, so that what users have configured goes on working.
type kept struct {
	Keys
	Port int `json:"port,omitempty"` // of the last start; 0: it was never started
}

// recall gives what the store that stays has had, with new keys where it has had none.
func recall(root string) (kept, error) {
	path := filepath.Join(root, keysFile)
	var k kept
	found, err := readJSON(path, &k)
	if err != nil || found && k.ID != "" && k.Secret != "" {
		return k, err
	}
	k = kept{Keys: NewKeys()}
	return k, writeJSON(path, k)
}

// free reports whether a port of the loopback address has no listener.
func free(ctx context.Context, port int) bool {
	var any net.ListenConfig
	l, err := any.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && l.Close() == nil
}

// readJSON reads a file of the state root; found is false where there is none.
func readJSON(path string, into any) (found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return false, fail.With(fail.CodeFailed, "object store: read %s: %w", path, err).
			WithHint("remove the file and start the store again")
	}
	return true, nil
}

// writeJSON writes a file of the state root so that a reader sees all of it or nothing.
func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	err = os.WriteFile(tmp, append(text, '\n'), secretMode)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return fail.With(fail.CodeFailed, "object store: %w", err)
	}
	return nil
}
