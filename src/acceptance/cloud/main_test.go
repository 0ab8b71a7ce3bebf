package cloud

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"stellar/src/acceptance/lab"
)

const fakeTools = "STELLAR_TEST_TOOLS" // folder of the fakes

const fakeOwner = "STELLAR_TEST_OWNER" // folder of a row whose run this process owns, and is killed in

func TestMain(m *testing.M) {
	if dir := os.Getenv(fakeCloud); dir != "" && filepath.Base(os.Args[0]) != filepath.Base(testBinary()) {
		os.Exit(act(store{dir}, filepath.Base(os.Args[0]), os.Args[1:]))
	}
	if dir := os.Getenv(fakeOwner); dir != "" {
		os.Exit(own(dir))
	}
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) { // nobody has chosen
		must(flag.Set("test.parallel", "8")) // rows of the fault table wait most of their time
	}
	tools, err := installFakes()
	must(err)
	code := lab.Main(m)
	must(os.RemoveAll(tools))
	os.Exit(code)
}

// installFakes puts the fakes of all vendors' CLIs on the PATH, before all else. Every command of a row names the
// row's cloud, whose plan says which vendor's CLI it is.
func installFakes() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "stellar-fakes-"); err != nil {
		return "", err
	}
	for _, who := range fakeCLIs() {
		for _, name := range who.programs {
			link := filepath.Join(dir, name)
			if _, there := os.Lstat(link); there == nil {
				continue
			}
			if err := os.Symlink(testBinary(), link); err != nil {
				return "", err
			}
		}
	}
	return dir, errors.Join(os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")),
		os.Setenv(fakeTools, dir),
		os.Setenv("AWS_EC2_METADATA_DISABLED", "true")) // clean --all looks for credentials of every provider
}

func testBinary() string {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return path
}
