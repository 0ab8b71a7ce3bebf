package cli

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

func (c *command) historyCommand() *cli.Command {
	return &cli.Command{
		Name: "history", Usage: "follow one experiment over many runs, and find where it changed", ArgsUsage: "FOLDER",
		Description: "Reads the records and statistics of all runs in a folder (run folders, and archives), and " +
			"writes a page of their medians and 99th\npercentiles on which changes of the level are marked. Runs of " +
			"other experiments than that of the newest run are left out, and named.\n--check is for CI: the exit " +
			"code is 5 when the newest run is past a change to the worse that was not acknowledged.\n\n" +
			example("stellar history latency-samples --open", "stellar history latency-samples --check",
				"stellar history latency-samples --acknowledge 'the platform was moved to another region'"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "page", Usage: "`FILE` of the page; default: " + app.HistoryFile + " in the folder"},
			&cli.StringFlag{Name: "of", Usage: "`RUN` of the experiment that is followed; default: the newest"},
			&cli.StringFlag{Name: "smallest", Value: "1%", Usage: "changes of under `PERCENT` are not told"},
			&cli.BoolFlag{Name: "check", Usage: "exit code 5 for changes to the worse that were not acknowledged"},
			&cli.StringFlag{Name: "acknowledge", Usage: "all changes to the worse are known from now on; " +
				"`WHY` is kept in " + app.AcknowledgedFile},
			jsonFlag("the history"), openFlag(), logFlag()},
		Action: c.historyAction,
	}
}

func (c *command) historyAction(cc *cli.Context) error {
	dir, err := oneFolder(cc)
	if err != nil {
		return err
	}
	smallest, err := percent("smallest", cc.String("smallest"))
	if err != nil {
		return err
	}
	if cc.IsSet("acknowledge") && strings.TrimSpace(cc.String("acknowledge")) == "" {
		return fail.Input("--acknowledge needs the reason, in words")
	}
	w, err := c.newApp(cc)
	if err != nil {
		return err
	}
	out, err := w.History(cc.Context, dir, app.HistoryOptions{Page: cc.String("page"), Of: cc.String("of"),
		Smallest: smallest, Acknowledge: cc.String("acknowledge")})
	if err != nil {
		return err
	}
	if cc.Bool("json") {
		err = c.printJSON(out)
	} else {
		err = c.printHistory(out, cc.Bool("check"))
	}
	if err == nil && cc.Bool("open") {
		c.openPage(cc.Context, out.Page)
	}
	if open := out.Open(); err == nil && cc.Bool("check") && len(open) > 0 {
		return fail.With(fail.CodeThreshold, "the newest run is past %s to the worse",
			counted(len(open), "change")).
			WithHint("`stellar history %s --acknowledge WHY` makes them known", dir)
	}
	return err
}

func (c *command) printHistory(out *app.HistoryOutcome, check bool) error {
	look := c.look()
	if err := report.History(c.Stdout, out.History, look); err != nil {
		return err
	}
	if err := printLeftOut(c.Stdout, out.LeftOut, look); err != nil {
		return err
	}
	if n := len(out.Acknowledged); n > 0 {
		printf(c.Stdout, "known       %s from now on\n", counted(n, "change"))
	}
	if check {
		for _, text := range report.HistoryCheckWords(out.History) {
			if err := report.Words(c.Stdout, "check       "+text, look, wordsIndent-4); err != nil {
				return err
			}
		}
	}
	printf(c.Stdout, "page        %s\n", out.Page)
	return nil
}

// printLeftOut writes how many runs of each kind are left out, and the first of them with a short reason.
func printLeftOut(w io.Writer, all []app.LeftOut, look report.SummaryOptions) error {
	const most = 5
	var kinds []string
	for _, l := range all {
		if !slices.Contains(kinds, l.Kind) {
			kinds = append(kinds, l.Kind)
		}
	}
	for _, kind := range kinds {
		of := slices.DeleteFunc(slices.Clone(all), func(l app.LeftOut) bool { return l.Kind != kind })
		printf(w, "left out    %s %s\n", counted(len(of), "run"), kind)
		for i, l := range of {
			if i == most && len(of) > most+1 {
				printf(w, "%sand %d more, which the page names\n", leftOutIndent, len(of)-most)
				break
			}
			text := leftOutIndent + report.Printable(l.Path)
			if l.Short != "" {
				text += ": " + report.Printable(l.Short)
			}
			if err := report.Words(w, text, look, len(leftOutIndent)+2); err != nil {
				return err
			}
		}
	}
	return nil
}

const leftOutIndent = "              "

// percent reads a share such as 5% or 0.5 %; without the sign it is percent, too.
func percent(flag, text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "%")), 64)
	if err != nil || !(v >= 0 && v < 1000) {
		return 0, fail.Input("--%s: %q is no percentage", flag, text).WithHint("for example 5%%")
	}
	return v / 100, nil
}
