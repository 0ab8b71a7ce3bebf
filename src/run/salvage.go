package run

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Damage is a line of a journal that is not one complete entry.
type Damage struct {
	Line  int    // from 1
	Saved int    // whole entries that were read of it
	Lost  string // what could not be read
	// all that was lost are beginnings of entries, as a full disk leaves them: nothing of them was ever made
	Short bool
}

func (d Damage) String() string {
	const most = 80
	lost := d.Lost
	if len(lost) > most {
		lost = lost[:most] + "…"
	}
	return fmt.Sprintf("line %d is damaged: %d entries of it were read, the rest is left out: %q", d.Line, d.Saved,
		lost)
}

// journalText is the content of a journal's text.
type journalText struct {
	entries []Entry
	damage  []Damage
	size    int64 // up to the end of the last entry; what follows was never acknowledged
	unended bool  // no line break follows that entry
}

// parseJournal reads a journal's text. It accepts any text: what cannot be read is reported, and the rest counts.
func parseJournal(text []byte) journalText {
	var out journalText
	for line := 1; len(text) > 0; line++ {
		one, rest, ended := bytes.Cut(text, []byte{'\n'})
		text = rest
		entries, lost := salvage(one)
		out.entries = append(out.entries, entries...)
		if !ended {
			if len(entries) > 0 {
				out.size += int64(len(one))
				out.unended = true
			}
			break
		}
		out.size += int64(len(one)) + 1
		if len(lost) > 0 {
			out.damage = append(out.damage, damageOf(line, len(entries), lost))
		}
	}
	return out
}

func damageOf(line, saved int, lost [][]byte) Damage {
	d := Damage{Line: line, Saved: saved, Lost: string(bytes.Join(lost, []byte(" "))), Short: true}
	for _, part := range lost {
		head := part[:min(len(part), len(entryHead))]
		d.Short = d.Short && bytes.HasPrefix([]byte(entryHead), head)
	}
	return d
}

// entryHead is the beginning of every entry; within a JSON string, its quotes would be escaped.
const entryHead = `{"seq":`

// salvage reads all complete entries of a line, and returns the parts between them. A line that was written completely
// is one entry and no parts. A torn line with the next one appended is one part and one entry.
func salvage(line []byte) (entries []Entry, lost [][]byte) {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil, nil
	}
	if e, err := entryOf(line); err == nil {
		return []Entry{e}, nil
	}
	from := 0 // of what is not yet part of an entry
	for at := 0; at < len(line); {
		next := bytes.Index(line[at:], []byte(entryHead))
		if next < 0 {
			break
		}
		at += next
		in := json.NewDecoder(bytes.NewReader(line[at:]))
		var raw json.RawMessage
		var e Entry
		err := in.Decode(&raw)
		if err == nil {
			e, err = entryOf(raw)
		}
		if err != nil {
			at += len(entryHead)
			continue
		}
		entries = append(entries, e)
		lost = appendPart(lost, line[from:at])
		at += int(in.InputOffset())
		from = at
	}
	return entries, appendPart(lost, line[from:])
}

// appendPart adds a part if it is not empty; a torn entry ends where the next one begins.
func appendPart(all [][]byte, part []byte) [][]byte {
	for len(part) > 0 {
		end := len(part)
		if next := bytes.Index(part[1:], []byte(entryHead)); next >= 0 {
			end = next + 1
		}
		if one := bytes.TrimSpace(part[:end]); len(one) > 0 {
			all = append(all, one)
		}
		part = part[end:]
	}
	return all
}

func entryOf(text []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(text, &e); err != nil {
		return e, err
	}
	if e.Event == "" || e.Seq <= 0 {
		return e, fmt.Errorf("not an entry of a journal: %s", text)
	}
	return e, nil
}
