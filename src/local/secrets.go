package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// secrets are what a platform needs to know and its functions must not. They go through a pipe, because every process
// of a user can read the environment with which another process of the user was started.
type secrets struct {
	Token   string   `json:"token"`
	Environ []string `json:"environ"` // of the process that started the platform, for the Engine and its registries
}

// send returns the read end of a pipe that holds the secrets; the caller closes it once the child has it.
func (s secrets) send() (*os.File, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// They may not fit into the pipe. A child that does not read them says itself why it failed.
	fail.Go(func(error) {}, func() { _, _ = write.Write(text) }, func() { _ = write.Close() })
	return read, nil
}

// readSecrets reads them to their end and closes the pipe.
func readSecrets(from *os.File) (s secrets, err error) {
	text, err := io.ReadAll(from)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, errors.Join(fmt.Errorf("read what this process is started with: %w", err), from.Close())
	}
	return s, from.Close()
}

// getenv looks a variable up in the environment of whoever started the platform.
func (s secrets) getenv(name string) string {
	for _, pair := range slices.Backward(s.Environ) {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}

// plainVariables are the variables that a platform's processes may have in their environment: the paths of programs,
// their settings and the Engine. A name that ends in _ matches all that begin with it.
func plainVariables() []string {
	return []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_", "TZ", "TMPDIR", "XDG_", "JAVA_HOME",
		"PYENV_ROOT", "PYENV_VERSION", "RBENV_ROOT", "RBENV_VERSION", "NVM_DIR", "ASDF_DIR", "ASDF_DATA_DIR",
		"VOLTA_HOME",
		"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION",
		"GOCOVERDIR",
	}
}

// plainEnvironment returns the part of an environment that contains no secrets.
func plainEnvironment(environ []string) []string {
	var out []string
	for _, pair := range environ {
		key, _, _ := strings.Cut(pair, "=")
		if slices.ContainsFunc(plainVariables(), func(name string) bool {
			return key == name || strings.HasSuffix(name, "_") && strings.HasPrefix(key, name)
		}) {
			out = append(out, pair)
		}
	}
	return out
}
