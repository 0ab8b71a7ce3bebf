package dockerengine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker/client"
	"github.com/docker/go-connections/tlsconfig"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// address is the Engine's address, and what names it.
type address struct {
	host   string // empty: the usual socket
	source string // "DOCKER_HOST", or the context and what names it
	tls    tlsFiles
}

// tlsFiles are the certificates of a Docker context.
type tlsFiles struct {
	ca, cert, key string // empty: there is none
	skipVerify    bool
}

// find looks for the Engine like the Docker CLI: DOCKER_HOST, else the context that DOCKER_CONTEXT or the configuration
// names, else the usual socket. A context that does not exist is an error; the usual socket is not used instead.
func find(getenv func(string) string) (address, error) {
	if host := getenv("DOCKER_HOST"); host != "" {
		return checked(address{host: host, source: "DOCKER_HOST"}, "DOCKER_HOST")
	}
	dir := ConfigDir(getenv)
	name, from := getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" {
		file := filepath.Join(dir, "config.json")
		from = "currentContext in " + file
		var config struct{ CurrentContext string }
		err := readJSON(file, &config)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission): // the CLI then has none either
		case err != nil:
			return address{}, fail.Input("the Docker configuration cannot be read: %w", err).
				WithHint("correct %s, or name the Engine with DOCKER_HOST", file)
		}
		name = config.CurrentContext
	}
	if name == "" || name == "default" {
		return address{}, nil
	}
	return contextAddress(dir, name, from)
}

// contextAddress reads a context of the Docker CLI: contexts/meta/<sha256 of its name>/meta.json, and beside it
// contexts/tls/<the same>/docker with its certificates.
func contextAddress(dir, name, from string) (address, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	file := filepath.Join(dir, "contexts", "meta", id, "meta.json")
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	err := readJSON(file, &meta)
	if errors.Is(err, fs.ErrNotExist) {
		return address{}, fail.Input("there is no Docker context %q, which %s names; there are %s", name, from,
			strings.Join(contexts(dir), ", ")).
			WithHint("name one of them (`docker context ls` shows where they lead), or unset it and use DOCKER_HOST")
	}
	if err != nil {
		return address{}, fail.Input("the Docker context %q, which %s names, cannot be read: %w", name, from, err).
			WithHint("correct the file, create the context again with `docker context create`, or use DOCKER_HOST")
	}
	end, ok := meta.Endpoints["docker"]
	if !ok || end.Host == "" {
		return address{}, fail.Input("the Docker context %q, which %s names, has no Docker endpoint", name, from).
			WithHint("add one with `docker context update`, or use DOCKER_HOST")
	}
	at := address{host: end.Host, source: "the Docker context " + name}
	certs := filepath.Join(dir, "contexts", "tls", id, "docker")
	at.tls = tlsFiles{ca: existing(certs, "ca.pem"), cert: existing(certs, "cert.pem"), key: existing(certs, "key.pem"),
		skipVerify: end.SkipTLSVerify}
	return checked(at, "the host of the Docker context "+name)
}

// checked refuses an address that this program cannot connect to.
func checked(at address, what string) (address, error) {
	scheme, rest, found := strings.Cut(at.host, "://")
	switch {
	case scheme == "ssh" && found:
		return at, fail.Input("%s is %s: stellar does not connect to Docker over ssh://", what, shown(at.host)).
			WithHint(
				"forward its socket, `ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock %s`, and set "+
					"DOCKER_HOST=unix:///tmp/docker.sock. That is enough "+
					"to build and push images; the local platform needs an Engine on its own machine",
				sshTarget(at.host))
	case !found || rest == "" || !slices.Contains([]string{"unix", "tcp", "http", "https", "npipe"}, scheme):
		return at, fail.Input("no Docker Engine: %s is %q, which is not the address of one", what, shown(at.host)).
			WithHint("give unix:///path/to/docker.sock or tcp://host:port, or unset it to use the usual socket; " +
				"then start the Docker Engine if it is not running")
	}
	return at, nil
}

// shown is an address without its password.
func shown(host string) string {
	if u, err := url.Parse(host); err == nil && u.User != nil {
		return u.Redacted()
	}
	return host
}

// sshTarget is the argument of ssh for an ssh:// address.
func sshTarget(host string) string {
	u, err := url.Parse(host)
	if err != nil || u.Hostname() == "" {
		return "user@host"
	}
	target := u.Hostname()
	if name := u.User.Username(); name != "" {
		target = name + "@" + target
	}
	if u.Port() != "" {
		target = "-p " + u.Port() + " " + target
	}
	return target
}

// contexts lists the contexts that the Docker CLI knows.
func contexts(dir string) []string {
	names := []string{"default"}
	files, _ := filepath.Glob(filepath.Join(dir, "contexts", "meta", "*", "meta.json"))
	for _, file := range files {
		var meta struct{ Name string }
		if readJSON(file, &meta) == nil && meta.Name != "" {
			names = append(names, meta.Name)
		}
	}
	slices.Sort(names[1:])
	return names
}

// existing returns the path of a file if it exists.
func existing(dir, name string) string {
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// options are the connection settings for an address.
func (a address) options() ([]client.Opt, error) {
	opts := []client.Opt{client.WithAPIVersionNegotiation()}
	switch t := a.tls; {
	case t == tlsFiles{}:
		if a.source == "" || a.source == "DOCKER_HOST" { // like the CLI, which uses only a context's own certificates
			opts = append(opts, client.WithTLSClientConfigFromEnv())
		}
	default:
		config, err := tlsconfig.Client(tlsconfig.Options{CAFile: t.ca, CertFile: t.cert, KeyFile: t.key,
			InsecureSkipVerify: t.skipVerify, ExclusiveRootPools: true})
		if err != nil {
			return nil, fail.Input("the certificates of %s cannot be used: %w", a.source, err).
				WithHint("create the context again with `docker context create`")
		}
		opts = append(opts, client.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: config},
			CheckRedirect: client.CheckRedirect}))
	}
	if a.host != "" {
		opts = append(opts, client.WithHost(a.host))
	}
	return opts, nil
}
