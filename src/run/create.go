package run

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Deps are what a run gets from the process that creates it: environment, version, clock and log.
type Deps struct {
	Getenv  func(string) string
	Version string
	Now     func() time.Time
	Log     Logger
}

// Create makes a new run's directory under out, takes its lock, opens its journal and writes the effective experiment
// and the first record into it. It creates nothing yet that has to be removed. baseDir is the experiment file's folder.
func Create(w Deps, out string, exp *experiment.Experiment, baseDir string) (*Run, error) {
	out, err := filepath.Abs(out)
	if err != nil {
		return nil, fail.Input("output folder: %w", err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fail.Input("make the output folder: %w", err).WithHint("name another one with --output")
	}
	state, err := StateDir(w.Getenv)
	if err != nil {
		return nil, fail.Input("%w", err)
	}
	index := Index{Dir: filepath.Join(state, "runs")}
	if err := index.writable(); err != nil { // before the run's folder is made, so that no empty folder is left
		return nil, fail.Input("%w", err).
			WithHint("set HOME to a folder of yours, or XDG_STATE_HOME and STELLAR_CACHE_DIR: " +
				"stellar keeps its undo index and its builds there")
	}
	cache, err := CacheDir(w.Getenv)
	if err != nil {
		return nil, fail.Input("%w", err)
	}
	id, dir, err := makeDir(out, exp.ProviderKind(), w.Now)
	if err != nil {
		return nil, err
	}
	r := &Run{ID: id, Dir: dir, ServiceDir: filepath.Join(dir, "serverless"), Experiment: exp, BaseDir: baseDir,
		WorkDir: WorkDir(id), Service: ServiceName(id), Log: w.Log,
		CacheDir: cache, index: index}
	r.Token = hex.EncodeToString(random(32))
	r.Record = &Record{ID: id, Status: "running", Version: w.Version, Started: w.Now().UTC(), Seed: *exp.Seed,
		BaseDir: baseDir,
		Service: r.Service, Host: host(), Stages: []StageRecord{}, Experiment: exp}
	r.Tags = map[string]string{"stellar-run": id, "stellar-owner": Owner(w.Getenv), "stellar-expires": r.Expires().
		Format(time.RFC3339)}
	if r.Journal, err = OpenJournal(dir); err != nil {
		return nil, err
	}
	text, err := exp.MarshalEffective()
	if err != nil {
		return nil, err
	}
	if err := writeSynced(filepath.Join(dir, EffectiveFile), text, 0o644); err != nil {
		return nil, fmt.Errorf("write the effective experiment: %w", err)
	}
	if err := r.Journal.Note(EventStart, "stellar "+w.Version); err != nil {
		return nil, err
	}
	if err := r.WriteRecord(); err != nil {
		return r, err
	}
	if err := linkLatest(out, id); err != nil {
		w.Log.Debugf("no link %s to this run: %v", filepath.Join(out, LatestLink), err)
	}
	return r, nil
}

// LatestLink is the name of the link in an output folder to the newest run in it.
const LatestLink = "latest"

// linkLatest makes the link to a run of an output folder. What has its name and is no link is left alone.
func linkLatest(out, id string) error {
	path := filepath.Join(out, LatestLink)
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("%s is no link", path)
	}
	made := filepath.Join(out, "."+LatestLink+"-"+id)
	if err := os.Symlink(id, made); err != nil {
		return fmt.Errorf("make the link: %w", err)
	}
	if err := os.Rename(made, path); err != nil { // in one step: two runs may begin together
		return errors.Join(err, os.Remove(made))
	}
	return nil
}

// EffectiveFile is the effective experiment's name in a run's directory.
const EffectiveFile = "experiment.json"

const tokenFile = ".token"

// Remember adds the run to the user's index of unfinished runs. It must be called before the first Intend, so that the
// journal can be found after a crash.
func (r *Run) Remember() error {
	r.indexed = Indexed{ID: r.ID, Dir: r.Dir, Scratch: r.WorkDir}
	return r.index.Put(r.indexed)
}

// RememberPlace adds to the index where functions are deployed. It must be called before the first Intend of a
// function, so that the functions can be found even if the run's folder, with the journal, was deleted.
func (r *Run) RememberPlace(place map[string]string) error {
	r.indexed.Place = place
	return r.index.Put(r.indexed)
}

// RememberStore adds to the index where the run's objects are. It must be called before the first Intend of a bucket or
// of objects, so that they can be found even if the run's folder, with the journal, was deleted.
func (r *Run) RememberStore(at map[string]string) error {
	if r.indexed.ID == "" {
		return nil // not in the index
	}
	r.indexed.Store = at
	return r.index.Put(r.indexed)
}

// RememberKept adds to the index which functions stay deployed on purpose, and until when: the run's folder may be
// moved. Nil means none any more.
func (r *Run) RememberKept(kept *Kept) error {
	if r.indexed.ID == "" || kept == nil && r.indexed.Kept == nil {
		return nil // not in the index, or nothing to change
	}
	r.indexed.Kept = kept
	return r.index.Put(r.indexed)
}

// Remembered reports whether the run is in the index, which only this user writes.
func (r *Run) Remembered() bool { return r.indexed.ID != "" }

// Entry is the run's entry in the index.
func (r *Run) Entry() Indexed { return r.indexed }

// Kept is what the index has about functions that stay deployed on purpose; nil if it has nothing.
func (r *Run) Kept() *Kept { return r.indexed.Kept }

// Scratch is the run's scratch folder: the one in the index, else the one that follows from its id and TMPDIR.
func (r *Run) Scratch() string { return cmp.Or(r.indexed.Scratch, WorkDir(r.ID)) }

// KeepToken writes the run's token, readable only by this user, for later probes of functions that stay deployed.
func (r *Run) KeepToken() error {
	return writeSynced(filepath.Join(r.Dir, tokenFile), []byte(r.Token+"\n"), 0o600)
}

// ReadToken reads the token of a run whose functions stayed deployed.
func ReadToken(dir string) (string, error) {
	text, err := wholefile.ReadFile(filepath.Join(dir, tokenFile))
	return strings.TrimSpace(string(text)), err
}

// TokenHash is the only part of the token that functions know: its SHA-256 in hex.
func (r *Run) TokenHash() string {
	sum := sha256.Sum256([]byte(r.Token))
	return hex.EncodeToString(sum[:])
}

// Close ends the owner's work on the run. If nothing is pending, its token is deleted, and the run leaves the index,
// unless its record could not be written: then the next command that reads the index removes it.
func (r *Run) Close() error {
	var errs []error
	if len(r.Journal.Pending()) == 0 {
		if err := os.Remove(filepath.Join(r.Dir, tokenFile)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		if !r.unwritten {
			errs = append(errs, r.index.Drop(r.ID))
		}
	}
	errs = append(errs, r.Journal.Close())
	return errors.Join(errs...)
}

// makeDir makes the run's own directory. If an id is in use, another one is drawn; a directory is never shared.
func makeDir(out, provider string, now func() time.Time) (id, dir string, err error) {
	for range 100 {
		id = fmt.Sprintf("%s-%s-%s", now().UTC().Format("20060102T150405Z"), provider, letters(4))
		dir = filepath.Join(out, id)
		err = os.Mkdir(dir, 0o755)
		if err == nil {
			return id, dir, syncDir(out)
		}
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return "", "", fail.Input("make the run's folder: %w", err).WithHint("name another folder with --output")
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand is documented to end the program instead
	return b
}

// letters draws from the machine's own randomness, not from the experiment's seed: two runs of one file can go on at
// the same time and must not share names.
func letters(n int) string {
	b := random(n)
	for i := range b {
		b[i] = 'a' + b[i]%26
	}
	return string(b)
}

var idForm = regexp.MustCompile(`^\d{8}T\d{6}Z-[a-z]+-[a-z]{4}$`)

var notInName = regexp.MustCompile(`[^a-z0-9-]+`)

// WorkDir is the scratch folder of the run with this id.
func WorkDir(id string) string { return filepath.Join(os.TempDir(), "stellar-"+id) }

// ServiceName is the service name of the run with this id. It is valid on every provider: lower case letters, digits
// and hyphens, a letter first, under 48 characters.
func ServiceName(id string) string {
	return "stellar-" + notInName.ReplaceAllString(strings.ToLower(id), "-")
}

// Expires is when a sweep by tag may treat the run's resources as abandoned: its start, plus twice its planned time,
// plus a day; later if the tag was renewed.
func (r *Run) Expires() time.Time {
	until := r.Record.Started.Add(2*r.Experiment.LongestRun() + 24*time.Hour)
	if r.Journal == nil {
		return until
	}
	if e, ok := r.Journal.Last(EventRenewed); ok {
		if later, err := time.Parse(time.RFC3339, e.Detail); err == nil && later.After(until) {
			return later
		}
	}
	return until
}

// Renewed records that the run's resources have a later tag stellar-expires.
func (r *Run) Renewed(until time.Time) error {
	err := r.Journal.Note(EventRenewed, until.UTC().Format(time.RFC3339))
	if kept := r.Kept(); kept != nil {
		err = errors.Join(err, r.RememberKept(&Kept{Until: until, Functions: kept.Functions}))
	}
	return err
}

// CacheDir is the folder for what can be made again: $STELLAR_CACHE_DIR, or stellar in the user's folder for caches.
func CacheDir(getenv func(string) string) (string, error) {
	if d := getenv("STELLAR_CACHE_DIR"); d != "" {
		return filepath.Abs(d)
	}
	if d := getenv("XDG_CACHE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "stellar"), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("no HOME: set STELLAR_CACHE_DIR to a folder for builds")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Caches", "stellar"), nil
	}
	return filepath.Join(home, ".cache", "stellar"), nil
}
