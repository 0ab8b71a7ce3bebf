package cloud

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

const fakeTools = "STELLAR_TEST_TOOLS" // folder of the fakes

const fakeOwner = "STELLAR_TEST_OWNER" // folder of a row whose run this process owns, and is killed in

func TestMain(m *testing.M) {
	if dir := os.Getenv(fakeOwner); dir != "" {
		os.Exit(own(dir))
	}
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) { // nobody has chosen
		must(flag.Set("test.parallel", "8")) // rows of the fault table wait most of their time
	}
	tools, err := installFakes()
	must(err)
	asked, err := net.Listen("unix", filepath.Join(tools, "socket"))
	must(err)
	go serveFakes(asked)
	code := lab.Main(m)
	must(errors.Join(asked.Close(), os.RemoveAll(tools)))
	os.Exit(code)
}

// serveFakes answers fakecli's commands until the listener is closed.
func serveFakes(asked net.Listener) {
	for {
		conn, err := asked.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			defer func() {
				if p := recover(); p != nil { // of a row that has ended
					_ = json.NewEncoder(conn).Encode(done{Err: fmt.Sprintln(p), Code: 2})
				}
			}()
			var c command
			if err := json.NewDecoder(conn).Decode(&c); err == nil { // else it was killed
				_ = json.NewEncoder(conn).Encode(act(c))
			}
		}()
	}
}

// installFakes puts the fakes of all vendors' CLIs on the PATH, before all else. Every command of a row names the
// row's cloud, whose plan says which vendor's CLI it is.
func installFakes() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "stellar-fakes-"); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "fakecli")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "./fakecli")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./fakecli: %w\n%s", err, said)
	}
	for _, who := range fakeCLIs() {
		for _, name := range who.programs {
			link := filepath.Join(dir, name)
			if _, there := os.Lstat(link); there == nil {
				continue
			}
			if err := os.Symlink(program, link); err != nil {
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
