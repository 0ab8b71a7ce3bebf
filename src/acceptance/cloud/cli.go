package cloud

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The fakes stand at the machine's edge: fakecli under the name of a vendor's CLI passes its command to the test. What
// is done depends on the folder that fakeCloud names: the cloud, the plan of its faults, and the list of the calls that
// were made.
const fakeCloud = "STELLAR_TEST_CLOUD" // folder of one row's cloud; set for every program that the row runs

// Verbs of the calls that a CLI gets. Faults happen to these only; each fake CLI has further verbs of its own.
const (
	deploys  = "deploy"
	removes  = "remove"
	looks    = "look" // whether it is there
	lists    = "list"
	versions = "version"
)

// ask is what a command line asks for.
type ask struct {
	verb  string
	unit  string // name in the cloud
	scope string // region, account: a resource is found only where it was made
	tags  map[string]string
	names []string // functions
	kind  string   // of the resources that are meant; empty: all of the unit
	do    string   // the fault that happens to it
	from  command
}

// command is a CLI's start, as fakecli passes it on.
type command struct {
	Program string
	Args    []string
	Dir     string   // in which it runs
	Env     []string // NAME=value
}

func (c command) getenv(name string) string {
	for _, kv := range c.Env {
		if value, is := strings.CutPrefix(kv, name+"="); is {
			return value
		}
	}
	return ""
}

// path is where a command finds a file; a file without a name is nowhere.
func (c command) path(file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(c.Dir, file)
}

// reply is what a tool prints, and its exit code.
type reply struct {
	out, err string
	code     int
}

// fakeCLI stands in for a vendor's CLI and its cloud.
type fakeCLI struct {
	programs []string
	// read understands a command line as the tool's documentation has it; what is not documented is an error.
	read func(c command) (ask, error)
	// resources are what a deployment makes, in its order.
	resources func(a ask) []resource
	// tells are parts of its texts that a user must get to see: what failed, throttled, made-no-address, remove-failed.
	tells map[string]string
	texts string              // file of its texts
	label func(string) string // how it keeps the value of a tag; nil: as it is
	// before looks at a call before anything else is done: credentials, other verbs. It answers where it returns true.
	before func(c store, a ask) (reply, bool)
	// stays tells what a removal leaves, so that it has to be removed by itself; may be nil.
	stays func(t resource) bool
	// made is what a tool does beside printing when a deployment went well; may be nil.
	made func(a ask)
}

// tags are those of a run in the form in which the vendor keeps them.
func (p fakeCLI) tags(id string, expires time.Time) map[string]string {
	all := map[string]string{"stellar-run": id, "stellar-expires": expires.UTC().Format(time.RFC3339)}
	for k, v := range all {
		if p.label != nil {
			all[k] = p.label(v)
		}
	}
	return all
}

func (p fakeCLI) say(what string, a ask, stand []resource) reply {
	return readTexts(p.texts).say(what, a, stand)
}

// resource is something that a deployment made in the cloud.
type resource struct {
	Kind  string            `json:"kind"`
	Name  string            `json:"name"`
	Scope string            `json:"scope"`
	Unit  string            `json:"unit"`
	Tags  map[string]string `json:"tags,omitempty"`
	Names []string          `json:"names,omitempty"`
	State string            `json:"state,omitempty"`
	Late  int               `json:"late,omitempty"` // so many looks find nothing: its creation goes on
}

// fault happens at some calls.
type fault struct {
	Verb  string `json:"verb"`
	From  int    `json:"from"`           // the first call of the verb that it happens to, from 1
	Times int    `json:"times"`          // how often; 0: for ever
	Do    string `json:"do"`             // one of the kinds below
	Unit  string `json:"unit,omitempty"` // only where the unit's name ends so; From then counts that unit's calls
}

// Kinds of faults.
const (
	doFail     = "fail"      // an error, and nothing is done
	doHalf     = "half"      // some is done, then an error
	doHang     = "hang"      // all is done, then it never ends
	doLate     = "late"      // it never ends, and what it does shows only when it was looked for once
	doGarbage  = "garbage"   // all is done, and the text names no address
	doTooFew   = "too few"   // all is done, and the text names an address too few
	doThrottle = "throttle"  // asked too often
	doStay     = "stay"      // it says that all is done, and has done nothing
	doOld      = "old"       // the version is one that is not known
	doNoAnswer = "no answer" // the vendor's own trouble: neither there nor not there
)

// store is the folder of one row: the cloud that its fakes act on.
type store struct{ dir string }

// call is one call of a CLI, as it is recorded.
type call struct {
	Program string            `json:"program"`
	Args    []string          `json:"args"`
	Dir     string            `json:"dir"`
	Env     map[string]string `json:"env"` // names of the vendors' variables; values only of those that are no secret
	Time    time.Time         `json:"time"`
	Verb    string            `json:"verb"`
	Unit    string            `json:"unit"`
	Fault   string            `json:"fault,omitempty"`
}

// plan is what a row tells its fakes.
type plan struct {
	Persona string  `json:"persona"`
	Faults  []fault `json:"faults"`
}

// act is one call of a CLI.
func act(from command) done {
	r, hang := store{from.getenv(fakeCloud)}.answer(from)
	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_CLIENT_SECRET",
		"CLOUDFLARE_API_TOKEN"} {
		r.err += fmt.Sprintln("debug:", from.getenv(name)) // tools have been seen to tell more than they should
	}
	return done{Out: r.out, Err: r.err, Code: r.code, Hang: hang}
}

// done is what fakecli prints, and how it ends.
type done struct {
	Out, Err string
	Code     int
	Hang     bool // it does not end until it is killed
}

// answer does what is asked, with no other call at the same time.
func (c store) answer(from command) (reply, bool) {
	defer c.lock()()
	var p plan
	c.read("plan.json", &p)
	who := fakeCLIs()[p.Persona]
	a, err := who.read(from)
	a.from = from
	made := from.call()
	if err != nil {
		made.Verb = "undocumented"
		c.record(made)
		return reply{err: fmt.Sprintf("%s: not documented: %v: %q\n", from.Program, err, from.Args), code: 64}, false
	}
	do := p.fault(c.calls(), a)
	a.do = do
	made.Verb, made.Unit, made.Fault = a.verb, a.unit, do
	c.record(made)
	if who.before != nil {
		if r, done := who.before(c, a); done {
			return r, false
		}
	}
	return c.do(who, a, do)
}

func (p plan) fault(before []call, a ask) string {
	for _, f := range p.Faults {
		if f.Verb != a.verb || !strings.HasSuffix(a.unit, f.Unit) {
			continue
		}
		nth := 1
		for _, b := range before {
			if b.Verb == a.verb && (f.Unit == "" && b.Unit == a.unit || f.Unit != "" && strings.HasSuffix(b.Unit,
				f.Unit)) {
				nth++
			}
		}
		if nth >= f.From && (f.Times == 0 || nth < f.From+f.Times) {
			return f.Do
		}
	}
	return ""
}

// do is what the cloud does.
func (c store) do(who fakeCLI, a ask, do string) (r reply, hang bool) {
	switch {
	case do == doThrottle:
		return who.say("throttled", a, nil), false
	case do == doNoAnswer:
		return who.say("no-answer", a, nil), false
	case a.verb == versions && do == doOld:
		return who.say("old", a, nil), false
	case a.verb == deploys:
		return c.deploy(who, a, do)
	case a.verb == removes:
		return c.remove(who, a, do), false
	case a.verb == looks:
		if stand := c.look(a); len(stand) > 0 {
			return who.say(looks, a, stand), false
		}
		return who.say("absent", a, nil), false
	case a.verb == lists:
		stand := slices.DeleteFunc(c.resources(""), func(t resource) bool {
			return !strings.HasPrefix(t.Scope,
				a.scope) || a.kind != "" && a.kind != t.Kind
		})
		return who.say(lists, a, stand), false
	}
	return who.say(a.verb, a, nil), false
}

func (c store) deploy(who fakeCLI, a ask, do string) (r reply, hang bool) {
	made := who.resources(a)
	switch do {
	case doFail:
		return who.say("failed", a, nil), false
	case doHalf:
		c.add(made[:(len(made)+1)/2], 0)
		return who.say("failed", a, nil), false
	case doHang:
		c.add(made, 0)
		return who.say("cut-off", a, nil), true
	case doLate:
		c.add(made, 1)
		return who.say("cut-off", a, nil), true
	case doGarbage:
		c.add(made, 0)
		return who.say("made-no-address", a, made), false
	case doTooFew:
		c.add(made, 0)
		return who.say("made-too-few", a, made), false
	}
	c.add(made, 0)
	if who.made != nil {
		who.made(a)
	}
	return who.say(deploys, a, made), false
}

func (c store) remove(who fakeCLI, a ask, do string) reply {
	stand := c.visible(a)
	if who.stays != nil {
		stand = slices.DeleteFunc(stand, who.stays)
	}
	switch {
	case do == doFail:
		return who.say("remove-failed", a, stand)
	case len(stand) == 0:
		return who.say("absent", a, nil)
	case do == doHalf:
		c.drop(stand[(len(stand)+1)/2:])
		return who.say("remove-failed", a, stand)
	case do != doStay:
		c.drop(stand)
	}
	return who.say(removes, a, stand)
}
