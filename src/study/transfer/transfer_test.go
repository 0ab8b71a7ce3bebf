package transfer

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// head is a chain's head as old functions are: it answers with stamps, and remembers what it was asked. Its fourth call
// fails.
func head(t *testing.T) (string, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		asked = append(asked, fmt.Sprintf("%s %q", r.Header.Get("X-Stellar-Token"), body[min(5, len(body)):]))
		n := len(asked)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		if n == 4 {
			w.Header().Set("Grpc-Status", "14")
			return
		}
		text := "[1620000000000 1620000000017 1620000000030]"
		m := append([]byte{1<<3 | 2, byte(len(text))}, text...)
		_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...))
		w.Header().Set("Grpc-Status", "0")
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return asked
	}
}

// chained is the environment of two chains of three functions with one head.
func chained(t *testing.T, at string) study.Env {
	var env study.Env
	env.Index, env.Seed, env.UserAgent, env.Dir = 3, 1, "stellar/test", filepath.Join(t.TempDir(), "3-warm")
	for _, address := range []string{
		at, "http://consumer.example:8080/x?y", "http://last.example", at, "http://10.0.0.1:80", "http://[fd00::1]:81",
	} {
		name := fmt.Sprintf("f3-0-%d", len(env.Endpoints))
		env.Endpoints = append(env.Endpoints, study.Endpoint{Function: name, URL: address, Token: "secret"})
	}
	env.Sub = experiment.SubExperiment{
		Title: "warm", DataTransferChainLength: 3, Protocol: probe.GRPC, Connections: probe.Reuse, Bursts: 4,
		BurstSizes: []int{2}, IATType: schedule.Deterministic, MaxErrorRatio: 1, PayloadLengthBytes: 64,
		TimeoutSeconds: 30,
	}
	return env
}

// measure runs the study and gives what it said to have measured.
func measure(ctx context.Context, env study.Env) (result study.Result, err error) {
	env.Measured = func(r study.Result) { result = r }
	err = Study{}.Run(ctx, env)
	return result, err
}

func TestDataTransfer(t *testing.T) {
	at, asked := head(t)
	s := chained(t, at)
	result, err := measure(t.Context(), s)
	if err != nil || result.Rows != 8 || result.Outcome.Errors != 1 {
		t.Fatalf("%+v, %v", result, err)
	}
	counts := map[string]int{}
	for _, a := range asked() {
		counts[a]++
	}
	for _, chain := range []string{"[consumer.example:8080 last.example:80]", "[10.0.0.1:80 [fd00::1]:81]"} {
		want := fmt.Sprintf("secret %q", fmt.Sprintf("\x12%c%s\x1a\x0264", len(chain), chain))
		if counts[want] != 4 {
			t.Errorf("%d calls are %s; all: %v", counts[want], want, counts)
		}
	}
	rows, _, err := sample.ReadFile(filepath.Join(s.Dir, study.LatenciesFile))
	if err != nil || len(rows) != 8 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	f, err := os.Open(filepath.Join(s.Dir, sample.TransfersFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil || len(table) != 9 || strings.Join(table[0], ",") != sample.TransfersHeader(3) {
		t.Fatalf("%d lines, %v, header %v", len(table), err, table[0])
	}
	for i, line := range table[1:] {
		told := []string{"2021-05-03T00:00:00.000000000Z", "2021-05-03T00:00:00.017000000Z",
			"2021-05-03T00:00:00.030000000Z"}
		if rows[i].Err != sample.OK {
			told = []string{"", "", ""}
		}
		if line[0] != rows[i].RequestID || line[1] != rows[i].Host || line[2] != fmt.Sprint(rows[i].Burst) ||
			strings.Join(line[3:6], " ") != strings.Join(told, " ") {
			t.Errorf("line %d: %v beside %+v", i, line, rows[i])
		}
		if strings.Join(line[6:len(line)-1], "") != "" || line[len(line)-1] != "false" {
			t.Errorf("line %d tells of hops that no function told of: %v", i, line[6:])
		}
	}
}

func TestDataTransferRefuses(t *testing.T) {
	at, asked := head(t)
	for name, c := range map[string]struct {
		spoil       func(*study.Env)
		want        string
		unsupported bool
	}{
		"no chain": {func(s *study.Env) { s.Sub.DataTransferChainLength = 1 }, "do not make chains", false},
		"uneven": {func(s *study.Env) { s.Sub.DataTransferChainLength = 4 }, "6 endpoints do not make chains of 4",
			false},
		"storage": {func(s *study.Env) { s.Sub.StorageTransfer = true }, "StorageTransfer over grpc", true},
		"no store": {func(s *study.Env) { s.Sub.Protocol, s.Sub.StorageTransfer = probe.HTTP1, true },
			"needs an object store", true},
		"no URL": {func(s *study.Env) { s.Sub.Protocol, s.Endpoints[1].URL = probe.HTTP1, "ftp://a.example" },
			"can call", false},
		"encrypted":  {func(s *study.Env) { s.Endpoints[1].URL = "https://a.example" }, "in clear", false},
		"no address": {func(s *study.Env) { s.Endpoints[1].URL = "/path" }, "has no host", false},
		"no folder":  {func(s *study.Env) { s.Dir = "" }, "no folder", false},
	} {
		s := chained(t, at)
		s.Sub.TimeoutSeconds = 1
		c.spoil(&s)
		_, err := measure(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			errors.Is(err, fail.ErrUnsupported) != c.unsupported || fail.Code(err) != fail.CodeInput {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(s.Dir); s.Dir != "" && err == nil {
			t.Errorf("%s: a folder was made", name)
		}
	}
	if n := len(asked()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}
