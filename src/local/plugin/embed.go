// Package plugin carries the Serverless Framework plugin that deploys to the local platform.
package plugin

import (
	_ "embed"
	"os"
	"path/filepath"
)

// Name is the file name under which serverless.yml refers to the plugin: `plugins: [./stellar-local.js]`.
const Name = "stellar-local.js"

// FunctionsName is the file that the plugin loads for commands about one function.
const FunctionsName = "stellar-local-functions.js"

// EndpointsFile is what the plugin writes beside serverless.yml on deploy and info, and deletes on remove:
// {"service":…,"endpoints":[{"function","url","functionURL","lambdaName","packageBytes","packageSHA256",
// "runtimeVersion","limitsEnforced"}]}.
const EndpointsFile = ".stellar-endpoints.json"

// Source is the plugin: CommonJS without dependencies.
//
//go:embed stellar-local.js
var Source []byte

// FunctionsSource is the file of FunctionsName.
//
//go:embed stellar-local-functions.js
var FunctionsSource []byte

// Install writes the plugin into a folder, which it makes. A serverless.yml names it by its path:
// `plugins: [./DIR/stellar-local.js]`. Files of its names are replaced.
func Install(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range map[string][]byte{Name: Source, FunctionsName: FunctionsSource} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
