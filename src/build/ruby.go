package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

const (
	rubyHint    = "install Ruby 2.7 or later (apt install ruby, brew install ruby) and put ruby on the PATH"
	bundlerHint = "install Bundler: gem install bundler, or apt install ruby-bundler"
)

// Ruby copies sources, checks their syntax and installs the gems of a Gemfile.
type Ruby struct{ Options }

var (
	_ Builder = Ruby{}
	_ Looper  = Ruby{}
)

func (r Ruby) interpreter() interpreter {
	return interpreter{Options: r.Options, program: "ruby", oldest: "2.7", hint: rubyHint}
}

// Language is ruby.
func (Ruby) Language() string { return "ruby" }

// Check asks for a ruby of at least version 2.7.
func (r Ruby) Check(ctx context.Context) error { return r.interpreter().check(ctx) }

// Version is that of the ruby on the PATH, as in ruby 3.1.2p20.
func (r Ruby) Version(ctx context.Context) (string, error) { return r.interpreter().version(ctx) }

// Inputs names the runtime and the files that Bundler reads beside the Gemfile. Gems with native parts are built for
// this machine.
func (r Ruby) Inputs(ctx context.Context, src *run.Source) (Inputs, error) {
	version, err := r.Version(ctx)
	if err != nil {
		return Inputs{}, err
	}
	in := Inputs{Toolchain: version, Settings: []string{src.Runtime, fmt.Sprint(r.Local)}}
	if !exists(filepath.Join(src.Dir, "Gemfile")) {
		return in, nil
	}
	in.Variables = variables("BUNDLE_", "BUNDLER_", "GEM_", "RUBYOPT", "RUBYLIB", "CC", "CFLAGS", "LDFLAGS")
	for _, home := range []string{os.Getenv("BUNDLE_USER_HOME"), filepath.Join(os.Getenv("HOME"), ".bundle")} {
		in.Files = append(in.Files, filepath.Join(home, "config"))
	}
	if file := os.Getenv("BUNDLE_USER_CONFIG"); file != "" {
		in.Files = append(in.Files, file)
	}
	if err := gemPathsWithin(src.Dir); err != nil {
		return in, badSource(ctx, src, err)
	}
	return in, nil
}

// Build copies the folder and installs the gems of its Gemfile into vendor/bundle, where the runtime looks for them.
func (r Ruby) Build(ctx context.Context, src *run.Source, out string) (Made, error) {
	files, err := tree(src.Dir)
	if err != nil {
		return Made{}, badSource(ctx, src, err)
	}
	has := func(name string) bool { return slices.ContainsFunc(files, func(f file) bool { return f.rel == name }) }
	gems := has("Gemfile")
	own := func(f file) bool {
		return !gems || !strings.HasPrefix(f.rel, "vendor/bundle/") && !strings.HasPrefix(f.rel, ".bundle/")
	}
	script := func(f file) bool {
		return filepath.Ext(f.rel) == ".rb" && !strings.HasPrefix(f.rel, "vendor/")
	}
	if err := r.interpreter().checkFiles(ctx, src, "-c", files, script); err != nil {
		return Made{}, err
	}
	if err := copyTree(ctx, src, files, out, own); err != nil || !gems {
		return Made{}, err
	}
	return r.install(ctx, src, out, has("Gemfile.lock"))
}

func (r Ruby) install(ctx context.Context, src *run.Source, out string, locked bool) (made Made, err error) {
	env := []string{"BUNDLE_GEMFILE=" + filepath.Join(out, "Gemfile"), "BUNDLE_PATH=vendor/bundle",
		"BUNDLE_APP_CONFIG=" + filepath.Join(out, ".bundle"),
		"BUNDLE_WITHOUT=development:test", "BUNDLE_DISABLE_SHARED_GEMS=true", "BUNDLE_CLEAN=true",
		"BUNDLE_NO_CACHE=true"}
	if locked {
		env = append(env, "BUNDLE_FROZEN=true")
	} else {
		made.Floating = "the Gemfile has no Gemfile.lock beside it (bundle lock makes it)"
	}
	if err := r.interpreter().installer(ctx, src, out, "bundle", bundlerHint, env, "install", "--quiet"); err != nil {
		return made, err
	}
	if err := gemPathsWithin(out); err != nil { // paths that the Gemfile computed
		return made, badSource(ctx, src, err)
	}
	made.Installed, _ = readGemLock(out)
	return made, nil
}

// Loop writes the loop of managed runtimes, for images on a plain base.
func (Ruby) Loop(_ context.Context, out string) error {
	return writeLoop(out, "bootstrap.rb", bootstraps.Ruby)
}
