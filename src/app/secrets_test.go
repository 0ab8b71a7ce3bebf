package app

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
)

// A value is found wherever it lies in a file, also across the pieces in which files are read.
func TestHolds(t *testing.T) {
	forms := map[string][][]byte{"A": {[]byte("sesame")}, "B": {[]byte("sesame%2F")}, "C": nil}
	for name, c := range map[string]struct{ text, want string }{
		"none":   {"open sesam", ""},
		"begin":  {"sesame", "A"},
		"both":   {"x sesame%2F", "A B"},
		"across": {strings.Repeat("x", 256<<10+4) + "sesame", "A"},
		"far":    {strings.Repeat("x", 3<<18) + "sesame" + strings.Repeat("y", 10), "A"},
		"empty":  {"", ""},
	} {
		got, err := holds(context.Background(), archive.File{Name: name, Text: []byte(c.text)}, forms)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v; want %q", name, got, err, c.want)
		}
	}
}

// A value is found in the forms that files of a run give it.
func TestFormsOf(t *testing.T) {
	const value = `a<&>"b/c d\`
	forms, err := formsOf(value)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"itself": value, "JSON": `{"x": "pre a\u003c\u0026\u003e\"b/c d\\"}`,
		"JSON without escapes for HTML": `{"x": "a<&>\"b/c d\\"}`,
		"query":                         "?q=a%3C%26%3E%22b%2Fc+d%5C", "path": "/a%3C&%3E%22b%2Fc%20d%5C",
		"page": "<td>a&lt;&amp;&gt;&#34;b/c d\\</td>", "Base64": "YTwmPiJiL2MgZFw=",
	} {
		if !slices.ContainsFunc(forms, func(f []byte) bool { return strings.Contains(text, string(f)) }) {
			t.Errorf("%s: none of %q is in %s", name, forms, text)
		}
	}
}

// A value of the experiment file whose name is that of a secret is named in a warning, without the value.
func TestNoteLiterals(t *testing.T) {
	sub := experiment.SubExperiment{Path: "?sig=hush-2&lang=en&token=${env:T}",
		Environment: map[string]string{"DB_PASSWORD": "hush-3", "STAGE": "test"},
		Headers:     map[string]string{"Authorization": "Bearer hush-4", "X-Api-Key": "${env:K}", "Accept": "text/*"}}
	exp := &experiment.Experiment{Provider: "https://x.test/f?code=hush-1&page=2",
		SubExperiments: []experiment.SubExperiment{sub}}
	var made Archived
	made.noteLiterals(exp)
	var got []string
	for _, note := range made.Notes {
		key, rest, _ := strings.Cut(note, ": the value of ")
		name, _, _ := strings.Cut(rest, " is in the archive")
		got = append(got, key+" "+name)
	}
	want := `Provider "code"; Path "sig"; Headers "Authorization"; Environment "DB_PASSWORD"`
	if strings.Join(got, "; ") != want || strings.Contains(strings.Join(made.Notes, ""), "hush") {
		t.Errorf("%q, want notes of %s", made.Notes, want)
	}
}
