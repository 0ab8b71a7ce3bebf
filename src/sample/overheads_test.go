package sample

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestInvocationTime: the offset is subtracted. A clock that is 100 s ahead does not change a true 50 ms.
func TestInvocationTime(t *testing.T) {
	start := time.Unix(1_800_000_000, 0).UTC()
	row := Overhead{Start: start, Connection: 20 * time.Millisecond, Clock: true, Offset: 100 * time.Second,
		Finish: start.Add(70*time.Millisecond + 100*time.Second), Wanted: Yes, Cold: Yes}
	if took, ok := row.Invocation(); !ok || took != 50*time.Millisecond || !row.Obtained() {
		t.Errorf("%s, %t, obtained %t", took, ok, row.Obtained())
	}
	for name, spoil := range map[string]func(*Overhead){
		"failed":        func(o *Overhead) { o.Err = Reset },
		"no clock":      func(o *Overhead) { o.Clock = false },
		"no finish":     func(o *Overhead) { o.Finish = time.Time{} },
		"no start":      func(o *Overhead) { o.Start = time.Time{} },
		"no connection": func(o *Overhead) { o.Connection = None },
	} {
		bad := row
		spoil(&bad)
		if took, ok := bad.Invocation(); ok || bad.Obtained() {
			t.Errorf("%s: %s", name, took)
		}
	}
	for wanted, cold := range map[Tri]Tri{Yes: No, No: Unknown, Unknown: Unknown} {
		other := row
		if other.Wanted, other.Cold = wanted, cold; other.Obtained() {
			t.Errorf("wanted %v, %v is obtained", wanted, cold)
		}
	}
}

func TestOverheadsComeBack(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, OverheadFile)
	at := time.Unix(1_800_000_000, 123456789).UTC()
	want := []Overhead{
		{Type: "code", Size: 1 << 20, Repetition: 4, Wanted: Yes, Cold: No, Start: at, Connection: 5, Finish: at.Add(9),
			RequestID: "r,1", Endpoint: "f0-0", InstanceID: "i", Clock: true, Offset: -3, OffsetError: 7, RTT: 14,
			Mean: -2, SD: 1, Exchanges: 31},
		{Type: "payload", Size: 5, Wanted: No, Start: at, Connection: None, Endpoint: "f0-0", Err: Reset},
	}
	w, err := CreateOverheads(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		w.Append(&want[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadOverheads(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(text), "\n"); lines[1] != `code,1048576,4,false,5,1800000000123456789,`+
		`1800000000123456798,"r,1",-3,7,14,7,true,false,f0-0,i,-2,1,31,` ||
		lines[2] != "payload,5,0,,,1800000000123456789,,,,,,,false,false,f0-0,,,,0,reset" {
		t.Errorf("%s", text)
	}
	for cell, says := range map[string]string{"code,x,0": "row 3", "code,1,x": "row 3"} {
		bad := string(text) + cell + ",,,,,,,,,,,,,,,,0,\n"
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadOverheads(dir); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", cell, err)
		}
	}
}
