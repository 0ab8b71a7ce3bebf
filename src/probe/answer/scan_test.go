package answer

import (
	"encoding/json"
	"reflect"
	"testing"
)

const whole = `{"RequestID":"1","TimestampChain":["1732143600123456789","x"],"Instance":{"ID":"i","Cold":false,"Invocation":7,"InitNs":1000000,` +
	`"Runtime":"go","MemoryMB":128,"CPU":"2,x"},"ReceivedAt":"1732143600123456789","SpinNs":0,"Hops":[],"Cmds":{"a":[1,{"b":null}]},"Sink":0}`

// sameAnswer holds the scanner against encoding/json: what it takes, that takes, and alike.
func sameAnswer(t *testing.T, in []byte) (scanned bool) {
	t.Helper()
	var got, want answer
	s := scanner{rest: in}
	if !s.answer(&got) || len(s.rest) > 0 {
		return false
	}
	if err := json.Unmarshal(in, &want); err != nil {
		t.Fatalf("%q is taken, but %v", in, err)
	}
	if len(want.TimestampChain) > 1 {
		want.TimestampChain = want.TimestampChain[:1] // of which the first alone is of use
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q\ngot  %+v\nwant %+v", in, got, want)
	}
	return true
}

func TestReadAnswer(t *testing.T) {
	for in, plain := range map[string]bool{
		whole: true, `{}`: true, `{ "RequestID" : "a" , "SpinNs" : 5 }`: true, `{"TimestampChain":[]}`: true,
		`{"ReceivedAt":1732143600123}`: true,
		`{"SpinNs":-5}`:                false, `{"SpinNs":1.5}`: false, `{"SpinNs":1e3}`: false, `{"SpinNs":05}`: false,
		`{"RequestID":"\u0041"}`: false,
		`{"RequestID":"é"}`:      false, `{"requestid":"a"}`: false, `{"Instance":{"cold":true}}`: false,
		`{"Instance":null}`: false, `{"SpinNs":null}`: false,
		`{"RequestID":5}`: false, `{"RequestID":"a"`: false, `{"RequestID":"a",}`: false, `[]`: false,
		`{"SpinNs":99999999999999999999}`:                  false,
		`{"Instance":{"Cold":true},"Instance":{"ID":"i"}}`: true, `{"SpinNs":1,"SpinNs":2}`: true,
		`{"X":[1,2,]}`: false, `{"X":-1}`: false,
	} {
		if got := sameAnswer(t, []byte(in)); got != plain {
			t.Errorf("%s: scanned %v, want %v", in, got, plain)
		}
	}
	if a, ok := readAnswer([]byte(`{"requestid":"\u0041","SpinNs":-5}`)); !ok || a.RequestID != "A" || *a.SpinNs != -5 {
		t.Errorf("what is not plain is read as %+v, %v", a, ok)
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(goodAnswer))
	f.Fuzz(func(t *testing.T, in []byte) { sameAnswer(t, in) })
}

func BenchmarkReadAnswer(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		readAnswer([]byte(whole))
	}
}
