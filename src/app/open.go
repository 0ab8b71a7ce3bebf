package app

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// openPatience is how long a failure of the program that opens a page is awaited. One that runs longer is the browser,
// or starts it.
const openPatience = 3 * time.Second

// Open opens a page in the user's browser: with the program that BROWSER names, else with the system's own.
func (a App) Open(ctx context.Context, path string) error {
	name := "xdg-open"
	if runtime.GOOS == "darwin" {
		name = "open"
	}
	start := a.Runner
	if start == nil {
		start = shell.Run
	}
	_, err := start(ctx, shell.Command{Name: cmp.Or(a.Getenv("BROWSER"), name), Args: []string{path},
		Timeout: openPatience, Stays: true})
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	return nil
}
