package cli

import (
	"encoding/json"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// urlFlags are those of a run without a file: stellar URL.
func urlFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "requests", Aliases: []string{"n"}, Value: 100,
			Usage: "stellar URL: send at least `N` requests"},
		&cli.StringFlag{Name: "bursts", Aliases: []string{"b"}, Value: "1",
			Usage: "stellar URL: `SIZES` of the bursts, which cycle: 1,10"},
		&cli.Float64Flag{Name: "iat", Value: 0.1, Usage: "stellar URL: pause of so many `SECONDS` between two bursts"},
	}
}

func maxDurationFlag() cli.Flag {
	return &cli.DurationFlag{Name: "max-duration",
		Usage: "end measuring after `TIME` (30s, 5m) and keep what was measured; 0: no limit"}
}

// addressLast moves an address that follows the program's name behind the options: the options of a command end at its
// first argument.
func addressLast(args []string) []string {
	if len(args) < 3 || !isAddress(args[1]) {
		return args
	}
	out := append([]string{args[0]}, args[2:]...)
	return append(out, args[1])
}

// isAddress says whether an argument is a host or URL rather than a command or a file.
func isAddress(arg string) bool {
	if strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://") {
		return true
	}
	if strings.HasPrefix(arg, "-") || filepath.Ext(arg) == ".json" || strings.HasPrefix(arg, ".") {
		return false
	}
	if _, err := os.Stat(arg); err == nil {
		return false
	}
	host, _, _ := strings.Cut(arg, "/")
	return host == "localhost" || strings.ContainsAny(host, ".:")
}

// urlAction measures an address without a file. The run's folder has the file that it is.
func (c *command) urlAction(cc *cli.Context) error {
	if cc.String("config") != "" || cc.Args().Len() > 1 {
		return fail.Input("%s: an address is measured without a file and without other arguments", cc.Args().First()).
			WithHint("for a file, write the address as its Provider, or give --provider %s", cc.Args().First())
	}
	text, err := urlExperiment(cc.Args().First(), cc.Int("requests"), cc.String("bursts"), cc.Float64("iat"))
	if err != nil {
		return err
	}
	loaded, err := experiment.Parse("command line", text, app.KnownProviders())
	if err != nil {
		return err
	}
	w, err := c.newApp(cc)
	if err != nil {
		return err
	}
	for _, n := range loaded.Notes {
		w.Log.Warnf("%s", n)
	}
	w.Confirm = func() error { return c.ask(cc, questions(w, loaded)) }
	out, err := w.Run(cc.Context, loaded.Experiment, folderOf("."))
	if err = c.finish(cc, err, out); out != nil && !cc.Bool("json") {
		printf(c.Stdout, "again       stellar -c %s\n", filepath.Join(out.Dir, run.EffectiveFile))
	}
	return err
}

// urlExperiment is the experiment file for an address: bursts of the sizes in turn, until there are at least so many
// requests.
func urlExperiment(address string, requests int, sizes string, iat float64) ([]byte, error) {
	if requests < 1 {
		return nil, fail.Input("-n %d: at least 1 request is needed", requests)
	}
	if !(iat >= 0) || math.IsInf(iat, 0) {
		return nil, fail.Input("--iat %v: want seconds from 0 on, such as 0.5", iat)
	}
	var cycle []int
	for _, text := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > math.MaxInt32 {
			return nil, fail.Input("-b %q: %q is no size of a burst; want whole numbers from 1 on, as in 1,10", sizes,
				text)
		}
		cycle = append(cycle, n)
	}
	each := 0 // requests of a cycle
	for _, n := range cycle {
		each += n
	}
	bursts := requests / each * len(cycle)
	for left := requests % each; left > 0; bursts++ {
		left -= cycle[bursts%len(cycle)]
	}
	title := address
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		title = u.Hostname()
	} else {
		title, _, _ = strings.Cut(title, "/")
	}
	text, err := json.Marshal(map[string]any{"Provider": address, "SubExperiments": []any{map[string]any{
		"Title": title, "Bursts": bursts, "BurstSizes": cycle, "IATSeconds": iat}}})
	if err != nil {
		return nil, fail.Input("%s: %w", address, err)
	}
	return text, nil
}
