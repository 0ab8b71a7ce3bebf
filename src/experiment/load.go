package experiment

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Loaded is an experiment with what its reading brought to light.
type Loaded struct {
	Experiment *Experiment // defaults filled in, sweeps expanded, validated
	Warnings   []Warning   // of single keys: see PlanWarnings for all
	Notes      []string    // worth a line in the log: retired runtimes, duplicate keys, what is ignored
	Text       []byte      // the file as it was read
	Published  bool        // the file is of the published form, for which Function defaults to hellopy

	// runtime in use to the note that says which id of the file it stands for, such as a retired one
	Replaced map[string]string

	local  bool // functions run on the local platform
	found  *findings
	top    map[string]*node
	drafts []*draft
}

// RunNotes are the notes for who runs the experiment. On the local platform those on runtimes that are replaced are
// left out: there the run says it together with the version that this machine has.
func (l *Loaded) RunNotes() []string {
	if !l.local {
		return l.Notes
	}
	return slices.DeleteFunc(slices.Clone(l.Notes), func(text string) bool {
		for _, note := range l.Replaced {
			if strings.HasSuffix(text, note) {
				return true
			}
		}
		return false
	})
}

// maxFile bounds what Load reads, in bytes.
const maxFile = 64 << 20

// Load reads an experiment file and the traces that it names, whose paths start at the file's folder and are absolute
// afterwards. known are the providers that it may name beside hosts and URLs. Its errors have exit code 2; those of the
// file's content wrap *Problems.
func Load(path string, known []Provider) (*Loaded, error) { return LoadWith(path, known, Reading{}) }

// LoadStanding is Load for functions that an endpoints file names: what the file does not say of their code stays
// empty.
func LoadStanding(path string, known []Provider) (*Loaded, error) {
	return LoadWith(path, known, Reading{Standing: true})
}

// Reading is how a file is read.
type Reading struct {
	Standing bool   // its functions exist already: what it does not say of their code stays empty
	Provider string // in place of the file's own; empty: the file's own
	Name     string // of the file in messages; empty: its path
	// gives the runtime of a function for which the file names none, and the file of its folder that shows it; empty:
	// it is not known. nil: no folder is looked at.
	RuntimeOf func(function string) (id, by string)
}

// LoadWith is Load in another way.
func LoadWith(path string, known []Provider, how Reading) (*Loaded, error) {
	return sound(inspect(path, known, how))
}

// sound gives what was read only where it has no mistake.
func sound(l *Loaded, err error) (*Loaded, error) {
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Inspect is Load for those who look for further mistakes (Loaded.Mistakes): beside an error about the file's content
// it gives what could be read, unless that is too little to look at. It has no seed then, and must not be run.
func Inspect(path string, known []Provider) (*Loaded, error) { return inspect(path, known, Reading{}) }

// InspectWith is Inspect in another way.
func InspectWith(path string, known []Provider, how Reading) (*Loaded, error) {
	return inspect(path, known, how)
}

func inspect(path string, known []Provider, how Reading) (*Loaded, error) {
	if how.Provider != "" {
		if _, _, err := checkProvider(how.Provider, providerWords(known), providerNames(known)); err != nil {
			return nil, fail.Input("--provider %q: %w", how.Provider, err)
		}
	}
	data, err := readFile("the experiment file", path, whereLooked(path))
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fail.Input("finding the folder of the experiment file %s: %w", path, err)
	}
	d := newDecoder(newSource(cmp.Or(how.Name, path), data))
	d.traces, d.standing = &traceFiles{dir: dir, read: map[traceUse]traceFound{}}, how.Standing
	d.replace, d.runtimeOf = how.Provider, how.RuntimeOf
	return d.parse(known)
}

// whereLooked is the advice on an experiment file that cannot be read.
func whereLooked(path string) string {
	here, err := os.Getwd()
	if err != nil || filepath.IsAbs(path) {
		return "check the path that -c names"
	}
	return fmt.Sprintf("check the path: %s is relative to %s", path, here)
}

// readFile reads a file of the user's whole; what says in messages what it is.
func readFile(what, path, hint string) ([]byte, error) {
	f, err := wholefile.Open(path)
	if err != nil {
		var inner *fs.PathError
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, fail.Input("reading %s %s: %w", what, path, err).WithHint("%s", hint)
	}
	defer f.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fail.Input("reading %s %s: %w", what, path, err)
	case len(data) > maxFile:
		return nil, fail.Input("reading %s %s: over %s, which no such file needs", what, path, bytesize.Size(maxFile))
	}
	return data, nil
}

// Parse reads an experiment from its text, as Load does, but no other file: name stands for the text in messages, and
// traces keep their paths and are not read.
func Parse(name string, data []byte, known []Provider) (*Loaded, error) {
	return sound(newDecoder(newSource(name, data)).parse(known))
}

// parse reads an experiment and, unless the decoder has no traces, those that it names. All errors are found together,
// and the error that is returned has exit code 2 and wraps *Problems. In order: JSON itself, keys and values, defaults,
// the expansion of sweeps, combinations.
func (d *decoder) parse(known []Provider) (*Loaded, error) {
	d.known = known
	root, dups := d.tree(`an object with "SubExperiments"`)
	if root == nil {
		return nil, invalid(d.err())
	}
	for _, dup := range dups {
		d.note(dup.off, dup.path, "this key appears before; the last one counts")
	}
	d.file(root)
	l := &Loaded{Experiment: d.exp, Text: d.src.data, local: d.provider().Local && !d.standing, Replaced: d.replaced,
		Published: d.old, found: d.findings, top: values(root), drafts: d.drafts}
	if bad := d.err(); bad != nil {
		if !d.whole {
			l = nil
		}
		return l, invalid(bad)
	}
	if d.exp.Seed == nil {
		seed, err := drawSeed()
		if err != nil {
			return nil, fail.With(fail.CodeFailed, "drawing the seed: %w", err)
		}
		d.exp.Seed = seed
	}
	l.Warnings, l.Notes = d.warnings, d.noteTexts()
	return l, nil
}

func invalid(p *Problems) error {
	return fail.Input("%w", p).WithHint("Correct the experiment file; nothing was built or deployed.")
}

// values are an object's values by their keys.
func values(n *node) map[string]*node {
	all := make(map[string]*node, len(n.members))
	for _, m := range n.members {
		all[m.name] = m.value
	}
	return all
}

// tree reads the text's JSON; nil where it is none, which has then been reported. want says what belongs into an empty
// file.
func (d *decoder) tree(want string) (*node, []duplicate) {
	root, dups, err := readTree(d.src, want)
	var bad *syntaxError
	switch {
	case errors.As(err, &bad):
		d.problem(bad.off, bad.path, "%s", bad.text)
	case err != nil:
		d.problem(0, "", "%s", err)
	default:
		return root, dups
	}
	return nil, nil
}

// drawSeed draws below 2^53, so that every JSON reader keeps the seed exactly.
func drawSeed() (*int64, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<53))
	if err != nil {
		return nil, err
	}
	seed := n.Int64()
	return &seed, nil
}

// file reads the whole tree into the decoder's experiment.
func (d *decoder) file(root *node) {
	if root.kind != objectNode {
		d.problem(root.off, "", `found %s; want an object with "SubExperiments"`, root.found())
		return
	}
	top := topKeys(d.known)
	d.replaceProvider(root)
	d.unknownKeys(root, top, misplaced(d.keys, top, "belongs into a sub-experiment, not at the top of the file"))
	v := reflect.ValueOf(d.exp).Elem()
	good := d.setObject(root.members, top, v)
	d.setDefaults(top, good, v)
	d.fillOrder(root, good)
	d.runtime = good["Runtime"]
	if !d.runtime && (d.exp.ProviderKind() == KindURL || d.standing) {
		defer func() { d.exp.Runtime = "" }() // after it was the default of those who need one
	}
	d.old = isOld(root, top, d.keys) && !d.provider().Local
	d.whole = d.named(root) && (root.find("Provider") == nil || good["Provider"])

	items := root.find("SubExperiments")
	switch {
	case items == nil && d.meant["SubExperiments"]: // said already
	case items == nil:
		d.problem(root.off, "SubExperiments", "missing; want an array of one or more sub-experiments")
	case items.value.kind != arrayNode || len(items.value.items) == 0:
		d.wrong(items.value, &lookup(top, "SubExperiments").rule)
	default:
		for _, item := range items.value.items {
			d.expand(item)
		}
	}
	d.checkOptimize()
	d.checkOrder(root)
	if m := root.find("Storage"); m != nil && len(d.problems) == 0 && !d.exp.stores() {
		d.note(m.off, "Storage", "no sub-experiment has StorageTransfer: ignored")
	}
}

// named reports whether it is known what the file's provider is. Published files may name none, which means aws; any
// other file would start to cost money in a cloud that it does not name.
func (d *decoder) named(root *node) bool {
	switch {
	case root.find("Provider") != nil:
		return true
	case d.meant["Provider"]: // said already
		return false
	case !newer(root, topKeys(d.known), d.keys):
		d.note(root.off, "Provider", "missing, so %s, as in published files", d.exp.Provider)
		return true
	}
	d.problem(root.off, "Provider", `missing; add "Provider": "%s", or another of %s`, firstProvider(d.known),
		providerWords(d.known))
	return false
}

// firstProvider is the provider that a file without one is advised to name: the first that runs on this machine.
func firstProvider(known []Provider) string {
	for _, p := range known {
		if p.Local {
			return p.Name
		}
	}
	return exampleURL
}

// replaceProvider puts another provider in the place of the file's.
func (d *decoder) replaceProvider(root *node) {
	if d.replace == "" {
		return
	}
	with := &node{kind: textNode, off: root.off, path: "Provider", text: d.replace}
	m := root.find("Provider")
	if m == nil {
		root.members = append(root.members, member{name: "Provider", off: root.off, value: with})
		return
	}
	if m.value.text != d.replace {
		d.note(m.off, "Provider", "--provider %s is used in place of %s", d.replace, m.value.found())
	}
	with.off = m.value.off
	m.value = with
}

func (e *Experiment) stores() bool {
	for i := range e.SubExperiments {
		if e.SubExperiments[i].StorageTransfer {
			return true
		}
	}
	return false
}

// misplaced says of keys that only another level of the file has where they belong.
func misplaced(there, here []key, text string) map[string]string {
	m := map[string]string{}
	for _, k := range there {
		if lookup(here, k.name) == nil {
			m[k.name] = text
		}
	}
	return m
}

// isOld says whether a file has only keys that published files have: such a file was written for the original's
// functions, one with a newer key for ours.
func isOld(root *node, top, sub []key) bool {
	return !anyKey(root, top, sub, func(k *key) bool { return k == nil || !k.published })
}

// newer says whether a file has keys that no published file has; misspelt ones do not count.
func newer(root *node, top, sub []key) bool {
	return anyKey(root, top, sub, func(k *key) bool { return k != nil && !k.published })
}

// anyKey reports whether a key of the file or of a sub-experiment is one that is looked for; nil stands for keys that
// there are not.
func anyKey(root *node, top, sub []key, is func(*key) bool) bool {
	for _, m := range root.members {
		if is(lookup(top, m.name)) {
			return true
		}
		if m.name != "SubExperiments" {
			continue
		}
		for _, item := range m.value.items {
			if slices.ContainsFunc(item.members, func(im member) bool { return is(lookup(sub, im.name)) }) {
				return true
			}
		}
	}
	return false
}
