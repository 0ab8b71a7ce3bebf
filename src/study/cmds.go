package study

import (
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/microtest"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// CmdStatisticsFile is the name of the statistics of micro-tests in a sub-experiment's folder.
const CmdStatisticsFile = "cmds-statistics.csv"

// cmdAnswer is how much of an answer with micro-tests is kept: the timestamps of cpuu are the most of it.
const cmdAnswer = 8 << 20 // bytes

// AskCmds has each request ask for the sub-experiment's micro-tests, in its body, and gives the table of their results
// for Measure. Without Cmds it does nothing, and there is none.
func (e *Env) AskCmds(cfg *probe.Config) (further []func() (Table, error)) {
	object := e.Sub.Cmds
	if len(object) == 0 {
		return nil
	}
	body := microtest.Body(object)
	cfg.Method, cfg.Body, cfg.KeepBody = http.MethodPost, func(int) []byte { return body }, cmdAnswer
	for i := range cfg.Targets {
		cfg.Targets[i].Header.Set("Content-Type", "application/json")
	}
	warned := false
	cfg.Answer = func(row *sample.Sample, body []byte) {
		if row.Err != sample.OK {
			return
		}
		results, err := microtest.Read(body)
		if row.Cmds = results; err != nil && !warned && e.Log != nil {
			warned = true
			e.Log.Warnf("%s: %s answers without micro-tests: %v (further ones are not logged)", e.Sub.Title,
				row.Endpoint, err)
		}
	}
	return []func() (Table, error){func() (Table, error) {
		return sample.CreateCmds(filepath.Join(e.Dir, sample.CmdsFile), microtest.Names(object))
	}}
}

// SummarizeCmds adds the statistics of the micro-tests in a folder to a summary, and writes cmds-statistics.csv, over
// one that is there. Without Cmds it does nothing.
func SummarizeCmds(sum *Summary, sub *experiment.SubExperiment, dir string) error {
	if len(sub.Cmds) == 0 {
		return nil
	}
	numbers, failed, err := sample.ReadCmds(dir, microtest.Names(sub.Cmds))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it stopped before its first row
	}
	if err != nil {
		return err
	}
	c := analyze.DescribeCmds(numbers, failed)
	sum.Latencies.Findings = append(sum.Latencies.Findings, c.Findings()...)
	return WriteTable(filepath.Join(dir, CmdStatisticsFile), c.Write)
}
