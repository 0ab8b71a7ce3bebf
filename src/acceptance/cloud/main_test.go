package cloud

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

const fakeOwner = "STELLAR_TEST_OWNER" // folder of a row whose run this process owns, and is killed in

func TestMain(m *testing.M) {
	if dir := os.Getenv(fakeCloud); dir != "" && filepath.Base(os.Args[0]) != filepath.Base(testBinary()) {
		os.Exit(act(cloud{dir}, filepath.Base(os.Args[0]), os.Args[1:]))
	}
	if dir := os.Getenv(fakeOwner); dir != "" {
		os.Exit(own(dir))
	}
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) { // nobody has chosen
		must(flag.Set("test.parallel", "8")) // rows of the fault table wait most of their time
	}
	os.Exit(m.Run())
}

func testBinary() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}
