package dockerengine

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// writeContext makes a context of the Docker CLI, with the files of its TLS folder.
func writeContext(t *testing.T, dir, name, meta string, certs map[string][]byte) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	files := map[string][]byte{filepath.Join(dir, "contexts", "meta", id, "meta.json"): []byte(meta)}
	for file, text := range certs {
		files[filepath.Join(dir, "contexts", "tls", id, "docker", file)] = text
	}
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenRefuses: a context that does not exist, and an address that stellar cannot use, are errors that name it and
// the setting. The usual socket, where another Engine answers, is never used instead.
func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name, config string
		env          map[string]string
		want, hint   []string
	}{
		{name: "DOCKER_CONTEXT", env: map[string]string{"DOCKER_CONTEXT": "gone"},
			want: []string{`there is no Docker context "gone", which DOCKER_CONTEXT names; there are default, far, other`}, hint: []string{"docker context ls"}},
		{name: "currentContext", config: `{"currentContext":"lost"}`,
			want: []string{`there is no Docker context "lost", which currentContext in `,
				`config.json names; there are default, far, other`}},
		{name: "DOCKER_CONTEXT first", config: `{"currentContext":"far"}`,
			env: map[string]string{"DOCKER_CONTEXT": "gone"}, want: []string{`"gone"`}},
		{name: "broken context", env: map[string]string{"DOCKER_CONTEXT": "broken"},
			want: []string{`the Docker context "broken", which DOCKER_CONTEXT names, cannot be read`}},
		{name: "empty context", env: map[string]string{"DOCKER_CONTEXT": "other"},
			want: []string{`the Docker context "other"`, "has no Docker endpoint"}},
		{name: "broken configuration", config: `{`,
			want: []string{"the Docker configuration cannot be read", "config.json"},
			hint: []string{"correct", "DOCKER_HOST"}},
		{name: "ssh in DOCKER_HOST", env: map[string]string{"DOCKER_HOST": "ssh://me:secret@far.test:2222"},
			want: []string{"DOCKER_HOST is ssh://me:xxxxx@far.test:2222: stellar does not connect to Docker over ssh://"},
			hint: []string{"ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock -p 2222 me@far.test`",
				"DOCKER_HOST=unix:///tmp/docker.sock"}},
		{name: "ssh in a context", config: `{"currentContext":"far"}`,
			want: []string{"the host of the Docker context far is ssh://far.test: stellar does not connect to " +
				"Docker over ssh://"}, hint: []string{"docker.sock far.test`"}},
		{name: "no address", env: map[string]string{"DOCKER_HOST": "/var/run/docker.sock"},
			want: []string{`DOCKER_HOST is "/var/run/docker.sock"`}, hint: []string{"unix:///path"}},
		{name: "scheme", env: map[string]string{"DOCKER_HOST": "fd://3"}, want: []string{`DOCKER_HOST is "fd://3"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			getenv := home(t, c.config, c.env)
			dir := getenv("DOCKER_CONFIG")
			writeContext(t, dir, "far", `{"Name":"far","Endpoints":{"docker":{"Host":"ssh://far.test"}}}`, nil)
			writeContext(t, dir, "other", `{"Name":"other","Endpoints":{}}`, nil)
			writeContext(t, dir, "broken", `{`, nil)
			engine, err := Open(t.Context(), getenv)
			if err == nil {
				engine.Close()
				t.Fatalf("connected to %s", engine.DaemonHost())
			}
			if fail.Code(err) != fail.CodeInput || strings.Contains(err.Error()+fail.Hint(err), "secret") {
				t.Errorf("exit code %d: %v, hint %q", fail.Code(err), err, fail.Hint(err))
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in %v", want, err)
				}
			}
			for _, want := range c.hint {
				if !strings.Contains(fail.Hint(err), want) {
					t.Errorf("no %q in the hint %q", want, fail.Hint(err))
				}
			}
		})
	}
}

// TestFind: DOCKER_HOST has priority, as in the Docker CLI; the default context is the usual socket.
func TestFind(t *testing.T) {
	for _, c := range []struct {
		config string
		env    map[string]string
		want   string
	}{
		{`{"currentContext":"near"}`, nil, "unix:///near.sock"},
		{`{"currentContext":"gone"}`, map[string]string{"DOCKER_CONTEXT": "near"}, "unix:///near.sock"},
		{`{"currentContext":"gone"}`, map[string]string{"DOCKER_HOST": "tcp://a:1", "DOCKER_CONTEXT": "gone"},
			"tcp://a:1"},
		{`{"currentContext":"gone"}`, map[string]string{"DOCKER_CONTEXT": "default"}, ""},
		{`{"currentContext":""}`, nil, ""},
		{"", nil, ""},
	} {
		getenv := home(t, c.config, c.env)
		writeContext(t, getenv("DOCKER_CONFIG"), "near",
			`{"Name":"near","Endpoints":{"docker":{"Host":"unix:///near.sock"}}}`, nil)
		if at, err := find(getenv); err != nil || at.host != c.want {
			t.Errorf("%s %v: %+v, %v; want %q", c.config, c.env, at, err, c.want)
		}
	}
}

// TestContextCertificates: a context's own certificates are used, on both sides.
func TestContextCertificates(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("OSType", "linux")
		w.Header().Set("API-Version", "1.41")
		w.Header().Set("Builder-Version", fmt.Sprint(len(r.TLS.PeerCertificates)))
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	key, err := x509.MarshalPKCS8PrivateKey(srv.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	certs := map[string][]byte{"ca.pem": cert, "cert.pem": cert,
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}
	for name, want := range map[string]string{"whole": "", "without a client's": "certificate required",
		"broken": "cannot be used"} {
		getenv := home(t, "", map[string]string{"DOCKER_CONTEXT": "tls"})
		with := certs
		switch name {
		case "without a client's":
			with = map[string][]byte{"ca.pem": cert}
		case "broken":
			with = map[string][]byte{"ca.pem": []byte("x"), "cert.pem": cert}
		}
		host := "tcp://" + strings.TrimPrefix(srv.URL, "https://")
		writeContext(t, getenv("DOCKER_CONFIG"), "tls", fmt.Sprintf(`{"Name":"tls","Endpoints":{"docker":{"Host":%q}}}`,
			host), with)
		c, err := Open(t.Context(), getenv)
		if err == nil {
			c.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
