package local

import (
	"encoding/json"
	"reflect"
	"testing"
)

// usualAnswers are read by hand, unusualAnswers by encoding/json.
var (
	usualAnswers = []string{
		`{"statusCode":200}`,
		`{"statusCode":200,"headers":{"Content-Type":"application/json"},"body":"{\"a\":\"b\\n\"}"}`,
		" {\n\t\"isBase64Encoded\" : true,\r\n \"body\" : \"aGk=\" , \"headers\" : { } , \"statusCode\" : 599 }",
		`{"headers":{"a":"1","b":"2"},"statusCode":204,"isBase64Encoded":false}`,
		`{"statusCode":200,"body":"\"\\\/\b\f\n\r\t ü 漢 ` + "\u2028" + `"}`,
		`{"statusCode":999,"body":""}`,
	}
	unusualAnswers = []string{
		``, `{`, `{}`, `null`, `7`, `"text"`, `[200]`, `{"statusCode":200`, `{"statusCode":200}}`, `{"statusCode":200} 7`,
		`{"statusCode":200,}`, `{"statusCode":200 "body":""}`, `{,"statusCode":200}`, `{"statusCode"=200}`,
		`{"statusCode":"200"}`, `{"statusCode":20}`, `{"statusCode":2000}`, `{"statusCode":099}`, `{"statusCode":2e2}`,
		`{"statusCode":200.0}`, `{"statusCode":-20}`, `{"statusCode":null}`, `{"StatusCode":200}`, `{"body":"x"}`,
		`{"statusCode":200,"statusCode":201}`, `{"statusCode":200,"body":"a","body":null}`,
		`{"statusCode":200,"headers":{"a":"1","a":"2"}}`, `{"statusCode":200,"headers":{},"headers":{"a":"1"}}`,
		`{"statusCode":200,"headers":{"a":1}}`, `{"statusCode":200,"headers":null}`, `{"statusCode":200,"headers":[]}`,
		`{"statusCode":200,"isBase64Encoded":true,"isBase64Encoded":false}`,
		`{"statusCode":200,"isBase64Encoded":truefalse}`,
		`{"statusCode":200,"multiValueHeaders":{"a":["1"]}}`, `{"statusCode":200,"cookies":["a=b"]}`,
		`{"statusCode":200,"extra":1}`, `{"statusCode":200,"body":{"a":1}}`, `{"statusCode":200,"body":"\u0041"}`,
		`{"statusCode":200,"body":"\x"}`, `{"statusCode":200,"body":"\"}`, `{"statusCode":200,"body":"\\"`,
		"{\"statusCode\":200,\"body\":\"a\nb\"}", "{\"statusCode\":200,\"body\":\"\xff\"}", "\xff",
		"{\"statusCode\":200}\x00",
	}
)

// TestUsualResponse: the usual form is read by hand, whatever else may stand in an answer is not.
func TestUsualResponse(t *testing.T) {
	for _, raw := range usualAnswers {
		if !compareUsual(t, []byte(raw)) {
			t.Errorf("%q is not read", raw)
		}
	}
	for _, raw := range unusualAnswers {
		if compareUsual(t, []byte(raw)) {
			t.Errorf("%q is read", raw)
		}
	}
}

// FuzzUsualResponse: what is read by hand is what encoding/json reads.
func FuzzUsualResponse(f *testing.F) {
	for _, raw := range append(usualAnswers, unusualAnswers...) {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { compareUsual(t, raw) })
}

func compareUsual(t *testing.T, raw []byte) (read bool) {
	t.Helper()
	got, ok := readUsual(raw)
	if !ok {
		return false
	}
	var want functionResponse
	if err := json.Unmarshal(raw, &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q is read as %+v; encoding/json reads %+v, %v", raw, got, want, err)
	}
	return true
}
