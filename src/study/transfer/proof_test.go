package transfer

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestProof: an answer proves a payload only if each function has had all of it.
func TestProof(t *testing.T) {
	const whole = `{"TimestampChain": ["1", "2", "3"], "PayloadBytes": 7, "PayloadSHA256": "ab",
		"Hops": [{"Bytes": 7, "SHA256": "ab"}, {"Bytes": 7, "SHA256": "ab"}]}`
	for _, c := range []struct {
		from, to string
		class    sample.Class
	}{
		{"", "", sample.OK},
		{`"PayloadBytes": 7,`, ``, sample.Protocol},
		{`"PayloadSHA256": "ab"`, `"PayloadSHA256": ""`, sample.Protocol},
		{`"PayloadBytes": 7`, `"PayloadBytes": 8`, sample.Payload},
		{`["1", "2", "3"]`, `["1", "2"]`, sample.Payload},
		{`{"Bytes": 7, "SHA256": "ab"}, `, ``, sample.Payload},
		{`[{"Bytes": 7`, `[{"Bytes": 6`, sample.Payload},
		{`"SHA256": "ab"}]`, `"SHA256": "ac"}]`, sample.Payload},
	} {
		a, err := readAnswer([]byte(strings.Replace(whole, c.from, c.to, 1)))
		if err != nil {
			t.Fatal(err)
		}
		var failure failed
		if err := a.prove(3, 7); errors.As(err, &failure) != (c.class != sample.OK) || failure.class != c.class {
			t.Errorf("%s in place of %s: %v; want class %q", c.to, c.from, err, c.class)
		}
	}
}

// TestRequestsOfATree: the head of a tree is told its functions and how many each calls; each hop of each request has
// an object of its own.
func TestRequestsOfATree(t *testing.T) {
	env := chained(t, "http://head.example")
	env.Sub.Protocol, env.Sub.Fan, env.Sub.StorageTransfer = probe.HTTP1, 2, true
	var names []string
	env.Object = func(name string, valid time.Duration) (objectstore.Object, error) {
		if valid <= time.Duration(env.Sub.TimeoutSeconds)*time.Second {
			t.Errorf("URLs are valid for %s", valid)
		}
		names = append(names, name)
		return objectstore.Object{PutURL: "put " + name, GetURL: "get " + name}, nil
	}
	m := &chainRun{env: &env, size: 3}
	heads, err := m.heads()
	if err != nil || len(heads) != 2 {
		t.Fatalf("%d heads, %v", len(heads), err)
	}
	if q := heads[0].Query; q.Get("Fan") != "2" || q.Get("StorageTransfer") != "true" ||
		q.Get("Chain") != `["http://consumer.example:8080/x?y","http://last.example"]` {
		t.Errorf("the head is asked %v", q)
	}
	for range 2 { // two requests of one slot, as a repetition is
		body, err := m.objects(4, 5)
		if err != nil {
			t.Fatal(err)
		}
		var asked struct{ Objects []struct{ Put, Get string } }
		if err := json.Unmarshal(body.Bytes, &asked); err != nil || len(asked.Objects) != 2 ||
			asked.Objects[0].Put != "put "+names[len(names)-2] || asked.Objects[1].Get != "get "+names[len(names)-1] {
			t.Errorf("%v, objects %+v of %v", err, asked, names)
		}
	}
	slices.Sort(names)
	if unique := slices.Compact(slices.Clone(names)); len(unique) != 4 || !strings.HasPrefix(names[0], "3/4-5-") {
		t.Errorf("names of objects: %v", names)
	}
}
