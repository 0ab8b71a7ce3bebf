// Command release makes the files of a release in a folder: an archive for each system with the binary, its manual page
// and completions, a list of what each binary is made of (SBOM), images, a Homebrew formula, and checksums. The same
// commit and the same Go give the same bytes.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is a system that binaries are made for.
type target struct{ os, arch string }

// release is one release in the making.
type release struct {
	version string // such as v1.2.3
	out     string // folder of the finished files
	work    string // folder of the rest
	certs   string // file of CA certificates for the images, PEM
	when    time.Time
}

var versionForm = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`) // never changed

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	out := flags.String("out", "dist", "folder that is written; it must not exist")
	certs := flags.String("certs", "/etc/ssl/certs/ca-certificates.crt", "CA certificates of the images")
	onlyImage := flags.Bool("image", false, "make the images alone")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r := release{version: flags.Arg(0), out: *out, certs: *certs}
	if flags.NArg() != 1 || !versionForm.MatchString(r.version) {
		return errors.New("name the version, such as v1.2.3")
	}
	if err := os.Mkdir(r.out, 0o755); err != nil {
		return err
	}
	var err error
	if r.when, err = sourceDate(); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "stellar-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work) //nolint:errcheck // a temporary folder
	if *onlyImage {
		return r.images()
	}
	return r.all()
}

// sourceDate is the time that all files get: SOURCE_DATE_EPOCH (reproducible-builds.org), else the commit's.
func sourceDate() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		commit, err := exec.Command("git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("the commit's time (SOURCE_DATE_EPOCH sets another): %w", err)
		}
		text = strings.TrimSpace(string(commit))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

func (r release) all() error {
	targets := []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}
	if !slices.Contains(targets, target{runtime.GOOS, runtime.GOARCH}) {
		return fmt.Errorf("a release is made on one of %v", targets)
	}
	for _, t := range targets {
		if err := r.build(t); err != nil {
			return err
		}
	}
	docs, err := r.documents()
	if err != nil {
		return err
	}
	hashes := map[target]string{}
	for _, t := range targets {
		if hashes[t], err = r.pack(t, docs); err != nil {
			return err
		}
		if err := r.writeSBOM(t); err != nil {
			return err
		}
	}
	if err := errors.Join(r.images(), r.formula(hashes)); err != nil {
		return err
	}
	return r.sums()
}

// binary is where the binary for a system is.
func (r release) binary(t target) string { return filepath.Join(r.work, t.os+"-"+t.arch, "stellar") }

func (r release) build(t target) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", r.binary(t), "-ldflags",
		"-s -w -buildid= -X github.com/vhive-serverless/STeLLAR/src/cli.version="+r.version, "./src/stellar")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOFLAGS=", "GOAMD64=v1")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build for %s/%s: %w", t.os, t.arch, err)
	}
	return nil
}

// documents are the manual page and the completions, as the binary for this machine prints them.
func (r release) documents() (map[string][]byte, error) {
	docs := map[string][]byte{}
	for name, args := range map[string][]string{"stellar.1": {"man"},
		"completions/stellar.bash": {"completion", "bash"},
		"completions/_stellar":     {"completion", "zsh"}, "completions/stellar.fish": {"completion", "fish"}} {
		text, err := exec.Command(r.binary(target{runtime.GOOS, runtime.GOARCH}), args...).Output()
		if err != nil {
			return nil, fmt.Errorf("stellar %s: %w", strings.Join(args, " "), err)
		}
		docs[name] = text
	}
	for _, name := range []string{"LICENSE", "README.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		docs[name] = text
	}
	return docs, nil
}

// sums writes the checksums of all files.
func (r release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, e := range entries {
		sum, err := hashFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s  %s\n", sum, e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(text.String()), 0o644)
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hex.EncodeToString(hash.Sum(nil)), err
}
