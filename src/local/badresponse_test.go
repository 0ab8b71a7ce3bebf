package local

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// malformedResponses are answers of functions that no HTTP API passes on, with the reason.
func malformedResponses() map[string]string {
	return map[string]string{
		`{"statusCode":999,"body":"x"}`:               "statusCode 999 is not allowed; allowed are 200 to 599",
		`{"statusCode":199}`:                          "statusCode 199 is not allowed",
		`{"statusCode":20.5}`:                         "statusCode 20.5 is not allowed",
		`{"statusCode":"ok"}`:                         `statusCode is "ok"; it must be a number from 200 to 599`,
		`{"statusCode":[200]}`:                        "statusCode is [200]; it must be a number",
		`{"statusCode":200,"body":{"a":1}}`:           "body is an object; it must be a string",
		`{"statusCode":200,"body":[1]}`:               "body is a list; it must be a string",
		`{"statusCode":200,"body":5}`:                 "body is a number; it must be a string",
		`{"statusCode":200,"isBase64Encoded":"true"}`: "isBase64Encoded is a string; it must be true or false",
		`{"statusCode":200,"body":"%%","isBase64Encoded":true}`: "isBase64Encoded is true, and body is not base64: " +
			"illegal base64 data at input byte 0",
		`{"statusCode":200,"headers":["a"]}`: "headers is a list; it must be an object",
		`{"statusCode":200,"headers":{"B":{},"A":["x"]}}`: `headers: "A" is a list; it must be a string ` +
			`(several values belong into multiValueHeaders)`,
		`{"statusCode":200,"headers":{"A":null}}`:     `headers: "A" is null; it must be a string`,
		`{"statusCode":200,"headers":{"a b":"x"}}`:    `headers: "a b" is not the name of a header`,
		`{"statusCode":200,"headers":{"A":"x\r\ny"}}`: `headers: A has a control character in its value "x\r\ny"`,
		`{"statusCode":200,"multiValueHeaders":{"A":"x"}}`: `multiValueHeaders: "A" is a string; ` +
			`it must be a list of strings`,
		`{"statusCode":200,"multiValueHeaders":{"A":["x",{}]}}`: `multiValueHeaders: "A" holds an object at position 1`,
		`{"statusCode":200,"multiValueHeaders":{"a b":["x"]}}`:  `multiValueHeaders: "a b" is not the name of a header`,
		`{"statusCode":200,"cookies":"a=b"}`:                    "cookies is a string; it must be a list of strings",
		`{"statusCode":200,"cookies":[1]}`:                      "cookies holds a number at position 0",
		`{"statusCode":200,"cookies":["a=b\n"]}`:                "cookies: Set-Cookie has a control character",
		`{"statusCode":200,"body":NaN}`: "it is not JSON: invalid character 'N' looking for beginning of value " +
			"at byte 26 of 29; it begins with ",
		`hello {`: `it is not JSON: invalid character 'h' looking for beginning of value ` +
			`at byte 1 of 7; it begins with "hello {"`,
		`"half`:                               "it is not JSON: unexpected end of JSON input",
		`{"statusCode":200} {}`:               "it is not JSON: invalid character '{' after top-level value",
		"\x1b[31m" + strings.Repeat("x", 500): `it begins with "\x1b[31m` + strings.Repeat("x", 75) + `"…`,
		`{"statusCode":` + strings.Repeat("9", 500) + `,"body":""}`: "statusCode " +
			strings.Repeat("9", 40) + " is not allowed",
	}
}

func TestParseResponseSaysWhatIsMalformed(t *testing.T) {
	for raw, want := range malformedResponses() {
		res, err := parseResponse([]byte(raw))
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 ||
			strings.ContainsAny(err.Error(), "\x1b\r\n") {
			t.Errorf("%.80s: %+v, %v; want %s", raw, res, err, want)
		}
	}
	for raw, want := range map[string]string{
		`{"statusCode":"201","body":"x"}`: "x", `{"statusCode":null,"body":{}}`: `{"statusCode":null,"body":{}}`,
		`{"statusCode":200,"body":null,"headers":null,"cookies":null}`: "", `{"body":{}}`: `{"body":{}}`, "": "null"} {
		if res, err := parseResponse([]byte(raw)); err != nil || string(res.body) != want {
			t.Errorf("%s: %+v, %v; want body %s", raw, res, err, want)
		}
	}
}

// Who has a 502 finds the reason in the answer and in the function's log, and the request's REPORT line says error.
func TestReasonOfABadResponseIsLogged(t *testing.T) {
	_, c := testPlatform(t, nil)
	at := deployTo(t, c, nil)
	reasons := map[string]string{} // by request
	for raw, want := range malformedResponses() {
		r := wantFailure(t, at+"?do=raw&raw="+url.QueryEscape(raw), 502, kindBadResponse,
			"function f: malformed response: ")
		if !strings.Contains(r.Error, want) {
			t.Errorf("%.80s: answered %s; want %s", raw, r.Error, want)
		}
		reasons[r.header.Get("X-Amzn-Requestid")] = r.Error
	}
	r := wantFailure(t, fmt.Sprintf("%s?do=big&bytes=%d", at, maxResponse), 413,
		kindResponseTooLarge, "response payload size exceeded")
	log := logOf(t, c)
	if !strings.Contains(log, "RequestId: "+r.header.Get("X-Amzn-Requestid")+" Error: "+r.Error+"\n") ||
		!strings.Contains(log, "\tError Type: "+classTooLarge+"\t") {
		t.Errorf("the log does not have %q", r.Error)
	}
	for id, reason := range reasons {
		if !strings.Contains(log, "\nRequestId: "+id+" Error: "+reason+
			"\nEND RequestId: "+id+"\nREPORT RequestId: "+id+"\t") {
			t.Errorf("the log has no %q for %s", reason, id)
		}
	}
	reps := reports(t, c)
	if reps = reps[:max(0, len(reps)-1)]; len(reps) != len(reasons) {
		t.Fatalf("%d reports, want %d", len(reps), len(reasons))
	}
	for _, r := range reps {
		if r.Status != "error" || r.ErrorClass != classMalformed || r.Duration <= 0 {
			t.Errorf("report %+v", r)
		}
	}
	if r := getOK(t, at); r.Cold {
		t.Error("a malformed response ended its instance")
	}
}
