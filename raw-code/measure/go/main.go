// Command measure is the measurement function: it reports its instance, spins if asked, makes a payload if asked, and
// stamps. It speaks the Lambda Runtime API where AWS_LAMBDA_RUNTIME_API is set, and HTTP where PORT is set; there it
// also serves gRPC, as functions on vHive do, and is a link of chains.
//
// Only the standard library, and little of it: its cold start should measure the platform rather than an SDK.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := serve(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// serve gets ready and answers requests until the platform goes away.
func serve(getenv func(string) string) error {
	// the latter as Azure Functions has it
	runtimeAPI, port := getenv("AWS_LAMBDA_RUNTIME_API"), getenv("FUNCTIONS_CUSTOMHANDLER_PORT")
	if port == "" {
		port = getenv("PORT")
	}
	if runtimeAPI == "" && port == "" {
		return errors.New("neither AWS_LAMBDA_RUNTIME_API nor PORT is set: nothing to serve")
	}
	f := newFunction(getenv)
	if getenv("STELLAR_FILLER_READ") == "1" {
		if err := readFiller(getenv("LAMBDA_TASK_ROOT")); err != nil {
			if runtimeAPI != "" {
				reportInitError(runtimeAPI, err)
			}
			return err
		}
	}
	if runtimeAPI != "" {
		return serveRuntimeAPI(f, runtimeAPI, getenv("AWS_LAMBDA_MAX_CONCURRENCY"))
	}
	return serveHTTP(f, port)
}
