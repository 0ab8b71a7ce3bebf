// Package bootstraps carries the loops that run a managed runtime's handler on the local platform, as the cloud's own
// runtimes do there: each asks the Runtime API for an event, calls the handler, and answers.
//
// All of them run in the package's folder, or are told it by LAMBDA_TASK_ROOT, with AWS_LAMBDA_RUNTIME_API set. They
// exit with 1 where the handler cannot be loaded (told to /init/error before) and when the Runtime API goes away.
// AWS_LAMBDA_MAX_CONCURRENCY, where set, is how many events they take at once.
package bootstraps

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"io/fs"
)

// Python is a script for Python 3.8 and later: `python3 -u <script> <module.function>`.
//
//go:embed python/bootstrap.py
var Python []byte

// Node is a script for Node.js 18 and later: `node <script> <module.function>`.
//
//go:embed nodejs/bootstrap.js
var Node []byte

// Ruby is a script for Ruby 2.7 and later: `ruby <script> <file.method>`.
//
//go:embed ruby/bootstrap.rb
var Ruby []byte

// Digest identifies a version of the loops.
func Digest() string {
	h := sha256.New()
	_ = fs.WalkDir(javaLoop, "java", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := javaLoop.ReadFile(name)
		h.Write(text)
		return err
	})
	for _, loop := range [][]byte{Python, Node, Ruby} {
		h.Write(loop)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
