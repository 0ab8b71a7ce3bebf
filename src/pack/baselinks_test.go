package pack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// TestBaseWithLinks: an image on a user's base whose folders for the code are links is left to the Engine's builder,
// which follows them. The base is looked into once, through a container that is in the journal before it exists and is
// gone afterwards.
func TestBaseWithLinks(t *testing.T) {
	const image = `{"Architecture": "amd64", "RootFS": {"Type": "layers", "Layers": ["sha256:1"]}, "Config": {}}`
	for name, c := range map[string]struct {
		modes map[string]os.FileMode // of what is there
		want  bool
	}{
		"nothing is there":  {nil, true},
		"folders":           {map[string]os.FileMode{"/var": os.ModeDir, "/var/task": os.ModeDir | 0o755}, true},
		"the code's folder": {map[string]os.FileMode{"/var": os.ModeDir, "/var/task": os.ModeSymlink | 0o777}, false},
		"a folder above":    {map[string]os.FileMode{"/opt": os.ModeSymlink | 0o777}, false},
	} {
		journal, err := run.OpenJournal(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		m := &images{loads: true, r: &run.Run{ID: "20261121T010203Z-local-ABCD", Journal: journal}}
		var asked []string
		m.engine = engineThat(t, func(w http.ResponseWriter, r *http.Request) {
			switch base := path.Base(r.URL.Path); {
			case base == "create":
				if pending := journal.Pending(); len(pending) != 1 || pending[0].Name != r.URL.Query().Get("name") ||
					pending[0].Kind != KindContainer {
					t.Errorf("%s: the journal has %+v when a container is made", name, pending)
				}
				asked = append(asked, "create")
				fmt.Fprint(w, `{"Id": "c1"}`)
			case base == "archive":
				mode, there := c.modes[r.URL.Query().Get("path")]
				if !there {
					http.NotFound(w, r)
					return
				}
				text, err := json.Marshal(container.PathStat{Name: "x", Mode: mode})
				if err != nil {
					t.Error(err)
				}
				w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(text))
			case r.Method == http.MethodDelete:
				asked = append(asked, "delete "+base)
			default:
				_, _ = io.WriteString(w, image)
			}
		})
		for range 2 {
			if _, ok, err := m.composable(t.Context(), "base:1", "amd64", true); ok != c.want || err != nil {
				t.Errorf("%s: %t, %v", name, ok, err)
			}
		}
		if got := strings.Join(asked, ", "); got != "create, delete c1" || len(journal.Pending()) > 0 {
			t.Errorf("%s: %s; left in the journal: %v", name, got, journal.Pending())
		}
		if err := journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBelongsContainer: only containers that the run's id names are removed.
func TestBelongsContainer(t *testing.T) {
	const id = "20261121T010203Z-local-ABCD"
	for name, want := range map[string]bool{"stellar-20261121t010203z-local-abcd-base-0a1b2c": true,
		"stellar-20261121t010203z-local-abce-base-0a1b2c": false, "database": false} {
		if _, err := Belongs(id, run.Resource{Kind: KindContainer, Name: name}, true); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
