// Command stellar measures serverless platforms: it deploys functions, probes them with bursts, and tears everything
// down again.
package main

import (
	"os"

	"github.com/vhive-serverless/STeLLAR/src/launch"
)

func main() { launch.Main(os.Exit) }
