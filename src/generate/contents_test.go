package generate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
)

// A link that leads nowhere is bad input, known before anything is built; a pattern that leaves it out makes it
// harmless.
func TestLinksThatLeadNowhereAreRefused(t *testing.T) {
	base := t.TempDir()
	providertest.Write(t, filepath.Join(base, "fn", "main.py"), "def lambda_handler(e, c): pass\n")
	if err := os.Symlink("missing", filepath.Join(base, "fn", "dead")); err != nil {
		t.Fatal(err)
	}
	for pattern, refused := range map[string]bool{"": true, "**": true, "*.py": false} {
		r := providertest.NewRun(t, "local", providertest.Sub("fn", "python3.13",
			func(s *experiment.SubExperiment) { s.PackagePattern = pattern }))
		r.BaseDir = base
		for _, err := range []error{Check(r, rowOf(t, r)), (Functions{Row: rowOf(t, r)}).Run(t.Context(), r)} {
			says := err != nil && strings.Contains(err.Error(),
				filepath.Join(base, "fn", "dead")+" is a link to missing, which does not exist") && fail.Hint(err) != ""
			if refused && (fail.Code(err) != fail.CodeInput || !says) || !refused && err != nil {
				t.Errorf("pattern %q: exit code %d, %v, hint %q", pattern, fail.Code(err), err, fail.Hint(err))
			}
		}
	}
}

// What a build makes anew, or never copies, holds nothing that could be refused.
func TestContentsThatNoPackageHolds(t *testing.T) {
	for _, c := range []struct {
		language, link string
		files          []string
		ok             bool
	}{
		{"nodejs", "node_modules/a", []string{`package.json={"dependencies": {"a": "file:libs/a"}}`}, true},
		{"nodejs", "node_modules/a", []string{"package.json={}"}, false},
		{"nodejs", "a", []string{`package.json={"dependencies": {"a": "1"}}`}, false},
		{"ruby", "vendor/bundle/x", []string{"Gemfile="}, true},
		{"ruby", "vendor/bundle/x", nil, false},
		{"java", "x", []string{"pom.xml="}, true},
		{"java", "x", nil, false},
		{"go", "x", nil, true},
		{"rust", "x", nil, true},
		{"workers", "x", nil, false},
	} {
		dir := t.TempDir()
		for _, f := range c.files {
			name, text, _ := strings.Cut(f, "=")
			providertest.Write(t, filepath.Join(dir, name), text)
		}
		providertest.Write(t, filepath.Join(dir, filepath.Dir(c.link), "beside"), "")
		if err := os.Symlink("/usr", filepath.Join(dir, c.link)); err != nil {
			t.Fatal(err)
		}
		if err := CheckContents(dir, c.language, ""); (err == nil) != c.ok {
			t.Errorf("%s, %s with %q: %v", c.language, c.link, c.files, err)
		}
	}
}
