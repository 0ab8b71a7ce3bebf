package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func endpoints(t *testing.T, text string) ([]StandingEndpoint, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aws.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := ReadEndpoints(path)
	if err == nil {
		return all, ""
	}
	var problems *Problems
	if !errors.As(err, &problems) || fail.Code(err) != fail.CodeInput || all != nil {
		t.Fatalf("want *Problems with exit code 2, got %v (exit code %d)", err, fail.Code(err))
	}
	return nil, strings.ReplaceAll(err.Error(), path, "aws.json")
}

func TestEndpointsFile(t *testing.T) {
	all, text := endpoints(t, "\uFEFF[\n{\"GatewayID\": \"bücher.example/f?x=1\", \"FunctionMemoryMB\": 128, "+
		"\"ImageSizeMB\": 0.5, \"PackageType\": \"Docker\"}]")
	if want := (StandingEndpoint{"bücher.example/f?x=1", 128, 0.5, "Image"}); text != "" || len(all) != 1 ||
		all[0] != want {
		t.Errorf("with a byte order mark: %+v, %s", all, text)
	}
	for name, c := range map[string]struct{ text, want string }{
		"all together": {`[{"GatewayID": 5, "FunctionMemoryMB": "128", "PackageTyp": "Zip"},` + "\n" +
			` {"GatewayID": "http:/a", "PackageType": "Rpm", "ImageSizeMB": -1}, 7]`,
			`aws.json:1:16: [0].GatewayID: found 5 (number); want the function's address, a host or http(s) URL
aws.json:1:39: [0].FunctionMemoryMB: found "128" (string); want an integer >= 0
aws.json:1:46: [0].PackageTyp: unknown key; did you mean "PackageType"?
aws.json:2:16: [1].GatewayID: found "http:/a" (string); want a host or http(s) URL: a scheme ends in ://; did you mean "http://a"?
aws.json:2:42: [1].PackageType: found "Rpm" (string); want one of Zip, Image, Container, Docker
aws.json:2:64: [1].ImageSizeMB: found -1 (number); want a number >= 0
aws.json:2:69: [2]: found 7 (number); want an object`},
		"missing": {`[{}]`, "aws.json:1:2: [0].GatewayID: missing; want the function's address, a host or http(s) " +
			"URL\n" +
			"aws.json:1:2: [0].PackageType: missing; want one of Zip, Image, Container, Docker"},
		"UTF-16, big end first":    {"\xFE\xFF\x00[\x00]", "aws.json:1:1: the file is UTF-16; save it as UTF-8"},
		"UTF-16, little end first": {"\xFF\xFE[\x00]\x00", "aws.json:1:1: the file is UTF-16; save it as UTF-8"},
		"UTF-16 without a mark":    {"[\x00]\x00", "aws.json:1:1: the file is UTF-16; save it as UTF-8"},
		"no list":                  {`{}`, "aws.json:1:1: found an object; want an array of endpoints with GatewayID"},
		"empty":                    {"\uFEFF \n", "aws.json:1:1: the file is empty; want an array of endpoints with"},
		"after the list":           {"[]\n[]", "aws.json:2:1: not JSON: invalid character '[' after top-level value"},
		"syntax":                   {"[\n {\"GatewayID\": \"a\",}]", "aws.json:2:20: not JSON: invalid character '}'"},
		"twice": {`[{"GatewayID": "a", "PackageType": "Zip", "GatewayID": "b"}]`,
			"aws.json:1:43: [0].GatewayID: this key appears before; want each key once"},
	} {
		if _, got := endpoints(t, c.text); got != c.want && (name == "all together" ||
			!strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
	if _, err := ReadEndpoints(filepath.Join(t.TempDir(), "none.json")); fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), "none.json") {
		t.Errorf("no file: %v", err)
	}
}
