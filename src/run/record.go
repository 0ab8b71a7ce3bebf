package run

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Record is run.json: what a reader of the results needs to know about how they were made. It contains no secret.
type Record struct {
	ID          string                 `json:"id"`
	Status      string                 `json:"status"` // running, done, partial, failed, interrupted, kept
	Error       string                 `json:"error,omitempty"`
	Version     string                 `json:"stellar"`
	Started     time.Time              `json:"started"`
	Finished    *time.Time             `json:"finished,omitempty"`
	Seed        int64                  `json:"seed"`
	BaseDir     string                 `json:"baseDir"` // folder of the experiment file
	Service     string                 `json:"service"`
	Host        Host                   `json:"host"`
	Tools       map[string]string      `json:"tools,omitempty"` // program to version, as it says itself
	Stages      []StageRecord          `json:"stages"`
	Inputs      []InputRecord          `json:"inputs,omitempty"`
	Calibration []Calibration          `json:"calibration,omitempty"`
	Builds      []BuildRecord          `json:"builds,omitempty"`
	Functions   []FunctionRecord       `json:"functions"`
	Results     []ResultRecord         `json:"results"`
	Repetitions *Repetitions           `json:"repetitions,omitempty"` // nil: the plan is sent once
	Notes       []string               `json:"notes,omitempty"`
	Experiment  *experiment.Experiment `json:"experiment"`
}

// InputRecord is a file or a folder outside of the run's folder that the run was made from.
type InputRecord struct {
	Key    string `json:"key"`  // of the experiment file, such as Function; of the command line: endpoints, prices
	Name   string `json:"name"` // as it was named
	Path   string `json:"path"` // absolute
	SHA256 string `json:"sha256"`
}

// Host is the machine that the client ran on.
type Host struct {
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	CPUs    int    `json:"cpus"`
	CPU     string `json:"cpu,omitempty"`
	Kernel  string `json:"kernel,omitempty"`
	Go      string `json:"go"`
	MemMB   int    `json:"memoryMB,omitempty"`
	OpenMax int    `json:"openFiles,omitempty"`
}

// StageRecord is the duration of a stage.
type StageRecord struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Skipped string  `json:"skipped,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// Calibration is the number of spin increments for a service time in one runtime.
type Calibration struct {
	Function     string  `json:"function"`
	Runtime      string  `json:"runtime"`
	Architecture string  `json:"architecture"`
	Method       string  `json:"calibration"` // measured, or table where the runtime is not on this machine
	NsPerInc     float64 `json:"nsPerIncrement"`
	ServiceTime  string  `json:"serviceTime"`
	Increments   int64   `json:"increments"`
	AchievedNs   int64   `json:"achievedNs,omitempty"`
	Error        float64 `json:"relativeError"` // |achieved − desired| / desired
	Tries        int     `json:"tries,omitempty"`
}

// FunctionRecord is one function as deployed.
type FunctionRecord struct {
	Name          string        `json:"name"`
	SubExperiment int           `json:"subExperiment"`
	Runtime       string        `json:"runtime,omitempty"`
	Architecture  string        `json:"architecture,omitempty"`
	MemoryMB      int           `json:"memoryMB,omitempty"`
	PackageType   string        `json:"packageType,omitempty"`
	Package       string        `json:"package,omitempty"`
	Build         string        `json:"build,omitempty"` // the same for the same code and toolchain
	PackageBytes  bytesize.Size `json:"packageBytes,omitempty"`
	CodeBytes     bytesize.Size `json:"codeBytes,omitempty"`
	PackageSHA256 string        `json:"packageSHA256,omitempty"`
	Image         string        `json:"image,omitempty"` // reference as deployed
	Endpoint      *Endpoint     `json:"endpoint,omitempty"`
}

// BuildRecord is one build that the functions' packages contain.
type BuildRecord struct {
	Build     string      `json:"build"` // as in FunctionRecord
	Language  string      `json:"language"`
	Toolchain string      `json:"toolchain,omitempty"`
	FromCache bool        `json:"fromCache"`
	Installed []Installed `json:"installed,omitempty"` // packages that came from elsewhere, as installed
	Reads     []string    `json:"reads,omitempty"`     // files and folders outside of the function's folder, absolute
}

// builds lists the distinct builds of a run's functions.
func (r *Run) builds() []BuildRecord {
	var all []BuildRecord
	for _, f := range r.Functions {
		s := f.Source
		if s == nil || s.Build == "" || slices.ContainsFunc(all,
			func(b BuildRecord) bool { return b.Build == s.Build }) {
			continue
		}
		all = append(all, BuildRecord{s.Build, s.Language, s.Toolchain, s.FromCache, s.Installed, s.Reads})
	}
	return all
}

// ResultRecord is how one sub-experiment ended.
type ResultRecord struct {
	SubExperiment int    `json:"subExperiment"`
	Folder        string `json:"folder"`
	Rows          int    `json:"rows"`
	Failed        int    `json:"failed"`
	Unsent        int    `json:"unsent,omitempty"` // requests of a sustained load that were due and never sent
	// IdleClose is the shortest time without use after which the server closed a connection; 0: it closed none.
	IdleClose time.Duration `json:"idleCloseNs,omitempty"`
	Stopped   string        `json:"stopped,omitempty"`
	Cut       string        `json:"cut,omitempty"` // why it ended early, where that was asked for
}

// Miscounted says that latencies.csv has other rows than the record counts; empty: it has these. Of a sub-experiment
// that was not complete when its run died the record counts none, and of one that stopped early perhaps too few:
// further rows are no fault there.
func (r ResultRecord) Miscounted(rows int) string {
	switch {
	case rows < r.Rows:
		return fmt.Sprintf("latencies.csv has only %d of the %d rows that %s counts", rows, r.Rows, RecordFile)
	case rows > r.Rows && r.Stopped == "":
		return fmt.Sprintf("latencies.csv has %d rows, but %s counts %d", rows, RecordFile, r.Rows)
	}
	return ""
}

// Names in a run's directory.
const (
	RecordFile = "run.json"
	GivenFile  = "given.json" // the experiment file as it was read; EffectiveFile has its defaults and sweeps, too
)

// WriteGiven keeps the experiment file as it was read.
func (r *Run) WriteGiven(text []byte) error {
	if err := writeSynced(filepath.Join(r.Dir, GivenFile), text, 0o644); err != nil {
		return fmt.Errorf("keep the experiment file: %w", err)
	}
	return nil
}

// WriteRecord updates the record from the run and replaces run.json in one step.
func (r *Run) WriteRecord() error {
	r.Record.Functions, r.Record.Builds = r.Record.Functions[:0], r.builds()
	for _, f := range r.Functions {
		rec := FunctionRecord{Name: f.Name, SubExperiment: f.Sub, Runtime: f.Runtime, Architecture: f.Architecture,
			MemoryMB: f.MemoryMB, PackageType: f.PackageType, Endpoint: f.Endpoint}
		if p := f.Package; p != nil {
			rec.Package, rec.PackageBytes, rec.CodeBytes, rec.PackageSHA256 = p.Name, p.Bytes, p.CodeBytes, p.SHA256
			rec.Image = p.Image
		}
		if f.Source != nil {
			rec.Build = f.Source.Build
		}
		r.Record.Functions = append(r.Record.Functions, rec)
	}
	return r.WriteResults()
}

// WriteResults brings the results of the record up to date, and nothing else, and replaces run.json.
func (r *Run) WriteResults() error {
	r.Record.Results = r.Record.Results[:0]
	for _, res := range r.Results {
		rec := ResultRecord{SubExperiment: res.Sub, Folder: filepath.Base(res.Dir), Rows: res.Rows, Failed: res.Failed,
			Unsent: res.Unsent, IdleClose: res.IdleClose, Cut: res.Cut}
		if res.Stopped != nil {
			rec.Stopped = res.Stopped.Error()
		}
		r.Record.Results = append(r.Record.Results, rec)
	}
	return r.SaveRecord()
}

// SaveRecord replaces run.json by the current record.
func (r *Run) SaveRecord() error {
	err := r.Record.Write(r.Dir)
	r.unwritten = err != nil
	return err
}

// Write replaces run.json in a run's directory, in one step.
func (rec *Record) Write(dir string) error {
	text, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return fmt.Errorf("the run's record: %w", err)
	}
	if err := writeSynced(filepath.Join(dir, RecordFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the run's record: %w", err)
	}
	return nil
}

// ReadRecord reads the record of a run's directory.
func ReadRecord(dir string) (*Record, error) {
	text, err := wholefile.ReadFile(filepath.Join(dir, RecordFile))
	if err != nil {
		return nil, fmt.Errorf("read the run's record: %w", err)
	}
	var rec Record
	if err := json.Unmarshal(text, &rec); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, RecordFile), err)
	}
	return &rec, nil
}
