package dockerengine

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// home makes a folder with a Docker configuration and returns the environment that names it.
func home(t *testing.T, config string, more map[string]string) func(string) string {
	t.Helper()
	dir := t.TempDir()
	if config != "" {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string {
		if name == "DOCKER_CONFIG" {
			return dir
		}
		return more[name]
	}
}

const ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

func TestAuth(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("me:a:b"))
	helper := `{"credHelpers":{"r.test":"own"},"credsStore":"store"}`
	for _, c := range []struct {
		name, config, host string
		env                map[string]string
		stdout             string // of the helper or the AWS CLI
		err                error  // likewise
		call, stdin        string // what is run, with what on its input
		want               Credentials
		no                 string // part of the error
	}{
		{name: "none", host: "r.test"},
		{name: "environment", config: `{"auths":{"r.test":{"auth":"` + secret + `"}}}`, host: "r.test",
			env:  map[string]string{"STELLAR_REGISTRY_USER": "u", "STELLAR_REGISTRY_PASSWORD": "p"},
			want: Credentials{User: "u", Password: "p"}},
		{name: "config", config: `{"auths":{"https://r.test":{"auth":"` + secret + `"}}}`, host: "r.test",
			want: Credentials{User: "me", Password: "a:b"}},
		{name: "another's", config: `{"auths":{"x.test":{"auth":"` + secret + `"}}}`, host: "r.test"},
		{name: "identity token", config: `{"auths":{"r.test:5000":{"identitytoken":"i"}}}`, host: "r.test:5000",
			want: Credentials{Identity: "i"}},
		{name: "Docker Hub", config: `{"auths":{"https://index.docker.io/v1/":{"username":"u","password":"p"}}}`,
			host: "docker.io", want: Credentials{User: "u", Password: "p"}},
		{name: "helper", config: helper, host: "r.test", stdout: `{"Username":"u","Secret":"s"}`,
			call: "docker-credential-own get", stdin: "r.test",
			want: Credentials{User: "u", Password: "s"}},
		{name: "store", config: helper, host: "docker.io", stdout: `{"Username":"<token>","Secret":"s"}`,
			call:  "docker-credential-store get",
			stdin: "https://index.docker.io/v1/", want: Credentials{Identity: "s"}},
		{name: "store has none", config: helper, host: "y.test", stdout: "credentials not found in native keychain",
			err:  errors.New("exit 1"),
			call: "docker-credential-store get", stdin: "y.test"},
		{name: "helper missing", config: helper, host: "r.test", err: exec.ErrNotFound,
			call: "docker-credential-own get", stdin: "r.test", no: "docker-credential-own is not on the PATH"},
		{name: "helper fails", config: helper, host: "r.test", stdout: "s3cret", err: errors.New("exit 1: s3cret"),
			call: "docker-credential-own get", stdin: "r.test",
			no: "the credential helper own returned nothing for r.test"},
		{name: "broken config", config: "{", host: "r.test", no: "the Docker configuration cannot be read"},
		{name: "ECR", host: ecr, stdout: "token\n", call: "aws ecr get-login-password --region eu-west-1",
			want: Credentials{User: "AWS", Password: "token"}},
		{name: "ECR without the CLI", host: ecr, err: exec.ErrNotFound,
			call: "aws ecr get-login-password --region eu-west-1", no: "log in to " + ecr},
	} {
		t.Run(c.name, func(t *testing.T) {
			var call, stdin string
			runner := func(_ context.Context, cmd shell.Command) (shell.Result, error) {
				call = cmd.Name + " " + strings.Join(cmd.Args, " ")
				if cmd.Stdin != nil {
					text, _ := io.ReadAll(cmd.Stdin)
					stdin = string(text)
				}
				return shell.Result{Stdout: c.stdout}, c.err
			}
			got, err := Auth(t.Context(), home(t, c.config, c.env), runner, c.host)
			if call != c.call || stdin != c.stdin {
				t.Errorf("ran %q with %q, want %q with %q", call, stdin, c.call, c.stdin)
			}
			if c.no != "" {
				if err == nil || !strings.Contains(err.Error(), c.no) || strings.Contains(err.Error(), "s3cret") ||
					fail.Hint(err) == "" {
					t.Errorf("%v, hint %q", err, fail.Hint(err))
				}
				return
			}
			c.want.Host = c.host
			if err != nil || got != c.want || got.None() != (c.want.User+c.want.Identity == "") {
				t.Errorf("%+v, %v; want %+v; None is %t", got, err, c.want, got.None())
			}
		})
	}
}

// TestHelperProgram runs a helper as a program: the secret is only in its output.
func TestHelperProgram(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nread host\n[ \"$*\" = get ] && echo '{\"Username\":\"u\",\"Secret\":\"for '$host'\"}'\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-test"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	got, err := Auth(t.Context(), home(t, `{"credsStore":"test"}`, nil), nil, "r.test")
	if err != nil || got.Password != "for r.test" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHeader(t *testing.T) {
	text, err := base64.URLEncoding.DecodeString(Credentials{Host: "r.test", User: "u", Password: "ü?>"}.Header())
	var said map[string]string
	if err := errors.Join(err, json.Unmarshal(text, &said)); err != nil || said["username"] != "u" ||
		said["password"] != "ü?>" || said["serveraddress"] != "r.test" {
		t.Errorf("%s, %v", text, err)
	}
}

// TestAuthenticator compares what the registry client gets with what the Engine gets; a user without a password is also
// sent.
func TestAuthenticator(t *testing.T) {
	for _, c := range []struct {
		auth Credentials
		want authn.AuthConfig
	}{
		{Credentials{Host: "r.test"}, authn.AuthConfig{}},
		{Credentials{User: "u", Password: "p"}, authn.AuthConfig{Username: "u", Password: "p", Auth: "dTpw"}},
		{Credentials{User: "u"}, authn.AuthConfig{Username: "u", Auth: "dTo="}},
		{Credentials{Identity: "i"}, authn.AuthConfig{IdentityToken: "i"}},
	} {
		got, err := c.auth.Authenticator().Authorization()
		if err != nil || *got != c.want {
			t.Errorf("%+v: %+v, %v; want %+v", c.auth, got, err, c.want)
		}
	}
}

func TestHost(t *testing.T) {
	for reference, want := range map[string]string{
		"python:3.13-slim": "docker.io", "library/python": "docker.io", "localhost/a:1": "localhost",
		"127.0.0.1:5000/a/b@sha256:0": "127.0.0.1:5000",
		"public.ecr.aws/lambda/go:1":  "public.ecr.aws", ecr + "/a": ecr, "a.b": "docker.io",
	} {
		if got := Host(reference); got != want {
			t.Errorf("%s: %s, want %s", reference, got, want)
		}
	}
}

func TestOpen(t *testing.T) {
	c, err := Open(t.Context(), home(t, "", map[string]string{"DOCKER_HOST": os.Getenv("DOCKER_HOST")}))
	if err != nil {
		t.Fatalf("this test needs a Docker Engine: %v", err)
	}
	defer c.Close()
	if v, err := c.ServerVersion(t.Context()); err != nil || v.Version == "" {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestOpenFails: no Engine answers at an address that the environment or the current context names, or the Engine is
// for another system.
func TestOpenFails(t *testing.T) {
	windows := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("OSType", "windows")
		w.Header().Set("API-Version", "1.41")
	}))
	t.Cleanup(windows.Close)
	address := "tcp://" + strings.TrimPrefix(windows.URL, "http://")
	nobody := home(t, `{"currentContext":"far"}`, nil)
	sum := sha256.Sum256([]byte("far"))
	meta := filepath.Join(nobody("DOCKER_CONFIG"), "contexts", "meta", hex.EncodeToString(sum[:]))
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(meta, "meta.json"),
		fmt.Appendf(nil, `{"Name":"far","Endpoints":{"docker":{"Host":"unix:///no/context.sock"}}}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		getenv func(string) string
		want   string
	}{
		{home(t, "", map[string]string{"DOCKER_HOST": "unix:///no/host.sock"}),
			"no Docker Engine answers at unix:///no/host.sock"},
		{home(t, "", map[string]string{"DOCKER_HOST": "nonsense"}), "no Docker Engine: "},
		{home(t, "", map[string]string{"DOCKER_HOST": address}), "runs windows containers"},
		{nobody, "no Docker Engine answers at unix:///no/context.sock"},
	} {
		_, err := Open(t.Context(), c.getenv)
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(fail.Hint(err), "start the Docker Engine") {
			t.Errorf("exit code %d: %v, hint %q; want %q", fail.Code(err), err, fail.Hint(err), c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, nobody); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
