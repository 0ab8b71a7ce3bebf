package storage_test

import (
	"os"
	"testing"

	"stellar/src/acceptance/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
