package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

func (c *command) archiveCommand() *cli.Command {
	return &cli.Command{
		Name: "archive", Usage: "write one file with a run and all that repeats it", ArgsUsage: "RUN-FOLDER",
		Description: "The file has the run's rows, statistics and page, its experiment with the functions, traces " +
			"and bodies that it names,\nversions, hashes of its packages, CITATION.cff and checksums. " +
			"`stellar report`, and the other commands that read a run,\ntake it in place of a folder; " +
			"`stellar -c FILE` runs it again and compares both runs.\nValues of ${env:…} are not in it: a file " +
			"that holds one is an error.\n\n" +
			example("stellar archive latency-samples/latest -o run.stellar.zip", "stellar -c run.stellar.zip"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"o"},
				Usage: "`FILE` that is written (default: the run's id with .stellar.zip, here)"},
			&cli.StringSliceFlag{Name: "author",
				Usage: "`NAME` for the citation, such as \"Ada Lovelace\"; may be repeated"},
			&cli.StringSliceFlag{Name: "public",
				Usage: "`VARIABLE` of the environment whose value is no secret; may be repeated"},
			logFlag(), jsonFlag("what was written")},
		Action: c.onFolder(func(cc *cli.Context, w app.App, dir string) error {
			made, err := w.Archive(cc.Context, dir, app.ArchiveOptions{File: cc.String("file"),
				Authors: cc.StringSlice("author"), Public: cc.StringSlice("public")})
			if err != nil {
				return err
			}
			for _, note := range made.Notes {
				w.Log.Warnf("%s", note)
			}
			if cc.Bool("json") {
				return c.printJSON(made)
			}
			printf(c.Stdout, "archive     %s: %s, %s\n", made.File, counted(made.Files, "file"),
				bytesize.Size(made.Bytes))
			return nil
		}),
	}
}

// archivedOptions gives a run the options of the archived one, where the command line has none.
func (c *command) archivedOptions(cc *cli.Context, o *app.Options) {
	was := c.archived.Options
	if !cc.IsSet("serverless") {
		o.Serverless = was.Serverless
	}
	if !cc.IsSet("endpoints") && was.Endpoints != "" {
		o.Endpoints = was.Endpoints
	}
	if !cc.IsSet("prices") {
		o.Prices = was.Prices
	}
	if !cc.IsSet("run-only") {
		o.Only = was.Only
	}
}

// finishRerun is finish, and, where an archive was run again, the comparison of both runs.
func (c *command) finishRerun(cc *cli.Context, w app.App, err error, out *app.Outcome) error {
	if c.archived == nil || out == nil || len(out.Rows) == 0 || cc.Context.Err() != nil {
		return c.finish(cc, err, out)
	}
	var failed error
	if out.Rerun, failed = w.CompareRerun(cc.Context, c.archived, out.Dir); failed != nil {
		failed = fmt.Errorf("compare with the archived run: %w", failed)
	}
	err = c.finish(cc, err, out)
	if out.Rerun != nil && !cc.Bool("json") {
		printRerun(c.Stdout, out.Rerun)
		if out.Rerun.Measured != nil {
			printf(c.Stdout, "\n")
			failed = errors.Join(failed, c.printComparison(out.Rerun.Measured))
		}
	}
	return errors.Join(err, failed)
}

// printRerun says how far a run is the same as the archived one, whose texts may be anybody's.
func printRerun(w io.Writer, r *app.Rerun) {
	fmt.Fprintf(w, "\ncompared with the archived run %s\n", report.Printable(r.Of))
	if r.SeedThen == r.Seed {
		fmt.Fprintf(w, "seed        %d in both\n", r.Seed)
	} else {
		fmt.Fprintf(w, "seed        %d then, %d now: so the schedules differ\n", r.SeedThen, r.Seed)
	}
	same := 0
	for _, p := range r.Packages {
		if p.Same {
			same++
		}
	}
	if len(r.Packages) > 0 {
		fmt.Fprintf(w, "packages    %d of %d the same, byte for byte\n", same, len(r.Packages))
	}
	for _, p := range r.Packages {
		if !p.Same {
			fmt.Fprintf(w, "  %-8s  %.12s then, %.12s now: %s\n", report.Printable(p.Function),
				report.Printable(p.Then), p.Now, report.Printable(p.Why))
		}
	}
	for _, s := range r.Schedules {
		fmt.Fprintf(w, "schedule    %d %s: %s\n", s.SubExperiment, report.Printable(s.Title), scheduleWords(s))
	}
}

// scheduleWords say how far a sub-experiment's schedule is the same.
func scheduleWords(s app.RerunSchedule) string {
	switch {
	case s.OffMs == nil:
		return fmt.Sprintf("%d %s then, %d now", s.Then, s.What, s.Now)
	case !s.SameSizes:
		return fmt.Sprintf("%d %s in both, of other sizes", s.Now, s.What)
	}
	if s.InTurn {
		return fmt.Sprintf("the same %d %s; pauses, which have the others' rounds in them, differ by up to %.3g ms",
			s.Now, s.What, *s.OffMs)
	}
	return fmt.Sprintf("the same %d %s, with the same pauses to %.3g ms", s.Now, s.What, max(*s.OffMs, 0.001))
}
