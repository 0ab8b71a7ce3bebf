package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// shortestSecret is the length in bytes from which a value is looked for: shorter ones occur by chance.
const shortestSecret = 4

// checkSecrets looks for the values of the variables that the experiment refers to by ${env:NAME} in all files of an
// archive: as they are, as a string in JSON has them, and as a URL has them. public are those that may be in it.
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
			quoted, err := json.Marshal(value)
			if err != nil {
				return fmt.Errorf("the value of the environment variable %s: %w", v.Name, err)
			}
			for _, form := range []string{value, strings.Trim(string(quoted), `"`), url.QueryEscape(value),
				url.PathEscape(value)} {
				forms[v.Name] = append(forms[v.Name], []byte(form))
			}
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
		file, err := os.Open(f.Path)
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
