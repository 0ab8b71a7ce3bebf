// Package bootstraps carries the loops that run a managed runtime's handler on the local platform, as the cloud's own
// runtimes do there: each asks the Runtime API for an event, calls the handler, and answers.
package bootstraps

import _ "embed"

// Python is a script for python 3.8 and later: `python3 -u <script> <module.function>`, run in the package's folder
// with AWS_LAMBDA_RUNTIME_API set. It exits with 1 where the handler cannot be loaded (told to /init/error before) and
// when the Runtime API goes away. AWS_LAMBDA_MAX_CONCURRENCY, where set, is how many events it takes at once.
//
//go:embed python/bootstrap.py
var Python []byte
