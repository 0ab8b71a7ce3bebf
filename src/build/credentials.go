package build

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// credential matches how the settings of package managers hold a secret: a key with a value, or a URL with a password.
var credential = regexp.MustCompile(`(?im)(_auth(token)?|_password|authtoken|authident|password|_key|token)["']?` +
	`\s*[:=]?\s*\S` +
	`|^\s*[^#;\s].*://[^/\s:@]*:[^/\s@]+@`)

// keepsCredentials reports whether package managers or Git look for credentials in a file of this name.
func keepsCredentials(rel string) bool {
	dir, name := path.Base(path.Dir(rel)), path.Base(rel)
	switch {
	case settings(name), slices.Contains([]string{".netrc", "_netrc", ".pypirc", ".git-credentials"}, name):
		return true
	case dir == ".cargo":
		return name == "credentials" || name == "credentials.toml"
	case dir == ".gem":
		return name == "credentials"
	case dir == ".bundle", dir == ".git":
		return name == "config" || name == "credentials"
	case dir == ".docker":
		return name == "config.json"
	}
	return false
}

// settings reports whether a file has settings of a package manager, which can contain credentials.
func settings(name string) bool {
	return strings.HasPrefix(name, ".yarnrc") || slices.Contains([]string{".npmrc", "pip.conf", "pip.ini"}, name)
}

// dropCredentials removes what may hold the user's credentials from a build, after its dependencies are installed.
// Sources that the provider builds keep their package managers' settings if these hold no credential: the provider's
// builder reads them.
func dropCredentials(src *run.Source, out string, log run.Logger) error {
	return filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(out, name)
		if err != nil || !keepsCredentials(filepath.ToSlash(rel)) {
			return err
		}
		if src.Unbuilt && settings(d.Name()) {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if !credential.Match(text) {
				return nil
			}
			log.Warnf("%s of the function in %s is left out of the sources: it holds credentials", rel, src.Dir)
		}
		return os.Remove(name)
	})
}
