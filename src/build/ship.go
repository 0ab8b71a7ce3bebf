package build

import (
	"context"
	"os"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Shipper is a Builder whose sources providers build themselves.
type Shipper interface {
	// Ship checks whether the sources would compile and copies them into out, an empty folder. It installs nothing: the
	// provider does that with its own builder.
	Ship(ctx context.Context, src *run.Source, out string) error
}

var (
	_ Shipper = Go{}
	_ Shipper = Python{}
	_ Shipper = Node{}
)

// shipping is a builder that ships sources instead of building them.
type shipping struct {
	Builder
	ship Shipper
}

// shipped returns the builder for sources that are not built here.
func shipped(b Builder) (Builder, error) {
	s, ok := b.(Shipper)
	if !ok {
		return nil, fail.Unsupported("%s function sources, for the provider to build", b.Language())
	}
	return shipping{b, s}, nil
}

// Inputs are the builder's, distinct from those of a build.
func (s shipping) Inputs(ctx context.Context, src *run.Source) (Inputs, error) {
	in, err := s.Builder.Inputs(ctx, src)
	in.Settings = append([]string{"sources"}, in.Settings...)
	return in, err
}

// Build ships.
func (s shipping) Build(ctx context.Context, src *run.Source, out string) (Made, error) {
	return Made{}, s.ship.Ship(ctx, src, out)
}

func anyFile(file) bool { return true }

// Ship checks the syntax and copies the folder, without bytecode and virtual environments.
func (p Python) Ship(ctx context.Context, src *run.Source, out string) error {
	files, err := tree(src.Dir)
	if err != nil {
		return badSource(ctx, src, err)
	}
	interpreter, version, err := p.interpreter(ctx, src)
	if err != nil {
		return err
	}
	if err := p.checkSyntax(ctx, src, interpreter, version, files); err != nil {
		return err
	}
	return copyTree(ctx, src, files, out, anyFile)
}

// Ship checks the syntax and copies the folder, without what npm has installed in it.
func (n Node) Ship(ctx context.Context, src *run.Source, out string) error {
	files, err := tree(src.Dir)
	if err != nil {
		return badSource(ctx, src, err)
	}
	if err := n.interpreter().checkFiles(ctx, src, "--check", files, ownScript); err != nil {
		return err
	}
	return copyTree(ctx, src, files, out, ownFile)
}

// Ship compiles the package, which must not be main, and copies the folder.
func (g Go) Ship(ctx context.Context, src *run.Source, out string) error {
	list, err := g.run(ctx, g.command(src, "list", "-f", "{{.Name}}", "."))
	if err != nil {
		return badSource(ctx, src, err)
	}
	if strings.TrimSpace(list.Stdout) == "main" {
		return fail.Input("the go function in %s is package main, which the provider's own main cannot import",
			src.Dir).
			WithHint("give it another package name, and export the function that Handler names")
	}
	if !src.Generated {
		outside, _, err := g.localModules(ctx, src)
		if err != nil {
			return err
		}
		if len(outside) > 0 {
			return fail.Input("the go function in %s needs %s, which is not shipped with it", src.Dir, outside[0]).
				WithHint("put all its code into its own folder, with a go.mod there")
		}
	}
	if _, err := g.run(ctx, g.command(src, "build", "-o", os.DevNull, ".")); err != nil {
		return badSource(ctx, src, err)
	}
	files, err := tree(src.Dir)
	if err != nil {
		return badSource(ctx, src, err)
	}
	return copyTree(ctx, src, files, out, anyFile)
}
