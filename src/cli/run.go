package cli

import (
	"bufio"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

var nowFunc = time.Now

func fileFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "the experiment `FILE` (JSON)"}
}

// defaultOutput is the folder that results go to.
const defaultOutput = "latency-samples"

func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: defaultOutput,
		Usage: "`FOLDER` that results go to, one sub-folder a run"}
}

func logFlag() cli.Flag {
	return &cli.StringFlag{Name: "log-level", Aliases: []string{"l"}, Value: "info",
		Usage: "`LEVEL` of what is shown: debug, info, warn, error"}
}

func jsonFlag(what string) cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: what + " as JSON on standard output"}
}

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"},
		Usage: "answer the questions about big experiments with yes"}
}

// experimentFlags are those of every command that reads an experiment file.
func experimentFlags() []cli.Flag {
	return []cli.Flag{
		fileFlag(),
		&cli.StringFlag{Name: "endpoints", Aliases: []string{"g"}, Value: "endpoints",
			Usage: "endpoints `FILE`, or folder with <provider>.json files, for functions that are already deployed"},
		&cli.IntFlag{Name: "run-only", Aliases: []string{"r"}, Value: -1,
			Usage: "run only the sub-experiment with this `INDEX` (-1: all)"},
		&cli.BoolFlag{Name: "serverless", Aliases: []string{"s"}, Value: true,
			Usage: "deploy functions; --serverless=false probes endpoints that exist"},
		pricesFlag(), providerFlag(),
		&cli.StringFlag{Name: "aws-account", Aliases: []string{"a"}, Usage: "AWS account `ID` that the run must use"},
	}
}

func providerFlag() cli.Flag {
	return &cli.StringFlag{Name: "provider", Usage: "`NAME` of a provider in place of the file's"}
}

func pricesFlag() cli.Flag {
	return &cli.StringFlag{Name: "prices", Usage: "`FILE` of prices (CSV) in place of those that come with stellar"}
}

func (c *command) runFlags() []cli.Flag {
	return slices.Concat(experimentFlags(), drawingFlags(), urlFlags(), []cli.Flag{maxDurationFlag(), outputFlag(),
		logFlag(), yesFlag(), keepFlag(), clientCoresFlag(),
		rebuildFlag(), jsonFlag("the summary"), openFlag(),
		&cli.BoolFlag{Name: "version", Usage: "print the version", DisableDefaultText: true}})
}

// drawingFlags are those of commands that draw.
func drawingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "plots", Value: string(report.PNG), Usage: "`FORMAT` of the plots: png, svg or none"},
		&cli.BoolFlag{Name: "histograms", Usage: "also draw a histogram of each burst, 48 on a sheet"},
	}
}

func rebuildFlag() cli.Flag {
	return &cli.BoolFlag{Name: "rebuild", Usage: "build everything again, and replace what the cache of builds has"}
}

func keepFlag() cli.Flag {
	return &cli.BoolFlag{Name: "keep", Usage: "keep the functions deployed, and print the command that removes them"}
}

func (c *command) runAction(cc *cli.Context) error {
	if cc.Bool("version") {
		return c.printVersion()
	}
	if first := cc.Args().First(); isAddress(first) {
		return c.urlAction(cc)
	}
	if cc.Args().Present() {
		return noCommand(cc)
	}
	if cc.String("config") == "" {
		return fail.Input("no experiment file").WithHint("`stellar -c FILE` runs one, `stellar URL` measures an " +
			"address without one; `stellar --help` says more")
	}
	for _, flag := range urlFlags() {
		if name := flag.Names()[0]; cc.IsSet(name) {
			return fail.Input("--%s is for an address that is measured without a file", name).
				WithHint("%s has the keys Bursts, BurstSizes and IATSeconds for that", cc.String("config"))
		}
	}
	loaded, w, err := c.read(cc)
	if err != nil {
		return err
	}
	c.caution(w, loaded)
	out, err := w.Run(cc.Context, loaded.Experiment, c.baseDir(cc))
	return c.finishRerun(cc, w, err, out)
}

// caution logs what the file asks for and its provider will not do.
func (c *command) caution(w app.App, loaded *experiment.Loaded) {
	for _, text := range w.Cautions(loaded) {
		w.Log.Warnf("%s", text)
	}
}

// look is how tables are written: within the terminal, and with colours on one that has them. A NO_COLOR that is not
// empty turns them off (no-color.org).
func (c *command) look() report.SummaryOptions {
	return report.SummaryOptions{Width: c.Width,
		Color: c.StdoutTTY && c.Getenv("NO_COLOR") == "" && c.Getenv("TERM") != "dumb"}
}

func (c *command) baseDir(cc *cli.Context) string {
	file, err := c.configFile(cc)
	if err != nil {
		return "."
	}
	return folderOf(file)
}

// folderOf is the folder of a file, absolute.
func folderOf(file string) string {
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return "."
	}
	return dir
}

// configFile is the experiment file that the command line names: with -c before or behind the command, or as its
// argument. Of an archive it is the experiment file in it.
func (c *command) configFile(cc *cli.Context) (string, error) {
	path, err := namedFile(cc)
	if err != nil || !app.IsArchive(path) {
		return path, err
	}
	if c.archived == nil {
		if c.archived, err = app.OpenExperiment(path, c.Getenv); err != nil {
			return "", err
		}
	}
	return c.archived.File, nil
}

func namedFile(cc *cli.Context) (string, error) {
	path := cc.String("config")
	for _, outer := range cc.Lineage()[1:] { // stellar -c FILE plan
		if path == "" && outer.App != nil {
			path = outer.String("config")
		}
	}
	if path == "" && cc.Args().Len() == 1 {
		path = cc.Args().First()
	}
	if path == "" {
		return "", fail.Input("no experiment file").WithHint("name it with -c FILE")
	}
	return path, nil
}

// load reads the experiment file and checks the index that --run-only names.
func (c *command) load(cc *cli.Context) (*experiment.Loaded, error) {
	path, err := c.configFile(cc)
	if err != nil {
		return nil, err
	}
	how := c.reading(cc, path)
	how.Standing = cc.IsSet("serverless") && !cc.Bool("serverless")
	if c.archived != nil && !cc.IsSet("serverless") {
		how.Standing = !c.archived.Options.Serverless
	}
	loaded, err := experiment.LoadWith(path, app.KnownProviders(), how)
	if err != nil {
		return nil, err
	}
	if n := len(loaded.Experiment.SubExperiments); cc.IsSet("run-only") &&
		(cc.Int("run-only") >= n || cc.Int("run-only") < -1) {
		return nil, fail.Input("--run-only %d: the experiment has sub-experiments 0 to %d (-1: all)",
			cc.Int("run-only"), n-1)
	}
	return loaded, nil
}

// reading is how the experiment file at a path is read.
func (c *command) reading(cc *cli.Context, path string) experiment.Reading {
	how := experiment.Reading{Provider: cc.String("provider"), RuntimeOf: app.RuntimeOf(folderOf(path))}
	if c.archived != nil {
		how.Name = c.archived.Name
	}
	return how
}

// read loads the experiment file, prints the notes of its reading, and gives an App that is ready to run it.
func (c *command) read(cc *cli.Context) (*experiment.Loaded, app.App, error) {
	loaded, err := c.load(cc)
	if err != nil {
		return nil, app.App{}, err
	}
	w, err := c.newApp(cc)
	if err != nil {
		return nil, w, err
	}
	notes := loaded.RunNotes()
	if cc.Command.Name == "plan" {
		notes = loaded.Notes
	}
	for _, n := range notes {
		w.Log.Warnf("%s", n)
	}
	w.Replaced, w.Given = loaded.Replaced, loaded.Text
	w.Confirm = func() error { return c.ask(cc, questions(w, loaded)) }
	return loaded, w, nil
}

// newApp sets up the screen, the log and the observer.
func (c *command) newApp(cc *cli.Context) (app.App, error) {
	level := cc.String("log-level")
	if level == "" {
		level = "info"
	}
	quiet := level == "error" || level == "fatal" || level == "panic"
	c.screen = &screen{out: c.Stderr, redraw: c.StderrTTY && !quiet}
	c.file = &logFile{}
	log, err := newLogger(level, c.screen, c.file)
	if err != nil {
		return app.App{}, err
	}
	format, err := report.ParseFormat(cc.String("plots"))
	if err != nil {
		return app.App{}, err
	}
	if d := cc.Duration("max-duration"); d < 0 {
		return app.App{}, fail.Input("--max-duration %s: want a time of more than 0, or 0 for no limit", d)
	}
	cores, err := clientCores(cc)
	if err != nil {
		return app.App{}, err
	}
	options := c.options(cc, format)
	options.ClientCores = cores
	p := &progress{screen: c.screen, log: log, redraw: c.screen.redraw, width: c.Width, now: nowFunc}
	return app.App{
		Config: app.Config{Deps: c.deps(log), Options: options, Executable: c.Executable, Observer: p},
		Opened: func(r *run.Run) error { return c.file.open(filepath.Join(r.Dir, "run_logs.txt"), r.Token) },
	}, nil
}

func (c *command) options(cc *cli.Context, plots report.Format) app.Options {
	only := -1
	if cc.IsSet("run-only") {
		only = cc.Int("run-only")
	}
	o := app.Options{Output: cc.String("output"), Endpoints: cc.String("endpoints"),
		Serverless: cc.Bool("serverless"), Only: only, Keep: cc.Bool("keep"), Rebuild: cc.Bool("rebuild"),
		AWSAccount: cc.String("aws-account"), Prices: cc.String("prices"),
		MaxDuration: cc.Duration("max-duration"),
		Draw:        app.Drawn{Format: plots, Histograms: cc.Bool("histograms")}}
	if c.archived != nil {
		c.archivedOptions(cc, &o)
	}
	return o
}

// questions are the warnings about a big experiment, and what it costs where that is known.
func questions(a app.App, loaded *experiment.Loaded) (lines []string) {
	for _, w := range app.Warnings(loaded) {
		lines = append(lines, "  - "+w.String())
	}
	if len(lines) == 0 {
		return nil
	}
	if usd, known := a.ExpectedCost(loaded.Experiment); known {
		lines = append(lines, "  - requests are expected to cost about "+dollars(usd)+" USD; `stellar plan` says what "+
			"is assumed")
	}
	return lines
}

// ask asks the user to confirm a big experiment. --yes confirms it. Without a terminal on standard input, it is an
// error of bad input.
func (c *command) ask(cc *cli.Context, lines []string) error {
	if len(lines) == 0 || cc.Bool("yes") {
		return nil
	}
	text := strings.Join(lines, "\n")
	if !c.StdinTTY {
		return fail.Input("this experiment needs a confirmation before anything is deployed:\n%s", text).
			WithHint("add --yes to confirm")
	}
	printf(c.Stderr, "Before anything is deployed:\n%s\nGo on? [y/N] ", text)
	answer, err := readLine(cc.Context, bufio.NewReader(c.Stdin))
	if err != nil {
		return err
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return fail.Input("stopped: nothing was deployed")
	}
	return nil
}

// readLine waits for a line or for the context, whichever is first.
func readLine(ctx context.Context, in *bufio.Reader) (string, error) {
	type got struct {
		text string
		err  error
	}
	ch := make(chan got, 1)
	fail.Go(fail.Report(ctx), func() {
		text, err := in.ReadString('\n')
		ch <- got{text, err}
	})
	select {
	case <-ctx.Done():
		return "", fail.With(fail.CodeInterrupted, "stopped: nothing was deployed")
	case g := <-ch:
		if g.err != nil && g.text == "" {
			return "", fail.Input("no answer: %w", g.err)
		}
		return g.text, nil
	}
}

// usage is the text of a command's help that shows an example.
func example(lines ...string) string {
	return fmt.Sprintf("Example: %s", strings.Join(lines, "\n         "))
}
