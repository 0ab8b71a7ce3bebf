package cli_test

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/script"
)

// TestScripts runs the scripts of the command line itself, with functions on this machine.
func TestScripts(t *testing.T) { script.Run(t) }
