package aliyun_test

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/script"
)

// TestScripts runs the scripts of the command line that need no account.
func TestScripts(t *testing.T) { script.Run(t) }
