package cli

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/app"
)

// TestWrittenFolderIsExplained holds that `plan --write` prints the commands that deploy and remove, `stellar local
// start` for the local platform only, and the removal of images only where there are some. A vendor's own instructions
// take the place of all that.
func TestWrittenFolderIsExplained(t *testing.T) {
	units := []app.PlanUnit{{Deploy: []string{"cd svc", "osls deploy"}, Remove: []string{"cd svc", "osls remove"}}}
	const head, deploy = "/svc is ready to deploy. By hand:\n", "  (cd svc && osls deploy)\n"
	const call = "  curl -H \"X-Stellar-Token: $(cat /svc/token)\" <endpoint>\nIn the end:\n  (cd svc; osls remove)\n"
	for _, c := range []struct {
		written app.Written
		want    string
	}{
		{app.Written{Dir: "/svc", Token: "/svc/token", Units: units}, head + deploy + call},
		{app.Written{Dir: "/svc", Token: "/svc/token", Units: units, Local: true, Images: "/svc/images/run"},
			head + "  stellar local start\n" + deploy + call + "  stellar remove /svc/images/run   # the images\n"},
		{app.Written{Dir: "/svc", Token: "/svc/token", Units: units, Instructions: "use kubectl\n"}, "use kubectl\n"},
	} {
		var out strings.Builder
		if printWritten(&out, &c.written); out.String() != c.want {
			t.Errorf("%+v is explained as\n%s\nwant\n%s", c.written, out.String(), c.want)
		}
	}
}
