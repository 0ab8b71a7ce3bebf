// Command stellar measures serverless platforms: it deploys functions, probes them with bursts, and tears everything
// down again.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"stellar/src/cli"
	"stellar/src/fail"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		fmt.Fprintln(os.Stderr, "\nstopping: what was measured is kept, what was deployed is being removed (once more: leave at once)")
		cancel(fail.With(fail.CodeInterrupted, "interrupted"))
		<-signals
		fmt.Fprintln(os.Stderr, "left at once: `stellar clean` removes what is still there")
		os.Exit(fail.CodeInterrupted)
	}()
	os.Exit(cli.Run(ctx, cli.RealWorld()))
}
