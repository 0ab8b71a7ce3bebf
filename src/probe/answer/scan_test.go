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
	var got report
	var want answer
	s := scanner{text: in}
	if !s.answer(&got) || s.at < len(in) {
		return false
	}
	if err := json.Unmarshal(in, &want); err != nil {
		t.Fatalf("%q is taken, but %v", in, err)
	}
	if alike := want.report(); !reflect.DeepEqual(texts(&got), texts(&alike)) {
		t.Fatalf("%q\ngot  %+v\nwant %+v", in, got, want)
	}
	return true
}

// texts has no nil where the other reader has an empty text.
func texts(r *report) report {
	out := *r
	for _, b := range []*[]byte{&out.requestID, &out.instanceID, &out.received, &out.first} {
		*b = append([]byte{}, *b...)
	}
	return out
}

// TestPlainLength looks for every byte at every place.
func TestPlainLength(t *testing.T) {
	for c := range 256 {
		plain := c >= ' ' && c < 0x7f && c != '"' && c != '\\'
		for at := range 20 {
			text := []byte("abcdefghijklmnopqrst")
			text[at] = byte(c)
			want := at
			if plain {
				want = len(text)
			}
			if got := plainLength(text); got != want {
				t.Errorf("byte %#x at %d: %d", c, at, got)
			}
		}
	}
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
	var r report
	ok := readReport([]byte(`{"requestid":"\u0041","SpinNs":-5}`), &r)
	if want := (optional{-5, true}); !ok || string(r.requestID) != "A" || r.spin != want {
		t.Errorf("what is not plain is read as %+v, %v", r, ok)
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(goodAnswer))
	f.Fuzz(func(t *testing.T, in []byte) { sameAnswer(t, in) })
}

func BenchmarkReadAnswer(b *testing.B) {
	b.ReportAllocs()
	body := []byte(whole)
	for b.Loop() {
		var r report
		readReport(body, &r)
	}
}
