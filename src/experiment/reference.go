package experiment

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// referenceColumns is how wide the lines of the reference are at most, examples aside.
const referenceColumns = 100

// Honours says whether a provider does what an experiment asks for by the named keys, of which those of Platform and
// Storage are written Platform.Key.
type Honours func(exp *Experiment, keys []string) bool

// section is a part of the reference.
type section struct {
	title, text string
	prefix      string // of the keys in examples: Platform.
	keys        []key
}

// Reference describes every key of experiment files in Markdown: meaning, values, default, an example, and the
// providers that honour it. It is made from the tables that decode files, so it says what is read.
// known are the providers that a file may name; honours is asked for each of them with the example.
func Reference(known []Provider, honours Honours) (string, error) {
	var b strings.Builder
	b.WriteString(referenceLead)
	for _, s := range sections(known) {
		fmt.Fprintf(&b, "\n## %s\n", s.title)
		if s.text != "" {
			b.WriteString(wrapped(s.text))
		}
		for _, k := range s.keys {
			text, err := k.entry(s.prefix, known, honours)
			if err != nil {
				return "", err
			}
			b.WriteString("\n" + text)
		}
	}
	b.WriteString("\n## Metrics of Thresholds\n" + wrapped("Each is an upper bound, inclusive. A metric without "+
		"data counts as missed. Requests of warm-up bursts are in none of them.") + "\n| metric | meaning |\n" +
		"|---|---|\n")
	for _, m := range metrics() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", m.name, m.doc)
	}
	return b.String(), nil
}

const referenceLead = "# Which keys does an experiment file have?\n" + `
` + "```" + `
$ stellar schema --markdown     # prints this page
$ stellar schema                # the same as a JSON schema, for your editor
$ stellar validate -c experiment.json
experiment.json is valid: 4 sub-experiments
` + "```" + `
A file is one JSON object. Its ` + "`SubExperiments`" + ` are measured one by one or side by side:
` + "```json" + `
{
  "Provider": "local",
  "SubExperiments": [{ "Title": "cold", "Function": "measure", "Bursts": 20, "IATSeconds": 1 }]
}
` + "```" + `
This page is made from the tables that decode the file, and a test keeps it true. Names are case
sensitive, and an unknown key is an error. "Providers" names those on which the key has an effect,
tried with the example; what a provider does not take is reported before anything is built.
` + "`stellar providers`" + ` lists the limits of each. "URL" is a hostname or URL as the
` + "`Provider`" + `, to which nothing is deployed.
`

// sections are the parts of the reference, in its order.
func sections(known []Provider) []section {
	top := withExceptions(topKeys(known), known)
	platform := withExceptions(platformKeys(), known)
	storage := lookup(top, "Storage").fields
	with := func(keys []key) []key { return withExceptions(keys, known) }
	return []section{
		{title: "The file", text: "Keys at the top of the file.", keys: top},
		{title: "Until", text: "Keys of `Until`, both of them required. [docs/order.md](order.md) has the method.",
			prefix: "Until.", keys: untilKeys()},
		{title: "Storage", text: "Keys of `Storage`: the object store of storage transfers.", prefix: "Storage.",
			keys: storage},
		{title: "Functions", text: "Keys of a sub-experiment: what is deployed.", keys: with(functionKeys())},
		{title: "Platform", text: "Keys of `Platform`. A cloud has only some of these settings; the others are named " +
			"by a warning and change nothing there.", prefix: "Platform.", keys: platform},
		{title: "Entry", text: "How requests get to a function.", keys: entryKeys()},
		{title: "Load", text: "How many requests there are, and when.", keys: loadKeys()},
		{title: "Requests", text: "How requests are sent, judged and reported.", keys: with(requestKeys())},
		{title: "Own requests", text: "Requests of your own.", keys: ownRequestKeys()},
		{title: "Experiment types", text: "Keys that belong to some values of `Type`.", keys: typeKeys()},
		{title: "Sweep", keys: []key{sweepKey()}},
	}
}

// entry describes one key.
func (k key) entry(prefix string, known []Provider, honours Honours) (string, error) {
	path := prefix + k.name
	example, has := examples()[path]
	switch {
	case k.kind == object: // its fields have a section of their own
	case !has && k.kind == boolean:
		example.value = "true"
	case !has && k.name == "Runtime": // the file's
		example = examples()["Runtime"]
	case !has:
		return "", fmt.Errorf("the key %s has no example", path)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### `%s`\n", path)
	b.WriteString(wrapped(k.doc))
	values := k.described()
	if len(k.types) > 0 {
		values += "; for `Type` " + strings.Join(k.types, ", ")
		if k.forced {
			values += ", or with `ColdStart` `force`"
		}
	}
	if k.unswept && k.kind != sweep {
		values += "; not in a `Sweep`"
	}
	b.WriteString(bullet(values))
	if text := k.defaultText(); text != "" {
		b.WriteString(bullet("default: " + text))
	}
	if k.kind == object {
		return b.String(), nil
	}
	text, err := k.exampleText(prefix, example, known, honours)
	return b.String() + text, err
}

// exampleText gives the lines with the example and the providers on which it has an effect.
func (k key) exampleText(prefix string, example shown, known []Provider, honours Honours) (string, error) {
	text := fmt.Sprintf("example: `\"%s\": %s`", k.name, example.value)
	if example.beside != "" {
		text += fmt.Sprintf(" beside `%s`", example.beside)
	}
	var yes, no []string
	var unread error
	for _, p := range append(slices.Clone(known), Provider{Name: exampleURL}) {
		honoured, err := k.tried(p.Name, prefix, example, known, honours)
		switch name := strings.Replace(p.Name, exampleURL, "URL", 1); {
		case honoured:
			yes = append(yes, name)
		default:
			no, unread = append(no, name), cmp.Or(unread, err)
		}
	}
	if len(yes) == 0 && unread != nil {
		return "", fmt.Errorf("the example of %s: %w", prefix+k.name, unread)
	}
	return bullet(text) + bullet("providers: "+chosen(yes, no)), nil
}

// chosen names some of the providers in the shorter way.
func chosen(yes, no []string) string {
	switch {
	case len(no) == 0:
		return "all"
	case len(yes) == 0:
		return "none"
	case len(no) < len(yes):
		return "all but " + strings.Join(no, ", ")
	}
	return strings.Join(yes, ", ")
}

// exampleURL stands for providers that are a hostname or URL.
const exampleURL = "https://example.com/"

// tried reads the example as a file for a provider and asks whether the provider honours it. An error says that the
// provider's file cannot be read, so that it is not.
func (k key) tried(provider, prefix string, example shown, known []Provider, honours Honours) (bool, error) {
	text, err := exampleFile(k.name, prefix, example, provider, known)
	if err != nil {
		return false, err
	}
	loaded, err := Parse("example.json", text, known)
	if err != nil {
		return false, err
	}
	beside, err := membersOf(example.beside)
	if err != nil {
		return false, err
	}
	return honours(loaded.Experiment, append([]string{prefix + k.name}, sortedKeys(beside)...)), nil
}

// membersOf are the members of an object, without its braces.
func membersOf(text string) (all map[string]json.RawMessage, err error) {
	err = json.Unmarshal([]byte("{"+text+"}"), &all)
	return all, err
}

// exampleFile is an experiment file with the example of a key.
func exampleFile(name, prefix string, example shown, provider string, known []Provider) ([]byte, error) {
	file := map[string]json.RawMessage{"Provider": quoted(provider)}
	sub := map[string]json.RawMessage{"Title": quoted("example"), "Function": quoted("measure"),
		"Runtime": quoted("python3.13")}
	beside, err := membersOf(example.beside)
	if err != nil {
		return nil, err
	}
	value := json.RawMessage(example.value)
	switch {
	case prefix == "Until.": // its keys need each other
		value = json.RawMessage(fmt.Sprintf(`{%q: %s, %s}`, name, example.value, example.beside))
	case prefix != "":
		value = json.RawMessage(fmt.Sprintf(`{%q: %s}`, name, example.value))
	}
	if prefix != "Until." {
		maps.Copy(sub, beside)
	}
	switch outer := strings.TrimSuffix(prefix, "."); {
	case name == "Provider", name == "SubExperiments" && prefix == "":
	case prefix != "" && lookup(topKeys(known), outer) != nil:
		file[outer] = value
	case prefix != "":
		sub[outer] = value
	case lookup(subKeys(), name) == nil:
		file[name] = value
	default:
		sub[name] = value
	}
	if sub["Bursts"] == nil && sub["RatePerSecond"] == nil && sub["Arrivals"] == nil {
		sub["Bursts"] = json.RawMessage("40")
	}
	subs, err := json.Marshal([]map[string]json.RawMessage{sub})
	if err != nil {
		return nil, fmt.Errorf("the example of %s: %w", name, err)
	}
	file["SubExperiments"] = subs
	return json.Marshal(file)
}

// quoted is a text in JSON.
func quoted(text string) json.RawMessage { return json.RawMessage(strconv.Quote(text)) }

// described says which values the rule allows, with all bounds.
func (r *rule) described() string {
	switch {
	case (r.kind == integer || r.kind == number) && r.min != nil && r.max != nil:
		return r.allowedRange()
	case r.kind == list:
		return "an array of one or more, each " + r.elem.described()
	case r.kind == statuses:
		return r.elem.described() + ", or an array of those"
	case r.kind == limits:
		return "an object: metric to upper bound, a number from 0 on"
	case r.kind == commands:
		return "an object: name of a micro-test to its arguments"
	case r.kind == sweep:
		return "an object: key to an array of its values"
	case r.kind == object:
		return "an object with " + strings.Join(names(r.fields), ", ")
	}
	return r.allowed()
}

// defaultText is the default, in words or as it would be written; empty: there is none.
func (k key) defaultText() string {
	switch {
	case k.required:
		return "none, it is required"
	case k.computed != "": // before a constant, which the words are about
		return k.computed
	case k.def == nil:
		return ""
	}
	text, err := json.Marshal(k.def)
	if err != nil { // words and numbers always encode
		return ""
	}
	return "`" + strings.ReplaceAll(string(text), ",", ", ") + "`"
}

// wrapped breaks a text into lines of referenceColumns.
func wrapped(text string) string { return broken(text, "", "") }

// bullet is an item of a list, in lines of referenceColumns.
func bullet(text string) string { return broken(text, "- ", "  ") }

func broken(text, first, further string) string {
	var b strings.Builder
	line := first
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > referenceColumns:
			b.WriteString(line + "\n")
			line = further + word
		default:
			line += " " + word
		}
	}
	return b.String() + line + "\n"
}
