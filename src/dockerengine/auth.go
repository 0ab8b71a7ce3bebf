package dockerengine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/docker/docker/api/types/registry"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Credentials are a user's credentials for one registry. The zero value means none: anonymous access.
type Credentials struct {
	Host     string
	User     string
	Password string
	Identity string // an identity token instead of user and password
}

// None reports whether there are no credentials.
func (c Credentials) None() bool { return c.User == "" && c.Identity == "" }

// Header returns the credentials in the form of the Engine's API (X-Registry-Auth): base64url of a JSON object.
func (c Credentials) Header() string {
	text, err := registry.EncodeAuthConfig(registry.AuthConfig{
		Username: c.User, Password: c.Password, IdentityToken: c.Identity, ServerAddress: c.Host,
	})
	if err != nil {
		return ""
	}
	return text
}

// Authenticator returns the credentials in the form of the registry client.
func (c Credentials) Authenticator() authn.Authenticator {
	switch {
	case c.Identity != "":
		return authn.FromConfig(authn.AuthConfig{IdentityToken: c.Identity})
	case c.User != "": // in both forms: the client sends a user without a password only in the encoded one
		encoded := base64.StdEncoding.EncodeToString([]byte(c.User + ":" + c.Password))
		return authn.FromConfig(authn.AuthConfig{Username: c.User, Password: c.Password, Auth: encoded})
	}
	return authn.Anonymous
}

const helperTimeout = 30 * time.Second

// ecrHost is a private registry of AWS: <account>.dkr.ecr.<region>.amazonaws.com.
var ecrHost = regexp.MustCompile(`^\d{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$`)

// Auth finds the credentials for a registry: those of STELLAR_REGISTRY_USER and STELLAR_REGISTRY_PASSWORD, those of the
// Docker CLI (config.json with its helpers), and for ECR the output of `aws ecr get-login-password`. They are never in
// an argument of a program or in a log. Credentials that cannot be read are an error; no credentials are not.
func Auth(ctx context.Context, getenv func(string) string, run shell.Runner, host string) (Credentials, error) {
	if run == nil {
		run = shell.Run
	}
	if user := getenv("STELLAR_REGISTRY_USER"); user != "" {
		return Credentials{Host: host, User: user, Password: getenv("STELLAR_REGISTRY_PASSWORD")}, nil
	}
	c, err := fromConfig(ctx, getenv, run, host)
	if err != nil || !c.None() {
		return c, err
	}
	if m := ecrHost.FindStringSubmatch(host); m != nil {
		return fromECR(ctx, run, host, m[2])
	}
	return Credentials{Host: host}, nil
}

// fromConfig reads the Docker CLI's configuration (docs.docker.com/reference/cli/docker/login).
func fromConfig(ctx context.Context, getenv func(string) string, run shell.Runner, host string) (Credentials, error) {
	var config struct {
		Auths map[string]struct {
			Auth          string
			Username      string
			Password      string
			IdentityToken string
		}
		CredsStore  string
		CredHelpers map[string]string
	}
	file := filepath.Join(ConfigDir(getenv), "config.json")
	if err := readJSON(file, &config); err != nil {
		if errors.Is(err, fs.ErrNotExist) || os.IsPermission(err) {
			return Credentials{Host: host}, nil
		}
		return Credentials{}, fail.Input("the Docker configuration cannot be read: %w", err).
			WithHint("correct %s, or log in again with docker login", file)
	}
	if helper := config.CredHelpers[host]; helper != "" {
		return fromHelper(ctx, run, helper, host)
	}
	for _, name := range configNames(host) {
		a, ok := config.Auths[name]
		if !ok {
			continue
		}
		c := Credentials{Host: host, User: a.Username, Password: a.Password, Identity: a.IdentityToken}
		if text, err := base64.StdEncoding.DecodeString(a.Auth); err == nil && len(text) > 0 {
			c.User, c.Password, _ = strings.Cut(string(text), ":")
		}
		if !c.None() {
			return c, nil
		}
	}
	if config.CredsStore != "" {
		return fromHelper(ctx, run, config.CredsStore, host)
	}
	return Credentials{Host: host}, nil
}

// configNames are the names under which the CLI may keep a registry.
func configNames(host string) []string {
	if host == "docker.io" || host == "index.docker.io" {
		return []string{"https://index.docker.io/v1/", "docker.io", "index.docker.io"}
	}
	return []string{host, "https://" + host, "http://" + host, "https://" + host + "/v2/"}
}

// fromHelper asks a credential helper: the registry is its standard input, a JSON object its output.
func fromHelper(ctx context.Context, run shell.Runner, helper, host string) (Credentials, error) {
	name := host
	if host == "docker.io" {
		name = "https://index.docker.io/v1/"
	}
	res, err := run(ctx, shell.Command{Name: "docker-credential-" + helper, Args: []string{"get"},
		Stdin:   strings.NewReader(name),
		Timeout: helperTimeout, Line: func(string) {}})
	if strings.Contains(res.Stdout+res.Stderr, "credentials not found") {
		return Credentials{Host: host}, nil
	}
	if err != nil {
		// its message may contain a secret
		cause := fail.Input("the credential helper %s returned nothing for %s", helper, host)
		if errors.Is(err, exec.ErrNotFound) {
			cause = fail.Input("the credential helper docker-credential-%s is not on the PATH", helper)
		}
		return Credentials{}, cause.WithHint("log in again with docker login %s, or set STELLAR_REGISTRY_USER and "+
			"STELLAR_REGISTRY_PASSWORD", host)
	}
	var said struct{ Username, Secret string }
	if err := json.Unmarshal([]byte(res.Stdout), &said); err != nil {
		return Credentials{}, fail.Input("the credential helper %s returned no JSON for %s", helper, host)
	}
	if said.Username == "<token>" {
		return Credentials{Host: host, Identity: said.Secret}, nil
	}
	return Credentials{Host: host, User: said.Username, Password: said.Secret}, nil
}

// fromECR lets the AWS CLI find the account's credentials.
func fromECR(ctx context.Context, run shell.Runner, host, region string) (Credentials, error) {
	res, err := run(ctx, shell.Command{Name: "aws", Args: []string{"ecr", "get-login-password", "--region", region},
		Timeout: helperTimeout, Line: func(string) {}})
	if err != nil {
		return Credentials{}, fail.Input("log in to %s: %w", host, err).
			WithHint("install the AWS CLI and configure its credentials, or docker login %s", host)
	}
	return Credentials{Host: host, User: "AWS", Password: strings.TrimSpace(res.Stdout)}, nil
}

// Host is the registry that a reference names, by Docker's rule: the part before the first slash if it looks like a
// host, else Docker Hub.
func Host(reference string) string {
	first, _, found := strings.Cut(reference, "/")
	if found && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return first
	}
	return "docker.io"
}
