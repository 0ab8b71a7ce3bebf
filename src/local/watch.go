package local

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"stellar/src/fail"
)

// watch is the platform's end of its watcher: a process that does nothing but wait for the platform's death.
type watch struct {
	mu    sync.Mutex
	pipe  *os.File
	ended chan struct{} // the watcher has exited
}

// watchOrder is the first line that a watcher reads.
type watchOrder struct {
	Dir   string `json:"dir"`
	ID    string `json:"id"`
	State string `json:"state,omitempty"` // state file, removed if it is this platform's
}

// watcherName is what the watcher is called, in place of the program's name: `killall -9` and `pkill -9` of that name, also by
// command line, end the run and its platform, and leave the watcher to clean up. It has at most 15 bytes.
const watcherName = "faas-watcher"

// startWatch starts the watcher; defect is told of a panic of the goroutine that waits for it.
func startWatch(command []string, what watchOrder, defect func(error)) (*watch, error) {
	if len(command) == 0 {
		return nil, nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	defer null.Close()
	proc, err := os.StartProcess(command[0], append([]string{watcherName}, command[1:]...), &os.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []*os.File{read, null, null},
		Sys: &syscall.SysProcAttr{Setpgid: true}, // a kill of the platform's group must not reach it
	})
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	w := &watch{pipe: write, ended: make(chan struct{})}
	fail.Go(defect, func() { _, _ = proc.Wait() }, func() { close(w.ended) })
	order, err := json.Marshal(what)
	if err == nil {
		_, err = write.Write(append(order, '\n'))
	}
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return w, nil
}

func (w *watch) add(pid int)    { w.tell("+", pid) }
func (w *watch) remove(pid int) { w.tell("-", pid) }

// containers says that from here on the Engine may hold containers of the platform.
func (w *watch) containers() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.pipe.WriteString(containersMark + "\n")
}

// tell does its best: without a watcher, the parent-death signal remains.
func (w *watch) tell(sign string, pid int) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.pipe.WriteString(sign + strconv.Itoa(pid) + "\n")
}

// end ends the watcher and waits for it; when not all is well it cleans up first.
func (w *watch) end(well bool) {
	if w == nil {
		return
	}
	w.mu.Lock()
	if well {
		_, _ = w.pipe.WriteString("done\n")
	}
	_ = w.pipe.Close()
	w.mu.Unlock()
	<-w.ended
}

// Watch is the watcher: it reads what the platform says of its instances, and when the platform ends without saying
// that it is done, kills what is left of them and removes their control groups and the platform's folder.
func Watch(in io.Reader) error {
	nameProcess(watcherName)
	lines := bufio.NewScanner(in)
	var order watchOrder
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &order) != nil || order.Dir == "" || order.ID == "" {
		return fail.Input("local platform: the watcher is started by the platform, not by hand")
	}
	groups, containers := map[int]bool{}, false
	for lines.Scan() {
		line := lines.Text()
		switch line {
		case "done":
			return nil
		case containersMark:
			containers = true
			continue
		}
		if pid, err := strconv.Atoi(line[min(1, len(line)):]); err == nil && pid > 1 {
			groups[pid] = line[0] == '+'
		}
	}
	for pid, lives := range groups {
		if lives {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	}
	var err error
	if containers {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		if _, err := RemoveContainers(ctx, os.Getenv, order.Dir); err != nil {
			return fmt.Errorf("local platform: clean up after a killed platform: %w", err) // its folder tells `clean` of them
		}
	}
	for deadline := time.Now().Add(closeTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = errors.Join(removeCgroups(order.ID), dropState(order.State, order.Dir), removeTree(order.Dir)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("local platform: clean up after a killed platform: %w", err)
}
