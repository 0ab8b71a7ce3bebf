// Command stellar measures serverless platforms: it deploys functions, probes them with bursts, and tears everything
// down again. `go install` names the binary after this folder; src is the same program.
package main

import (
	"os"

	"github.com/vhive-serverless/STeLLAR/src/launch"
)

func main() { launch.Main(os.Exit) }
