package probe

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// serveNginx runs nginx as it comes, with HTTP/2 in clear: of everything that concerns connections its defaults hold.
func serveNginx(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	server { listen %s http2; location / { return 200 "hello"; } }
}
`, address)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command("nginx", "-p", dir, "-c", conf, "-e", "stderr")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; scripts/test-setup.sh installs nginx", err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-over
		if t.Failed() {
			t.Logf("nginx said: %s", said.String())
		}
	})
	waitFor(t, "nginx", func() bool {
		select {
		case <-over:
			t.Fatalf("nginx has ended: %s", said.String())
		default:
		}
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return address
}

// TestNginx: nginx drains a connection after 1000 requests (keepalive_requests), and passes over what comes on it
// afterwards. No request is lost by that, in bursts or under a load; those that were sent twice say so.
func TestNginx(t *testing.T) {
	at := "http://" + serveNginx(t)
	for _, c := range []struct {
		connections  string
		bursts, size int
		rate         float64
		most         int // connections
		resent       bool
	}{
		{Shared, 21, 100, 0, 0, false}, {Shared, 30, 70, 0, 0, true}, {Reuse, 1050, 2, 0, 0, false},
		{Shared, 0, 0, 4000, 0, false}, {Shared, 0, 0, 4000, 1, false}, {Reuse, 0, 0, 4000, 20, false},
	} {
		t.Run(fmt.Sprintf("%s, %d of %d, rate %g over %d", c.connections, c.bursts, c.size, c.rate, c.most),
			func(t *testing.T) {
				var b book
				cfg := config(&b, at)
				cfg.Protocol, cfg.Connections = H2C, c.connections
				cfg.Bursts, cfg.BurstSize = c.bursts, func(int) int { return c.size }
				if c.rate > 0 {
					sustained(&cfg, c.rate, time.Second)
					cfg.Load.MaxConnections = c.most
				}
				out, err := Run(t.Context(), cfg)
				if err != nil || out.Errors != 0 || out.Requests+int(out.Unsent) < 2100 {
					t.Fatalf("outcome %+v, error %v", out, err)
				}
				checkRows(t, b.rows)
				again := 0
				for _, r := range b.rows {
					if r.Suspect == resentWord {
						again++
					}
					resent := r.Suspect == resentWord
					limited := resent && c.most > 0 // it may have gone to a connection that others use
					if r.NewConn != resent && !limited || r.Err != sample.OK {
						t.Fatalf("row %+v", r)
					}
				}
				if again != out.Resent || c.resent && again == 0 {
					t.Errorf("%d rows say that they were sent again, the outcome %d", again, out.Resent)
				}
				t.Logf("%d of %d requests were sent again", again, out.Requests)
			})
	}
}
