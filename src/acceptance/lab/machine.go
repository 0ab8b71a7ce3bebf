package lab

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
)

// Processes lists processes other than this one that name dir in their arguments, environment or working directory:
// the number of each, and its arguments.
func Processes(dir string) []string {
	var found []string
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		if filepath.Base(p) == strconv.Itoa(os.Getpid()) {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		env, _ := os.ReadFile(filepath.Join(p, "environ"))
		cwd, _ := os.Readlink(filepath.Join(p, "cwd"))
		if bytes.Contains(args, []byte(dir)) || bytes.Contains(env, []byte(dir)) || strings.HasPrefix(cwd, dir) {
			found = append(
				found,
				fmt.Sprintf("%s %s", filepath.Base(p), bytes.ReplaceAll(args, []byte{0}, []byte(" "))),
			)
		}
	}
	return found
}

// LeftInEngine is an error that says what the Docker Engine still holds of a run.
func LeftInEngine(id string) error {
	ctx := context.Background()
	c, err := dockerengine.Open(ctx, os.Getenv)
	if err != nil {
		return err
	}
	defer c.Close()
	ours := filters.NewArgs(filters.Arg("label", dockerengine.LabelRun+"="+id))
	images, err := c.ImageList(ctx, image.ListOptions{All: true, Filters: ours})
	if err != nil {
		return err
	}
	left, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	if err != nil {
		return err
	}
	byName := filters.NewArgs(filters.Arg("reference", "*:"+strings.ToLower(id)+"*"))
	named, err := c.ImageList(ctx, image.ListOptions{All: true, Filters: byName})
	if err != nil {
		return err
	}
	if len(images)+len(left)+len(named) > 0 {
		return fmt.Errorf(
			"run %s left %d images, %d of its name, and %d containers",
			id,
			len(images),
			len(named),
			len(left),
		)
	}
	return nil
}

// Listens waits until a program accepts connections at an address, at most a minute.
func Listens(address string) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("nothing listens at %s: %w", address, err)
		}
	}
}

const registryConfig = `version: 0.1
log:
  level: error
storage:
  delete:
    enabled: true
  filesystem:
    rootdirectory: %s
http:
  addr: %s
`

// Registry starts Debian's docker-registry, gives its address and a function that stops it.
func Registry() (address string, stop func(), err error) {
	if address, err = relaytest.FreeAddress(); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "stellar-registry-")
	if err != nil {
		return "", nil, err
	}
	file := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf(registryConfig, filepath.Join(dir, "data"), address)
	cmd := exec.Command("docker-registry", "serve", file)
	if err = os.WriteFile(file, []byte(text), 0o600); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			return address, stop, res.Body.Close()
		}
		if time.Now().After(deadline) {
			stop()
			return "", nil, fmt.Errorf("docker-registry does not answer: %w", err)
		}
	}
}
