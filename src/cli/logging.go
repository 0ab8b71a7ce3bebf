package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// screen is what the user looks at: log lines scroll, and where it is a terminal a block of progress lines stays below
// them.
type screen struct {
	mu       sync.Mutex
	out      io.Writer
	redraw   bool // lines can be taken back
	progress string
}

// Write prints whole lines above the progress block. It never fails: the logger would leave out the run's log file
// after a failure here, and that file has to be whole when the screen is lost.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	_, _ = s.out.Write(p)
	s.draw()
	return len(p), nil
}

// Progress replaces the progress block, whose lines fit the terminal; empty takes it away. Where lines cannot be
// redrawn it does nothing.
func (s *screen) Progress(block string) {
	if !s.redraw {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	s.progress = block
	s.draw()
}

func (s *screen) erase() {
	if s.progress != "" {
		fmt.Fprint(s.out, "\r\x1b[2K"+strings.Repeat("\x1b[1A\x1b[2K", strings.Count(s.progress, "\n")))
	}
}

func (s *screen) draw() {
	if s.progress != "" {
		fmt.Fprint(s.out, s.progress)
	}
}

// logFile takes log lines from the start; they reach the run's file as soon as the run has one.
type logFile struct {
	mu     sync.Mutex
	early  bytes.Buffer
	file   *os.File
	secret string
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := p
	if l.secret != "" {
		text = bytes.ReplaceAll(p, []byte(l.secret), []byte("***"))
	}
	if l.file == nil {
		l.early.Write(text)
		return len(p), nil
	}
	_, err := l.file.Write(text)
	return len(p), err
}

// open sends what has come so far, and all that follows, to the file at path.
func (l *logFile) open(path, secret string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the run's log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file, l.secret = f, secret
	_, err = f.Write(l.early.Bytes())
	l.early.Reset()
	return err
}

// isOpen reports whether the run's log has a file.
func (l *logFile) isOpen() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file != nil
}

func (l *logFile) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// plain is the form of a log line: time, level where it is not info, message.
type plain struct{ dates bool }

func (p plain) Format(e *logrus.Entry) ([]byte, error) {
	stamp := e.Time.Format("15:04:05")
	if p.dates {
		stamp = e.Time.UTC().Format(time.RFC3339Nano)
	}
	level := ""
	if e.Level != logrus.InfoLevel || p.dates {
		level = strings.ToUpper(e.Level.String()) + " "
	}
	return []byte(stamp + " " + level + inert(strings.TrimRight(e.Message, "\n")) + "\n"), nil
}

// inert is text as it may be written to a terminal or a log: without characters that control either, whoever made them.
// Titles of archives, responses and the output of programs are in messages. Line breaks stay.
func inert(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = report.Printable(line)
	}
	return strings.Join(lines, "\n")
}

// hook copies entries down to a level to a writer: one for the screen, one for the run's log.
type hook struct {
	to    io.Writer
	level logrus.Level
	form  plain
}

func (h hook) Levels() []logrus.Level { return logrus.AllLevels[:h.level+1] }

func (h hook) Fire(e *logrus.Entry) error {
	line, err := h.form.Format(e)
	if err != nil {
		return err
	}
	_, err = h.to.Write(line)
	return err
}

// newLogger logs to the screen from the given level on, and everything to the run's log file.
func newLogger(level string, out io.Writer, file *logFile) (*logrus.Logger, error) {
	lvl, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, fail.Input("--log-level %q: want debug, info, warn or error", level)
	}
	log := logrus.New()
	log.SetLevel(logrus.DebugLevel)
	log.SetOutput(io.Discard)
	log.AddHook(hook{out, lvl, plain{}})
	log.AddHook(hook{file, logrus.DebugLevel, plain{dates: true}})
	return log, nil
}
