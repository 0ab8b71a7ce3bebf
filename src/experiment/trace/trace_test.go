package trace

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// write puts a trace into a file of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// azure is a file of the form of the Azure trace with n functions.
func azure(n int) string {
	var b strings.Builder
	b.WriteString("HashOwner,HashApp,HashFunction,Trigger")
	for m := range 1440 {
		fmt.Fprintf(&b, ",%d", m+1)
	}
	for i := range n {
		fmt.Fprintf(&b, "\na%d,b%d,c%d,http", i, i, i)
		for m := range 1440 {
			fmt.Fprintf(&b, ",%d", m%(i+2))
		}
	}
	return b.String() + "\n"
}

func TestForms(t *testing.T) {
	for name, c := range map[string]struct{ text, function, want string }{
		"counts":            {"12\n0\n7\n", "", `"" 1s [12 0 7]`},
		"one count":         {"5", "", `"" 1s [5]`},
		"Windows":           {"\uFEFFcount\r\n12\r\n0\r\n\r\n", "", `"" 1s [12 0]`},
		"heading":           {"count\n12\n", "", `"" 1s [12]`},
		"seconds":           {"second\n12\n1\n", "", `"" 1s [12 1]`},
		"minutes":           {"Minute\n12\n1\n", "", `"" 1m0s [12 1]`},
		"numbered":          {"0,12\n1,0\n2,7\n", "", `"" 1s [12 0 7]`},
		"numbered heading":  {"second,count\n0,12\n3,7\n", "", `"" 1s [12 0 0 7]`},
		"from the first":    {"minute,count\n1700000000,1\n1700000002,7\n", "", `"" 1m0s [1 0 7]`},
		"spaces and quotes": {"\"second\" , \"count\"\n 0 , \"12\" \n", "", `"" 1s [12]`},
		"columns, first":    {"second,f,g\n0,1,2\n2,3,4\n", "", `"f" 1s [1 0 3]`},
		"columns, named":    {"minute,f,g\n0,1,2\n2,3,4\n", "g", `"g" 1m0s [2 0 4]`},
		"names are numbers": {"second,7,8\n0,1,2\n", "8", `"8" 1s [2]`},
		"lines, first":      {"function,1,2,3\nf,3,0,1\ng,4,5,6\n", "", `"f" 1m0s [3 0 1]`},
		"lines, named":      {"function,1,2,3\nf,3,0,1\ng,4,5,6\n", "g", `"g" 1m0s [4 5 6]`},
		"lines, seconds":    {"function,1s,2s\nf,3,0\n", "f", `"f" 1s [3 0]`},
		"lines, minutes":    {"team,function,1m,2m\na,f,3,0\n", "f", `"f" 1m0s [3 0]`},
		"most":              {"10000000\n", "", `"" 1s [10000000]`},
		"none":              {"0\n0\n", "", `"" 1s [0 0]`},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Find(write(t, c.text), c.function)
			if got := fmt.Sprintf("%q %s %v", f.Name, f.Slot, f.Counts); err != nil || got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
		})
	}
}

func TestAzureForm(t *testing.T) {
	path := write(t, azure(20))
	f, err := Find(path, "c17")
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "c17" || f.Slot != time.Minute || len(f.Counts) != 1440 || f.Counts[20] != 20%19 ||
		f.Length() != 24*time.Hour {
		t.Errorf("%s: %d slots of %s, %v…", f.Name, len(f.Counts), f.Slot, f.Counts[:25])
	}
	all, more, err := First(path, 3)
	if err != nil || len(all) != 3 || !more || all[2].Name != "c2" || all[2].Counts[3] != 3 {
		t.Errorf("the first three: %d, more %v (%v)", len(all), more, err)
	}
	if all, more, err := First(path, 20); err != nil || len(all) != 20 || more {
		t.Errorf("all of them: %d, more %v (%v)", len(all), more, err)
	}
	if _, err := Find(path, "b17"); err == nil || !strings.HasSuffix(err.Error(), `has no function "b17"; its `+
		`functions are c0, c1, c2, c3, c4, …`) {
		t.Errorf("a function that is not there: %v", err)
	}
}

func TestFirstOfColumns(t *testing.T) {
	path := write(t, "second,f,g,h\n5,1,2,3\n7,4,5,6\n")
	for n, want := range map[int]string{1: "[{f 1s[1 0 4]}] true", 2: "[{f 1s[1 0 4]} {g 1s[2 0 5]}] true",
		3: "[{f 1s[1 0 4]} {g 1s[2 0 5]} {h 1s[3 0 6]}] false",
		4: "[{f 1s[1 0 4]} {g 1s[2 0 5]} {h 1s[3 0 6]}] false"} {
		all, more, err := First(path, n)
		var b strings.Builder
		for i, f := range all {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "{%s %s%v}", f.Name, f.Slot, f.Counts)
		}
		if got := fmt.Sprintf("[%s] %v", b.String(), more); err != nil || got != want {
			t.Errorf("%d: got %s (%v), want %s", n, got, err, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ text, function, want string }{
		"empty":          {"", "", `the trace t.csv is empty`},
		"heading only":   {"second,count\n", "", `the trace t.csv has a heading and no counts`},
		"functions only": {"function,1,2\n", "", `the trace t.csv has a heading and no functions`},
		"a word":         {"12\nmany\n", "", `t.csv:2:1: found "many"; want a count from 0 to 10000000`},
		"negative": {"second,count\n0,12\n1,-3\n", "",
			`t.csv:3:3: found "-3"; want a count from 0 to 10000000`},
		"fraction": {"1.5\n", "", `t.csv:1:1: found "1.5"; want a count, or a heading that ` +
			`begins with count, second, minute, function or HashOwner`},
		"fraction later": {"1\n1.5\n", "", `t.csv:2:1: found "1.5"; want a count from 0 to 10000000`},
		"too many": {"10000001\n", "", `t.csv:1:1: found "10000001"; want a count from 0 to ` +
			`10000000`},
		"overflow": {"1\n99999999999999999999999\n", "",
			`t.csv:2:1: found "99999999999999999999999"; want a count from 0 to 10000000`},
		"no count": {"0,1\n1,\n", "", `t.csv:2:3: found ""; want a count from 0 to 10000000`},
		"empty line": {"1\n\n2\n", "", `t.csv:2:1: found an empty line; want a line for each slot ` +
			`or function`},
		"columns": {"second,count\n0,12,3\n", "",
			`t.csv:2:1: found 3 columns; want 2 as in the line before it`},
		"no heading": {"0,12,3\n", "", `t.csv:1:6: found "3"; want a count, or a slot's number and ` +
			`a count; with more columns a heading such as "second,first,second"`},
		"heading of what": {"hour,count\n0,12\n", "", `t.csv:1:1: found "hour"; want a count, or a ` +
			`heading that begins with count, second, minute, function or HashOwner`},
		"backwards": {"second,count\n3,12\n3,1\n", "",
			`t.csv:3:1: found "3"; want a number over that of the line before it, 3`},
		"no number": {"second,count\nx,12\n", "", `t.csv:2:1: found "x"; want the slot's number, ` +
			`0 or more`},
		"two years": {"minute,count\n0,12\n600000,1\n", "",
			`t.csv:3:1: found "600000"; want at most 527040 slots, which are a year`},
		"too many counts": {"second,count\n0,12\n10000000,1\n", "",
			`t.csv:3:1: more than 10000000 counts to keep; want fewer slots, or fewer functions at once`},
		"twice": {"second,f,f\n0,1,2\n", "", `t.csv:1:10: found "f"; want a name of its own ` +
			`for each function`},
		"nameless": {"second,f,\n0,1,2\n", "", `t.csv:1:10: found ""; want a name of its own for ` +
			`each function`},
		"not a column": {"second,f,g\n0,1,2\n", "h", `t.csv has no function "h"; its functions are ` +
			`f, g`},
		"none has a name": {"1\n2\n", "h", `t.csv has no function "h": its functions have no names`},
		"no function": {"team,1,2\na,1,2\n", "", `t.csv:1:1: found "team"; want a column headed ` +
			`function (or HashFunction, as in the Azure trace) before the slots`},
		"slots missing": {"function,1,3\nf,1,2\n", "", `t.csv:1:12: found "3"; want the slots 1, 2, ` +
			`3, … in order (1s, 2s, … for seconds)`},
		"slots mixed": {"function,1s,2m\nf,1,2\n", "",
			`t.csv:1:13: found "2m"; want the slots 1, 2, 3, … in order (1s, 2s, … for seconds)`},
		"short line": {"function,1,2\nf,1\n", "", `t.csv:2:1: found 2 columns; want 3 as in the ` +
			`line before it`},
		"a line's count": {"function,1,2\nfünf,1,x\n", "",
			`t.csv:2:8: found "x"; want a count from 0 to 10000000`},
		"long, and binary": {strings.Repeat("\x00", 100), "", `t.csv:1:1: found "` + strings.Repeat(`\x00`,
			40) + `…"; want a count, or a heading that begins with count, second, minute, function or HashOwner`},
		"a function twice": {"function,1,2\nf,1,2\ng,1,2\nf,3,4\n", "",
			`t.csv:4:1: found "f"; want each function on one line: it is on line 2 already; add their counts up, or ` +
				`give each a name of its own`},
		"a picked function twice": {"HashOwner,HashFunction,1\na,f,1\nb,g,1\nc,g,2\n", "g",
			`t.csv:4:3: found "g"; want each function on one line: it is on line 3 already; add their counts up, or ` +
				`give each a name of its own`},
		"a second function, far apart": {"function,1\nf,1\ng,1\nh,1\nshort\n\nf\n", "",
			`t.csv:7:1: found "f"; want each function on one line: it is on line 2 already; add their counts up, or ` +
				`give each a name of its own`},
		"an endless line": {"1\n" + strings.Repeat("1", maxLine+1), "",
			`t.csv:2:1: the line is longer than 16777216 bytes`},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.text)
			_, err := Find(path, c.function)
			if err == nil {
				t.Fatal("no error")
			}
			if got := strings.ReplaceAll(err.Error(), path, "t.csv"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	pipe, huge := filepath.Join(dir, "pipe"), filepath.Join(dir, "huge")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, MaxFile+1); err != nil { // a hole: no disk space
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.csv"): "no such file or directory",
		dir:                            "it is not a regular file",
		pipe:                           "it is not a regular file",
		huge:                           "it has 1073741825 bytes; want at most 1073741824",
	} {
		_, err := Find(path, "")
		if _, _, first := First(path, 2); err == nil || first == nil || first.Error() != err.Error() ||
			!strings.HasPrefix(err.Error(), "reading the trace "+path+": "+want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestRequests(t *testing.T) {
	tr := Trace{time.Minute, []int64{10, 0, 30}}
	for until, want := range map[time.Duration]int64{0: 40, time.Hour: 40, time.Minute: 10, 150 * time.Second: 25,
		6 * time.Second: 1, 3 * time.Minute: 40} {
		if got := tr.Requests(until); got != want {
			t.Errorf("until %s: %d, want %d", until, got, want)
		}
	}
	if got := (Trace{}).Requests(time.Second); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

// TestOthersMayBeThereTwice: functions that are not read are not looked at.
func TestOthersMayBeThereTwice(t *testing.T) {
	path := write(t, "function,1\ng,1\nf,2\ng,3\nh,4\nh,x\n,1\n,1\n")
	if f, err := Find(path, "f"); err != nil || f.Counts[0] != 2 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestSplit(t *testing.T) {
	for arrivals, want := range map[string]string{"a.csv": "a.csv|", "a.csv#f": "a.csv|f", "a#b.csv#f": "a#b.csv|f",
		"a.csv#": "a.csv|"} {
		if path, name := Split(arrivals); path+"|"+name != want {
			t.Errorf("%s: %s|%s", arrivals, path, name)
		}
	}
}

// FuzzRead holds that any text is refused in a sentence or read within the bounds.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"12\n0\n", "second,count\n0,1\n9,2\n", "minute,f,g\n0,1,2\n", "function,1,2\nf,3,4\n",
		azure(1), "\uFEFF\"1\"\n", "0,12\n"} {
		f.Add([]byte(text), "f")
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		if len(data) > 1<<16 {
			return
		}
		for _, n := range []int{1, 3} {
			all, err := newReader("t.csv", strings.NewReader(string(data))).read(n, name)
			if err != nil {
				if err.Error() == "" {
					t.Fatal("an error without a text")
				}
				continue
			}
			if len(all) > n || name != "" && len(all) > 1 {
				t.Fatalf("%d functions, asked for %d", len(all), n)
			}
			for _, one := range all {
				if one.Slot <= 0 || one.Length() > MaxSpan || len(one.Counts) == 0 || one.Requests(0) < 0 ||
					name != "" && one.Name != name {
					t.Fatalf("%q: %d slots of %s", one.Name, len(one.Counts), one.Slot)
				}
			}
		}
	})
}

func BenchmarkAzure(b *testing.B) {
	path := filepath.Join(b.TempDir(), "azure.csv")
	text := azure(2000)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Find(path, "c1999"); err != nil {
			b.Fatal(err)
		}
	}
}
