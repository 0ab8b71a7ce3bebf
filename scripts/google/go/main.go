// Command serverless_function_app is what Google's builder makes of a function in Go
// (github.com/GoogleCloudPlatform/buildpacks, cmd/go/functions_framework): the function's module lies below it, and the
// framework calls what it exports.
package main

import (
	"log"
	"os"

	"example.com/measure"
	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

func main() {
	functions.HTTP("Handle", measure.Handle)
	if err := funcframework.Start(os.Getenv("PORT")); err != nil {
		log.Fatal(err)
	}
}
