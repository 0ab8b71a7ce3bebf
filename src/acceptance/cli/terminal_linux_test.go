package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// terminal is a pseudo-terminal with a shell's script as its foreground job.
type terminal struct {
	*lab.Lab
	master *os.File
	cmd    *exec.Cmd
	read   sync.WaitGroup
	mu     sync.Mutex
	text   bytes.Buffer
}

// open starts a script of bash on a terminal of its own. $STELLAR is the program. The script survives Ctrl-C, so that
// it can write down how its job has ended. It dies of a hang-up, of which the kernel then tells the rest of the
// foreground.
func open(l *lab.Lab, script string) *terminal {
	l.Helper()
	// Not blocking, so that to close it ends the read that is under way.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		l.Fatal(err)
	}
	master := os.NewFile(uintptr(fd), "/dev/ptmx")
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		l.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		l.Fatal(err)
	}
	defer slave.Close()
	t := &terminal{Lab: l, master: master, cmd: l.Command()}
	bash, err := exec.LookPath("bash")
	if err != nil {
		l.Fatal(err)
	}
	t.cmd.Path, t.cmd.Args = bash, []string{"bash", "-c", "trap : INT; " + script}
	t.cmd.Env = append(t.cmd.Env, "STELLAR="+l.Bin)
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = slave, slave, slave
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := t.cmd.Start(); err != nil {
		l.Fatal(err)
	}
	t.read.Go(func() { _, _ = io.Copy(t, master) })
	return t
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// said is what the terminal shows until now.
func (t *terminal) said() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func (t *terminal) press(key string) {
	if _, err := t.master.WriteString(key); err != nil {
		t.Error(err)
	}
}

// wait waits for the exit codes that the script writes to the file code.
func (t *terminal) wait() string {
	t.Helper()
	end := time.AfterFunc(2*time.Minute, func() { _ = t.cmd.Process.Kill() })
	defer end.Stop()
	_ = t.cmd.Wait()
	var code []byte
	until := time.Now().Add(time.Minute)
	for ; len(code) == 0 && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		code, _ = os.ReadFile(filepath.Join(t.Dir, "code"))
	}
	_ = t.master.Close()
	t.read.Wait()
	return strings.TrimSpace(string(code))
}

// ended demands that the run has ended so, that its log has the end, and that nothing of it is left.
func ended(l *lab.Lab, how string) {
	l.Helper()
	dir, entries := l.Journal()
	if len(entries) == 0 {
		l.Fatal("there was no run")
	}
	if last := entries[len(entries)-1]; last.Event != run.EventEnd || last.Detail != how {
		l.Errorf("the journal ends with %+v, want %s", last, how)
	}
	log, err := os.ReadFile(filepath.Join(dir, "run_logs.txt"))
	if err != nil ||
		how != "removed" && !bytes.Contains(log, []byte("removing: done")) &&
			!bytes.Contains(log, []byte("removing (")) {
		l.Errorf("the run's log does not have its end: %v\n%s", err, log)
	}
	l.NoProcesses("the end")
	l.NothingToClean("clean afterwards")
}

const endless = `{"Provider": "local", "SubExperiments": [{"Runtime": "python3.13", "Bursts": 5000,
	"IATSeconds": 0.05}]}`

// TestCtrlCWithTee: Ctrl-C reaches all of the foreground job. tee dies of it, and the run removes its functions all the
// same.
func TestCtrlCWithTee(t *testing.T) {
	t.Parallel()
	l := lab.New(t, endless)
	term := open(l, `$STELLAR -c exp.json -o out 2>&1 | tee log; echo ${PIPESTATUS[@]} > code`)
	l.AwaitStage("probing")
	term.press("\x03")
	if code := term.wait(); code != "130 130" {
		t.Errorf("exit codes %s, want 130 of the run, and 130 of tee\n%s", code, &term.text)
	}
	ended(l, "interrupted")
	if sums, _ := filepath.Glob(filepath.Join(l.Dir, "out", "2*", "statistics.csv")); len(sums) != 1 {
		t.Error("what was measured was not evaluated")
	}
}

// TestClosedTerminal: the terminal of a run is closed. The run hears of it, and of its screen nothing is left to write
// to.
func TestClosedTerminal(t *testing.T) {
	t.Parallel()
	l := lab.New(t, endless)
	term := open(l, `(trap : HUP; $STELLAR -c exp.json -o out; echo $? > code); true`)
	l.AwaitStage("probing")
	_ = term.master.Close()
	if code := term.wait(); code != "130" {
		t.Errorf("exit code %s, want 130", code)
	}
	ended(l, "interrupted")
}

// TestDeployIntoHead: the reader of a deployment goes after a line. The functions are up, and can be removed.
func TestDeployIntoHead(t *testing.T) {
	t.Parallel()
	l := lab.New(t, endless)
	term := open(l, `$STELLAR deploy -c exp.json -o out 2>&1 | head -1; echo ${PIPESTATUS[@]} > code`)
	if code := term.wait(); code != "0 0" {
		t.Errorf("exit codes %s, want 0 of both\n%s", code, &term.text)
	}
	dir, _ := l.Journal()
	if out, err := l.Command("remove", dir).CombinedOutput(); err != nil ||
		!strings.Contains(string(out), "removed") {
		t.Errorf("remove: %v\n%s", err, out)
	}
	ended(l, "removed")
}

// TestSignalWhileRemoving: a signal that comes when all is measured, and the removal is under way, is exit 130. The
// removal comes to its end.
func TestSignalWhileRemoving(t *testing.T) {
	t.Parallel()
	l := lab.New(t, `{"Provider": "local", "SubExperiments": [{"Runtime": "python3.13", "Bursts": 1}]}`)
	begun, further := filepath.Join(l.Dir, "begun"), filepath.Join(l.Dir, "further")
	l.Write("bin/osls", fmt.Sprintf(`#!/bin/sh
case " $* " in *" remove "*)
	: > '%s'
	until [ -e '%s' ]; do sleep 0.02; done
esac
exec '%s' "$@"
`, begun, further, filepath.Join(lab.Serverless(), "osls")))
	if err := os.Chmod(filepath.Join(l.Dir, "bin", "osls"), 0o755); err != nil {
		t.Fatal(err)
	}
	term := open(l, `PATH=$PWD/bin:$PATH; $STELLAR -c exp.json -o out; echo $? > code`)
	there := func(file string) bool { _, err := os.Stat(file); return err == nil }
	l.Until("the removal", func() bool { return there(begun) })
	term.press("\x03")
	l.Until("the signal", func() bool { return strings.Contains(term.said(), "\nstopping: ") })
	if err := os.WriteFile(further, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := term.wait(); code != "130" {
		t.Errorf("exit code %s, want 130\n%s", code, &term.text)
	}
	ended(l, "interrupted")
}

// TestReadersOfAProbe: the same where nothing is deployed, for the readers that are quicker to come by.
func TestReadersOfAProbe(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	for name, c := range map[string]struct {
		script, code, end string
		bursts            int
		do                func(*terminal)
	}{
		"tee -i": {`$STELLAR -c exp.json -o out 2>&1 | tee -i log; echo ${PIPESTATUS[@]} > code`, "130 0",
			"interrupted", 5000,
			func(t *terminal) { t.press("\x03") }},
		"stdout alone": {`$STELLAR -c exp.json -o out | tee log; echo ${PIPESTATUS[@]} > code`, "130 130",
			"interrupted", 5000,
			func(t *terminal) { t.press("\x03") }},
		"quit key": {`ulimit -c 0; $STELLAR -c exp.json -o out; echo $? > code`, "130", "interrupted", 5000,
			func(t *terminal) { t.press("\x1c") }},
		"head": {`$STELLAR -c exp.json -o out 2>&1 | head -1; echo ${PIPESTATUS[@]} > code`, "0 0", "done",
			20, func(*terminal) {}},
		"no streams": {`$STELLAR -c exp.json -o out >&- 2>&-; echo $? > code`, "0", "done", 20, func(*terminal) {}},
		"nohup": {`(trap : HUP; nohup $STELLAR -c exp.json -o out; echo $? > code); true`, "0", "done", 40,
			func(t *terminal) { _ = t.master.Close() }},
		"background": {`(trap "" INT QUIT; $STELLAR -c exp.json -o out; echo $? > code)`, "0", "done", 40,
			func(t *terminal) { t.press("\x03\x1c") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(
				t,
				fmt.Sprintf(
					`{"Provider": "%s", "SubExperiments": [{"Bursts": %d, "IATSeconds": 0.05}]}`,
					server.URL,
					c.bursts,
				),
			)
			term := open(l, c.script)
			l.AwaitStage("probing")
			c.do(term)
			if code := term.wait(); code != c.code {
				t.Errorf("exit codes %q, want %q\n%s", code, c.code, &term.text)
			}
			ended(l, c.end)
		})
	}
}

// TestSchemaIntoHead: a command whose only product is its output ends quietly when nobody reads it.
func TestSchemaIntoHead(t *testing.T) {
	l := lab.New(t, "{}")
	term := open(
		l,
		`for c in schema "completion bash" --help "version --json"; do $STELLAR $c | true;
			echo -n "${PIPESTATUS[0]} "; done > code`,
	)
	if code := term.wait(); code != "0 0 0 0" || strings.TrimSpace(term.text.String()) != "" {
		t.Errorf("exit codes %q, and the terminal shows %q", code, &term.text)
	}
}
