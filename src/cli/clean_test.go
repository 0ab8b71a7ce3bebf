package cli

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/app"
)

// TestCleanedIsPrinted holds that `stellar clean` prints a line for everything that it removed or left alone, and says
// that there was nothing to do only where nothing has failed.
func TestCleanedIsPrinted(t *testing.T) {
	for _, c := range []struct {
		done app.Cleaned
		want string
	}{
		{app.Cleaned{}, "nothing to do\n"},
		{app.Cleaned{Failed: true}, ""},
		{app.Cleaned{Foreign: []string{"/index/notes: no entry"}},
			"left alone, no run's entry: /index/notes: no entry\nnothing to do\n"},
		{app.Cleaned{Removed: []string{"/a"}, Live: []string{"/b"}}, "cleaned /a\nleft alone, still going on: /b\n"},
		{app.Cleaned{Gone: []string{"/c"}, Unseen: []string{"aws (no credentials)"}},
			"cleaned by its name, its folder was deleted: /c\nnot asked for what has expired: aws (no credentials)\n"},
	} {
		var out strings.Builder
		printCleaned(&out, &c.done)
		if out.String() != c.want {
			t.Errorf("%+v is printed as\n%s\nwant\n%s", c.done, out.String(), c.want)
		}
	}
}
