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
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/container"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// watch is the platform's end of the pipe to its watcher, the process that started it and outlives it.
type watch struct {
	ownNumbers bool // the platform's processes have other numbers than the watcher knows them by

	mu   sync.Mutex
	pipe *os.File
}

// watchOrder says what a watcher has to remove.
type watchOrder struct {
	Dir   string `json:"dir"`
	ID    string `json:"id"`
	State string `json:"state,omitempty"` // state file, removed if it is this platform's
}

// watcherName is what the watcher is called, in place of the program's name: `killall -9` and `pkill -9` of that name
// end the run and its platform, and leave the watcher to clean up. It has at most 15 bytes.
const watcherName = "faas-watcher"

const (
	unfitMark = "unfit " // the namespaces cannot be used; the reason follows
	doneMark  = "done"   // the platform has removed everything itself
)

// openWatch tells the watcher what the platform is. Without a pipe there is no watcher, and the watch is nil.
func openWatch(pipe *os.File, what watchOrder, ownNumbers bool) (*watch, error) {
	if pipe == nil {
		return nil, nil
	}
	order, err := json.Marshal(what)
	if err == nil {
		_, err = pipe.Write(append(order, '\n'))
	}
	return &watch{pipe: pipe, ownNumbers: ownNumbers}, err
}

func (w *watch) add(pid int)    { w.tell("+", pid) }
func (w *watch) remove(pid int) { w.tell("-", pid) }

// tell reports an instance's process. In a namespace of its own for processes, the kernel ends it with the platform;
// there its number is another one's for the watcher, who would kill that.
func (w *watch) tell(what string, pid int) {
	if w != nil && !w.ownNumbers {
		w.send(what + strconv.Itoa(pid))
	}
}

// containers reports that from here on the Engine may have containers of the platform.
func (w *watch) containers() { w.send(containersMark) }

// send does its best: without a watcher, the parent-death signal remains.
func (w *watch) send(line string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.pipe.WriteString(line + "\n")
}

// end ends the watcher; if not everything was removed, it cleans up first.
func (w *watch) end(well bool) {
	if w == nil {
		return
	}
	if well {
		w.send(doneMark)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.pipe.Close()
}

// watched is what a platform has reported to its watcher.
type watched struct {
	order      watchOrder
	unfit      string
	groups     map[int]bool // process groups of instances, by their leader: true while it lives
	containers bool
	done       bool
}

// readWatch reads to the end of the pipe, which comes with the platform's end.
func readWatch(in io.Reader) watched {
	told := watched{groups: map[int]bool{}}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		line := lines.Text()
		reason, unfit := strings.CutPrefix(line, unfitMark)
		switch {
		case unfit:
			told.unfit = reason
		case line == doneMark:
			told.done = true
		case line == containersMark:
			told.containers = true
		case strings.HasPrefix(line, "{"):
			_ = json.Unmarshal(lines.Bytes(), &told.order) // without an order there is nothing to remove
		default:
			if pid, err := strconv.Atoi(line[min(1, len(line)):]); err == nil && pid > 1 {
				told.groups[pid] = line[0] == '+'
			}
		}
	}
	return told
}

// cleanUp ends what a platform has left and removes its control groups and its folder.
func (w watched) cleanUp(getenv func(string) string) error {
	if w.done || w.order.Dir == "" || w.order.ID == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	for pid, lives := range w.groups {
		if lives {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	}
	if w.containers {
		if _, err := container.RemoveAll(ctx, containerOptions(w.order.Dir, getenv)); err != nil {
			// its folder tells `clean` of them
			return fmt.Errorf("local platform: clean up after a killed platform: %w", err)
		}
	}
	var err error
	sandbox.WaitUntil(ctx, 50*time.Millisecond, func() bool {
		err = errors.Join(sandbox.RemoveGroups(w.order.ID), dropState(w.order.State, w.order.Dir),
			sandbox.RemoveTree(w.order.Dir))
		return err == nil
	})
	if err != nil {
		return fmt.Errorf("local platform: clean up after a killed platform: %w", err)
	}
	return nil
}
