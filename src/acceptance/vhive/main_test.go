package vhive_test

import (
	"os"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
