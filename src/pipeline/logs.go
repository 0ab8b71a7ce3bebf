package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// LogsFolder is where the functions' own logs go, within the run's folder.
const LogsFolder = "logs"

// CollectLogs copies the local platform's log of each function into the run's folder: it has the reason of a crash, and
// a REPORT line for every request. A log that cannot be read is no error of the run.
func (j *Job) CollectLogs(ctx context.Context, r *run.Run) {
	p := j.platform
	if !p.hosts || p.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	failed := 0
	for _, f := range r.Functions {
		if f.Endpoint == nil || f.Endpoint.Token != "" { // nor of another run
			continue
		}
		var seen failures
		if err := p.copyLog(ctx, r, f.Name, &seen); err != nil {
			j.Log.Warnf("no log of function %s: %v", f.Name, err)
			return
		}
		if seen.count == 0 {
			continue
		}
		if failed++; failed <= maxLoggedFailures {
			j.Log.Warnf("%s: %d failed requests; the first: %s",
				filepath.Join(LogsFolder, f.Name+".log"), seen.count, local.Printable(seen.first))
		}
	}
	if more := failed - maxLoggedFailures; more > 0 {
		j.Log.Warnf("%d more functions have failed requests in their logs in %s",
			more, filepath.Join(r.Dir, LogsFolder))
	}
}

// maxLoggedFailures is how many functions' failures a run's log names.
const maxLoggedFailures = 5

// failures is what a function's log says of failed requests.
type failures struct {
	count int
	first string // the reason of the first one
}

// read counts the failures in whole lines of a log. Only lines of the platform begin with these words.
func (f *failures) read(text string) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "RequestId: "); ok && f.first == "" {
			_, reason, _ := strings.Cut(rest, " Error: ")
			f.first = strings.TrimSpace(reason)
		}
		if report, ok := reportline.Parse(line); ok && report.Status != "" {
			f.count++
		}
	}
}

// copyLog copies a function's log as it is.
func (p *localPlatform) copyLog(ctx context.Context, r *run.Run, name string, seen *failures) error {
	if err := os.MkdirAll(filepath.Join(r.Dir, LogsFolder), 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(r.Dir, LogsFolder, name+".log"))
	if err != nil {
		return err
	}
	defer f.Close()
	for offset := int64(0); ; {
		text, next, err := p.client.Logs(ctx, r.Service, name, offset)
		if err != nil {
			return err
		}
		if _, err := f.Write(text); err != nil {
			return fmt.Errorf("write its log: %w", err)
		}
		seen.read(string(text))
		if len(text) == 0 || next == offset {
			return nil
		}
		offset = next
	}
}
