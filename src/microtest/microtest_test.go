package microtest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const answered = `{"RequestID":"r","Cmds":{"sleep":10.5,"sleep_till":0,"stat":{"exist_id":"a","new_id":"b","vm_id":"v",
	"inst_id":"i","vm_priv_ip":"10.0.0.1","vm_pub_ip":"","inst_priv_ip":"10.0.0.2","uptime":12.5,"cpu_info":"2,X"},
	"io":[{"time":"0.0407855","speed":"245 kB/s"},{"time":"1","speed":"1.5 MB/s"},{"time":"2","speed":"7 B/s"}],
	"net":{"bps":1e9,"meanr":3,"minr":1,"maxr":9},"cpu":12.25,"cpuu":[1,2,3.5],"dance":{"a": [1]},
	"udp":{"error":"no route"},"start_time":5,"end_time":6,"elapsed_time":1}}`

func TestRead(t *testing.T) {
	c, err := Read([]byte(answered))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"sleep_till":0,"sleep":10.5,"stat":{"exist_id":"a","new_id":"b","vm_id":"v","inst_id":"i",` +
		`"vm_priv_ip":"10.0.0.1","vm_pub_ip":"","inst_priv_ip":"10.0.0.2","uptime":12.5,"cpu_info":"2,X"},` +
		`"io":[{"time":0.0407855,"speed":245000},{"time":1,"speed":1500000},{"time":2,"speed":7}],` +
		`"net":{"bps":1000000000,"meanr":3,"minr":1,"maxr":9},"cpu":12.25,` +
		`"cpuu":{"stamps":3,"span":2.5,"gaps":2,"longest":1.5,"share":null,"error":null},` +
		`"other":{"dance":"{\"a\":[1]}"},"errors":{"udp":"no route"},"start_time":5,"end_time":6,"elapsed_time":1}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestReadOlder(t *testing.T) {
	for _, body := range []string{"12.5" + times, `"12.5` + times + `"`, " 12.5" + times + "\n"} {
		if c, err := Read([]byte(body)); err != nil || c.CPU == nil || *c.CPU != 12.5 || *c.Elapsed != 149.75 {
			t.Errorf("%s: %+v, %v", body, c, err)
		}
	}
}

func TestReadOthers(t *testing.T) {
	for _, body := range []string{"", "Hello", "[]", "{}", `{"Cmds":5}`, `{"Cmds":null}`} {
		if c, err := Read([]byte(body)); err == nil {
			t.Errorf("%q: %+v", body, c)
		}
	}
	for _, wrong := range []string{`"cpu":"x"`, `"io":5`, `"io":[{"time":"x","speed":"1 B/s"}]`, `"stat":[]`,
		`"io":[{"time":"1","speed":"fast"}]`, `"io":[{"time":"1","speed":"1 xB/s"}]`, `"cpuu":{}`, `"net":7`} {
		name := strings.Split(wrong, `"`)[1]
		c, err := Read([]byte(`{"Cmds":{` + wrong + `,"sleep":3}}`))
		if err != nil || !strings.HasPrefix(c.Errors[name], "its result cannot be read: ") || *c.Sleep != 3 {
			t.Errorf("%s: %+v, %v", wrong, c, err)
		}
	}
}

func TestNames(t *testing.T) {
	if got := Names([]byte(` {"b": {"x": [1]}, "a": 2, "c": {}} `)); !slices.Equal(got, []string{"b", "a", "c"}) {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"", "[1]", `{"a":`, `{`} {
		if got := Names([]byte(bad)); len(got) > 0 {
			t.Errorf("%q: %q", bad, got)
		}
	}
	if got := string(Body([]byte(`{"a":1}`))); got != `{"cmds":{"a":1}}` {
		t.Error(got)
	}
}
