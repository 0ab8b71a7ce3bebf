package cloud

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// cli puts the real gcloud on the PATH, or the tests' own where this machine has none or STELLAR_TEST_GCLOUD is set. A
// start of the real one computes for most of a second to load its modules, so where it comes with a Python of its own,
// gcloudserver.py loads them once, and each command runs in a fork of it.
func (g *Google) cli() []string {
	if _, err := exec.LookPath("gcloud"); err != nil || os.Getenv("STELLAR_TEST_GCLOUD") != "" {
		text, err := os.ReadFile(testdata("gcloud.py"))
		if err != nil {
			g.t.Fatal(err)
		}
		return g.gcloudIs(string(text))
	}
	server, err := gcloudServer()
	if err != nil {
		g.t.Fatal(err)
	}
	if server == nil {
		return []string{"PATH=" + lab.RealPath()}
	}
	return g.gcloudIs(fmt.Sprintf("#!/bin/sh\nexec '%s' -I -S '%s' '%s' \"$@\"\n", server.python,
		testdata("gcloudclient.py"), server.socket))
}

// gcloudIs is the PATH on which a script is gcloud.
func (g *Google) gcloudIs(script string) []string {
	bin := filepath.Join(g.dir, "bin")
	if _, err := os.Stat(bin); err != nil {
		if err := errors.Join(os.Mkdir(bin, 0o755), os.WriteFile(filepath.Join(bin, "gcloud"), []byte(script),
			0o755)); err != nil {
			g.t.Fatal(err)
		}
	}
	return []string{"PATH=" + lab.RealPath(bin)}
}

// sdkOf finds the Python that comes with a gcloud, and the folder of gcloud.py; empty where it has none.
func sdkOf(program string) (python, lib string) {
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	sdk := filepath.Dir(filepath.Dir(program))
	python, lib = filepath.Join(sdk, "platform", "bundledpythonunix", "bin", "python3"), filepath.Join(sdk, "lib")
	for _, file := range []string{python, filepath.Join(lib, "gcloud.py")} {
		if _, err := os.Stat(file); err != nil {
			return "", ""
		}
	}
	return python, lib
}

// startedServer is a server that runs until this process ends, which closes its standard input.
type startedServer struct {
	python, socket string
	input          io.WriteCloser
}

// gcloudServer starts the server at the first call. It is nil where gcloud has no Python of its own.
var gcloudServer = sync.OnceValues(func() (*startedServer, error) {
	program, err := exec.LookPath("gcloud")
	if err != nil {
		return nil, err
	}
	python, lib := sdkOf(program)
	if python == "" {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "stellar-gcloud-")
	if err != nil {
		return nil, err
	}
	server := &startedServer{python: python, socket: filepath.Join(dir, "socket")}
	cmd := exec.Command(python, "-S", testdata("gcloudserver.py"), server.socket)
	cmd.Env = append(os.Environ(), "STELLAR_TEST_GCLOUD_LIB="+lib)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if server.input, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		return nil, fmt.Errorf("gcloud's server says %q: %w", line, err)
	}
	return server, nil
})
