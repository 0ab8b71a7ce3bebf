package generate

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

const (
	everything   = "**"   // the pattern of a package that leaves nothing out
	placeDefault = "back" // where filler lies if the file does not say
	packagesDir  = "packages"
)

// newPackage returns the identity of a function's package; pack fills in the rest.
func newPackage(r *run.Run, fn *run.Function, v vendor) *run.Package {
	sub := r.Experiment.SubExperiments[fn.Sub]
	p := &run.Package{
		Type:        cmp.Or(fn.PackageType, "Zip"),
		Source:      fn.Source,
		TargetBytes: bytesize.FromMiB(fn.ImageSizeMB),
		Placement:   cmp.Or(sub.FillerPlacement, placeDefault),
		ReadFiller:  sub.FillerRead,
		Pattern:     cmp.Or(fn.Pattern, sub.PackagePattern, everything),
	}
	if src := fn.Source; src != nil && src.Generated && v.adaptation(fn).Add != "" {
		p.Pattern = everything // files of the original name its one file: the adapter's is needed as well
	}
	if p.Type == "Image" {
		p.BaseImage, p.Contract = sub.BaseImage, cmp.Or(fn.Platform.ImageContract, "runtime-api")
	}
	p.Name = packageName(p)
	switch {
	case p.Type == "Zip" && fn.Source.Unbuilt:
		p.Type = run.PackageSource
		p.Path = filepath.Join(r.ServiceDir, packagesDir, p.Name)
	case p.Type == "Zip" && fn.Language == run.LanguageWorkers:
		p.Type = run.PackageModules
		p.Path = filepath.Join(r.ServiceDir, packagesDir, p.Name)
	case p.Type == "Zip":
		p.Path = filepath.Join(r.ServiceDir, packagesDir, p.Name+".zip")
	}
	p.Seed = fillerSeed(r, p.Name)
	return p
}

// packageName is the same for equal packages and distinct for others.
func packageName(p *run.Package) string {
	name := p.Source.Key
	if p.Type == "Image" {
		sum := sha256.Sum256([]byte(p.BaseImage + " " + p.Contract))
		name += "-image-" + hex.EncodeToString(sum[:4])
	}
	if p.TargetBytes > 0 {
		name += fmt.Sprintf("-%d-%s", p.TargetBytes, p.Placement)
		if p.ReadFiller {
			name += "-read"
		}
	}
	if p.Pattern != everything {
		sum := sha256.Sum256([]byte(p.Pattern))
		name += "-only-" + hex.EncodeToString(sum[:4])
	}
	return name
}

// fillerSeed follows from the experiment's seed and differs between packages: platforms store equal blocks once, so
// packages must not share their padding.
func fillerSeed(r *run.Run, name string) int64 {
	var seed int64
	if r.Experiment.Seed != nil {
		seed = *r.Experiment.Seed
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "filler %d %s", seed, name))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}
