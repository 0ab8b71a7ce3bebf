package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// defaultWidth is the number of columns of a table where the terminal's width is not known.
const defaultWidth = 100

// narrowest is the width for which the last columns are left out: no table gets narrower.
const narrowest = 60

// SummaryOptions says how what a run brought is written.
type SummaryOptions struct {
	JSON  bool // for scripts: one indented JSON object
	Width int  // columns of the terminal; 0: not known, so tables have at most 100, and sentences are not broken
	Color bool // with escape sequences for bold and colours
}

// columns are those that a table may have.
func (o SummaryOptions) columns() int {
	if o.Width <= 0 {
		return defaultWidth
	}
	return max(o.Width, narrowest)
}

// Column is a column of a table in text.
type Column struct {
	Name  string
	Cells []string
	Left  bool // aligned to the left
	Drop  int  // when it is left out of a table that is too wide: the smallest first; 0: never
	Alarm bool // cells other than 0 and – are something to look at
}

// Table is a table in text. The title is a column of its own, which moves to lines of its own where the table is too
// wide. Nothing is ever broken inside a cell.
type Table struct {
	Columns []Column
	Title   int // index of the title's column; -1: none
}

const (
	columnGap = "  "
	noValue   = "–"
)

// write writes the table, and gives the names of the columns that were left out of it.
func (t Table) write(w *bufio.Writer, o SummaryOptions) (dropped []string) {
	limit := o.columns()
	for {
		if t.width(true) <= limit {
			t.writeRows(w, o, true)
			return dropped
		}
		if t.Title >= 0 && t.width(false) <= limit {
			t.writeRows(w, o, false)
			return dropped
		}
		least := -1
		for i, c := range t.Columns {
			if c.Drop > 0 && (least < 0 || c.Drop < t.Columns[least].Drop) {
				least = i
			}
		}
		if least < 0 {
			t.writeRows(w, o, t.Title < 0)
			return dropped
		}
		dropped = append(dropped, t.Columns[least].Name)
		t.Columns = slices.Delete(slices.Clone(t.Columns), least, least+1)
		if t.Title > least {
			t.Title--
		}
	}
}

// Write writes the table, and gives the names of the columns that were left out of it. The error is the writer's.
func (t Table) Write(w io.Writer, o SummaryOptions) (dropped []string, err error) {
	out := bufio.NewWriter(w)
	dropped = t.write(out, o)
	if err := out.Flush(); err != nil {
		return nil, fmt.Errorf("writing a table: %w", err)
	}
	return dropped, nil
}

// Fits reports whether the table has room with its title in its lines.
func (t Table) Fits(o SummaryOptions) bool { return t.width(true) <= o.columns() }

// Fold takes the columns that may be left out, and have one value in all rows, out of a table of several rows. It gives
// each as its name and its value.
func (t Table) Fold() (Table, []string) {
	var kept []Column
	var same []string
	title := t.Title
	for i, c := range t.Columns {
		if c.Drop == 0 || len(slices.Compact(slices.Clone(c.Cells))) > 1 || len(c.Cells) < 2 {
			kept = append(kept, c)
			continue
		}
		if i < title {
			t.Title--
		}
		if value := c.Cells[0]; value != "" && value != noValue {
			same = append(same, c.Name+" "+value)
		}
	}
	t.Columns = kept
	return t, same
}

// width is the table's, with its title in its lines or not.
func (t Table) width(titled bool) int {
	total := -len(columnGap)
	for i, c := range t.Columns {
		if i != t.Title || titled {
			total += c.width() + len(columnGap)
		}
	}
	return total
}

func (c Column) width() int {
	n := columnsOf(c.Name)
	for _, cell := range c.Cells {
		n = max(n, columnsOf(cell))
	}
	return n
}

// writeRows writes head, rule and rows, with the title in its column or on a line of its own where it changes.
func (t Table) writeRows(w *bufio.Writer, o SummaryOptions, titled bool) {
	var head, rules []string
	for i, c := range t.Columns {
		if i != t.Title || titled {
			head = append(head, o.bold(c.pad(c.Name)))
			rules = append(rules, strings.Repeat("─", c.width()))
		}
	}
	fmt.Fprintf(w, "%s\n%s\n", strings.TrimRight(strings.Join(head, columnGap), " "), strings.Join(rules, columnGap))
	rows := 0
	if len(t.Columns) > 0 {
		rows = len(t.Columns[0].Cells)
	}
	title := ""
	for row := range rows {
		if !titled && t.Title >= 0 {
			if next := t.Columns[t.Title].Cells[row]; next != title {
				title = next
				t.writeTitle(w, o, row)
			}
		}
		var cells []string
		for i, c := range t.Columns {
			switch {
			case i == t.Title && !titled:
			case i < t.Title && !titled: // on the title's line
				cells = append(cells, strings.Repeat(" ", c.width()))
			default:
				cells = append(cells, c.paint(o, c.Cells[row]))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, columnGap), " "))
	}
}

// writeTitle writes a title on lines of its own, behind the cells of the columns before it.
func (t Table) writeTitle(w *bufio.Writer, o SummaryOptions, row int) {
	var before []string
	indent := 0
	for _, c := range t.Columns[:t.Title] {
		before = append(before, c.pad(c.Cells[row]))
		indent += c.width() + len(columnGap)
	}
	before = append(before, t.Columns[t.Title].Cells[row])
	writeWrapped(w, strings.Join(before, columnGap), o.columns(), indent)
}

// pad aligns a cell.
func (c Column) pad(cell string) string {
	gap := strings.Repeat(" ", c.width()-columnsOf(cell))
	if c.Left {
		return cell + gap
	}
	return gap + cell
}

// paint aligns a cell, and colours it where it is something to look at.
func (c Column) paint(o SummaryOptions, cell string) string {
	if c.Alarm && cell != "0" && cell != noValue && cell != "" {
		return o.red(c.pad(cell))
	}
	return c.pad(cell)
}

func (o SummaryOptions) bold(s string) string { return o.escaped("1", s) }
func (o SummaryOptions) red(s string) string  { return o.escaped("31", s) }

// escaped is a text between escape sequences of ECMA-48 (SGR).
func (o SummaryOptions) escaped(code, s string) string {
	if !o.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// sentence writes a line of words, broken between words where the terminal's width is known.
func (o SummaryOptions) sentence(w *bufio.Writer, text string) {
	if o.Width <= 0 {
		fmt.Fprintln(w, text)
		return
	}
	writeWrapped(w, text, o.columns(), 2)
}

// Words writes a line of words, broken between them where the terminal's width is known; lines but the first begin with
// the given number of spaces. The error is the writer's.
func Words(w io.Writer, text string, o SummaryOptions, indent int) error {
	out := bufio.NewWriter(w)
	if o.Width <= 0 {
		fmt.Fprintln(out, text)
	} else {
		writeWrapped(out, text, o.columns(), indent)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing a line: %w", err)
	}
	return nil
}

// shown is the number of columns that a text takes, escape sequences of escaped left out.
func shown(s string) int {
	n := columnsOf(s)
	for {
		at := strings.Index(s, "\x1b[")
		if at < 0 {
			return n
		}
		end := strings.IndexByte(s[at:], 'm')
		if end < 0 {
			return n
		}
		n -= end + 1
		s = s[at+end+1:]
	}
}

// writeWrapped breaks a text at spaces, and behind commas where a word is longer than a line. Lines but the first begin
// with the given number of spaces.
func writeWrapped(w *bufio.Writer, text string, width, indent int) {
	line, used, words := "", 0, 0 // words of this line
	put := func(piece, before string) {
		if words > 0 && used+len(before)+shown(piece) > width {
			fmt.Fprintln(w, strings.TrimRight(line, " "))
			line, used, words, before = strings.Repeat(" ", indent), indent, 0, ""
		}
		line, used, words = line+before+piece, used+len(before)+shown(piece), words+1
	}
	for i, word := range strings.Split(text, " ") {
		before := ""
		if i > 0 {
			before = " "
		}
		if shown(word) <= width-indent {
			put(word, before)
			continue
		}
		for _, piece := range strings.SplitAfter(word, ",") {
			put(piece, before)
			before = ""
		}
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}
