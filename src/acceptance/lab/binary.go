package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Variables that the scripts set for all end-to-end packages of one run of the suite.
const (
	binaryVariable = "STELLAR_TEST_BINARY" // the program to test; empty: it is built
	raceVariable   = "STELLAR_TEST_RACE"   // 1: it is built with the race detector
	cacheVariable  = "STELLAR_TEST_BUILDS" // folder of builds that all packages share; empty: one for each package
)

// Repo is the root of the module's sources.
var Repo = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			err = errors.New("no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
	panic(err)
})

var built = sync.OnceValues(build)

// Binary is the program as users get it. It is built once for all packages.
func Binary(t testing.TB) string {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// build builds the program into a folder of the user's cache. A file lock lets packages that are tested at the same
// time wait for one build; each build keeps its own name, so that a running program is never replaced.
func build() (string, error) {
	if bin := os.Getenv(binaryVariable); bin != "" {
		return filepath.Abs(bin)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	args, kind := []string{"build"}, "plain"
	if os.Getenv(raceVariable) == "1" {
		args, kind = append(args, "-race"), "race"
	}
	dir := filepath.Join(
		cache,
		"stellar-acceptance",
		strings.ReplaceAll(Repo(), string(filepath.Separator), "-"),
		kind,
	)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	newest := filepath.Join(dir, "newest")
	c := exec.Command("go", append(args, "-o", newest, "./src")...)
	c.Dir = Repo()
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return keep(dir, newest)
}

// keep gives a build a folder of its own, named by its build ID, and removes those of earlier builds.
func keep(dir, newest string) (string, error) {
	id, err := exec.Command("go", "tool", "buildid", newest).Output()
	if err != nil {
		return "", fmt.Errorf("go tool buildid: %w", err)
	}
	parts := strings.Split(strings.TrimSpace(string(id)), "/")
	bin := filepath.Join(dir, parts[len(parts)-1], "stellar")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	if err := removeOld(dir); err != nil {
		return "", err
	}
	return bin, errors.Join(os.MkdirAll(filepath.Dir(bin), 0o755), os.Link(newest, bin))
}

// removeOld removes all builds but the newest three, which other test runs may still use.
func removeOld(dir string) error {
	builds, err := filepath.Glob(filepath.Join(dir, "*", "stellar"))
	if err != nil {
		return err
	}
	newestFirst(builds)
	for _, old := range builds[min(len(builds), 3):] {
		if err := os.RemoveAll(filepath.Dir(old)); err != nil {
			return err
		}
	}
	return nil
}
