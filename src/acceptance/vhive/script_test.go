package vhive_test

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/script"
)

// TestScripts runs the scripts about vHive and Knative: functions that speak gRPC, on this machine.
func TestScripts(t *testing.T) { script.Run(t) }
