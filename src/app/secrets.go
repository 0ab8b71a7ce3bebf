package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// shortestSecret is the length in bytes from which a value is looked for: shorter ones occur by chance.
const shortestSecret = 4

// checkSecrets looks for the values of the variables that the experiment refers to by ${env:NAME} in all files of an
// archive, in all of their forms. public are those that may be in it.
func (a App) checkSecrets(ctx context.Context, exp *experiment.Experiment, public []string, files []archive.File,
	made *Archived) error {
	forms := map[string][][]byte{}
	for i := range exp.SubExperiments {
		s := &exp.SubExperiments[i]
		for _, v := range slices.Concat(s.RequestVariables(), s.EnvironmentVariables()) {
			value := a.Getenv(v.Name)
			if _, is := forms[v.Name]; is || slices.Contains(public, v.Name) {
				continue
			}
			forms[v.Name] = nil
			if len(value) < shortestSecret {
				why := "it is not set here"
				if value != "" {
					why = "it is too short to be looked for"
				}
				made.Notes = append(made.Notes, fmt.Sprintf("whether a file holds the value of the environment "+
					"variable %s was not checked: %s", v.Name, why))
				continue
			}
			all, err := formsOf(value)
			if err != nil {
				return fmt.Errorf("the value of the environment variable %s: %w", v.Name, err)
			}
			forms[v.Name] = all
		}
	}
	var found []error
	for _, f := range files {
		names, err := holds(ctx, f, forms)
		if err != nil {
			return err
		}
		for _, name := range names {
			found = append(found, fmt.Errorf("%s holds the value of the environment variable %s", f.Name, name))
		}
	}
	if len(found) > 0 {
		return fail.Input("%w", errors.Join(found...)).WithHint("nothing was archived: take the value out of what " +
			"the experiment names, or, if it is no secret, name the variable with --public")
	}
	return nil
}

// formsOf are a value as it is, as JSON has it (with and without escapes for HTML), as a URL has it, as a page has it,
// and in Base64.
func formsOf(value string) (forms [][]byte, err error) {
	quoted, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	unquoted := func(text string) string { return strings.TrimSuffix(strings.TrimPrefix(text, `"`), `"`) }
	for _, form := range []string{value, unquoted(string(quoted)), unquoted(strings.TrimSpace(plain.String())),
		url.QueryEscape(value), url.PathEscape(value), html.EscapeString(value),
		base64.RawStdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value))} {
		forms = append(forms, []byte(form))
	}
	return forms, nil
}

// noteLiterals notes values of the experiment file whose names are those of secrets.
func (m *Archived) noteLiterals(exp *experiment.Experiment) {
	query := func(key, address string) {
		_, after, _ := strings.Cut(address, "?")
		for _, part := range strings.Split(after, "&") {
			name, value, _ := strings.Cut(part, "=")
			m.noteLiteral(key, name, value)
		}
	}
	query("Provider", exp.Provider)
	for i := range exp.SubExperiments {
		s := &exp.SubExperiments[i]
		query("Path", s.Path)
		for _, of := range []struct {
			key    string
			values map[string]string
		}{{"Headers", s.Headers}, {"Environment", s.Environment}} {
			for _, name := range slices.Sorted(maps.Keys(of.values)) {
				m.noteLiteral(of.key, name, of.values[name])
			}
		}
	}
}

// secretNames are parts of names that secrets have; shortSecretNames are whole ones.
const (
	secretNames      = "auth cookie token secret passw credential signature apikey"
	shortSecretNames = "key code sig sas"
)

// noteLiteral notes one value.
func (m *Archived) noteLiteral(key, name, value string) {
	if _, variables := experiment.Literals(value); value == "" || len(variables) > 0 {
		return
	}
	plain := strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(name))
	partOf := func(secret string) bool { return strings.Contains(plain, secret) }
	if slices.ContainsFunc(strings.Fields(secretNames), partOf) ||
		slices.Contains(strings.Fields(shortSecretNames), plain) {
		instead := "${env:NAME} in its place"
		if key == "Provider" {
			instead = "the key Path, such as \"?" + name + "=${env:NAME}\""
		}
		m.note("%s: the value of %q is in the archive: if it is secret, do not pass the archive on; with %s, a run "+
			"and its archive have no such value", key, name, instead)
	}
}

// holds names the variables of which a file has the value in one of its forms.
func holds(ctx context.Context, f archive.File, forms map[string][][]byte) (names []string, err error) {
	longest := 0
	for _, all := range forms {
		for _, form := range all {
			longest = max(longest, len(form))
		}
	}
	if longest == 0 {
		return nil, nil
	}
	in := io.Reader(bytes.NewReader(f.Text))
	if f.Path != "" {
		file, err := wholefile.Open(f.Path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Path, err)
		}
		defer file.Close() //nolint:errcheck // only read from
		in = file
	}
	buf, kept := make([]byte, 256<<10+longest), 0
	for {
		n, err := io.ReadFull(in, buf[kept:])
		part := buf[:kept+n]
		for name, all := range forms {
			is := func(form []byte) bool { return bytes.Contains(part, form) }
			if !slices.Contains(names, name) && slices.ContainsFunc(all, is) {
				names = append(names, name)
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			slices.Sort(names)
			return names, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", f.Path, err)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		kept = copy(buf, part[len(part)-longest+1:])
	}
}
