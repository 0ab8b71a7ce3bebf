package build

import (
	"cmp"
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// projectXML is the part of a pom.xml that is read.
type projectXML struct {
	Parent struct {
		ArtifactID   string  `xml:"artifactId"`
		RelativePath *string `xml:"relativePath"`
	} `xml:"parent"`
	Modules []string `xml:"modules>module"`
}

// mavenPathsWithin refuses a pom.xml that needs files outside the function's folder: only a copy of the folder is
// built, and Maven would use what an earlier installation left in its repository instead.
func mavenPathsWithin(root, dir string) error {
	name := filepath.Join(dir, "pom.xml")
	text, err := wholefile.ReadFile(name)
	if err != nil {
		return nil //nolint:nilerr // Maven says so
	}
	var p projectXML
	if xml.Unmarshal(text, &p) != nil {
		return nil // Maven says where
	}
	if p.Parent.ArtifactID != "" {
		path := "../pom.xml"
		if p.Parent.RelativePath != nil {
			path = strings.TrimSpace(*p.Parent.RelativePath)
		}
		at := filepath.Join(dir, path)
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			at = filepath.Join(at, "pom.xml")
		}
		if path != "" && !inside(root, at) && mavenArtifact(at) == p.Parent.ArtifactID {
			return fail.Input("%s has its parent %s at %s, outside the function's folder", shownIn(root, name),
				p.Parent.ArtifactID, path).
				WithHint("write what it needs of the parent into pom.xml, or publish the parent and write " +
					"<relativePath/>")
		}
	}
	for _, m := range systemPath.FindAllStringSubmatch(string(text), -1) {
		if at := strings.NewReplacer("${project.basedir}", dir, "${basedir}", dir).Replace(m[1]); !inside(root, at) {
			return fail.Input("%s names the jar %s, outside the function's folder%s", shownIn(root, name), m[1],
				lineOf(name, m[1])).
				WithHint("copy the jar into the folder: <systemPath>${project.basedir}/…")
		}
	}
	for _, m := range p.Modules {
		at := filepath.Join(dir, strings.TrimSpace(m))
		if !inside(root, at) {
			return fail.Input("%s has the module %s, outside the function's folder", shownIn(root, name), m).
				WithHint("name the folder of the whole project as the function, or publish the module")
		}
		if err := mavenPathsWithin(root, at); err != nil {
			return err
		}
	}
	return nil
}

var systemPath = regexp.MustCompile(`<systemPath>\s*([^<]+?)\s*</systemPath>`)

// mavenArtifact is the name of a project, empty if there is no pom.xml.
func mavenArtifact(pom string) string {
	text, err := wholefile.ReadFile(pom)
	if err != nil {
		return ""
	}
	var p struct {
		ArtifactID string `xml:"artifactId"`
	}
	_ = xml.Unmarshal(text, &p)
	return p.ArtifactID
}

func inside(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel)
}

// gradlePath matches a path in a Gradle build that begins with a step up, or is absolute.
var gradlePath = regexp.MustCompile(`["'](?:\$\{?(?:rootDir|projectDir|rootProject\.projectDir)\}?/)?` +
	`(\.\./[^"'$]*|\.\.|/[^"'$]*)["']`)

// gradlePathsWithin refuses a build that names something that exists outside the function's folder: only a copy is
// built.
func gradlePathsWithin(dir string) error {
	for _, name := range []string{"settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts"} {
		text, err := wholefile.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			code, _, _ := strings.Cut(line, "//")
			for _, m := range gradlePath.FindAllStringSubmatch(code, -1) {
				at := m[1]
				if !filepath.IsAbs(at) {
					at = filepath.Join(dir, at)
				}
				if at != "/" && !inside(dir, at) && exists(at) {
					return fail.Input("%s:%d names %s, outside the function's folder", name, number, m[1]).
						WithHint("copy it into the folder, or depend on a published version")
				}
			}
		}
	}
	return nil
}

// jarName is the form of a jar's file name: name, version, extension.
var jarName = regexp.MustCompile(`^(.+?)-(\d[^/]*)\.jar$`)

// jarsIn lists the jars in a package's lib.
func jarsIn(dir string) []run.Installed {
	found, _ := filepath.Glob(filepath.Join(globQuoted(dir), "*.jar"))
	var all []run.Installed
	for _, f := range found {
		one := run.Installed{Name: strings.TrimSuffix(filepath.Base(f), ".jar")}
		if m := jarName.FindStringSubmatch(filepath.Base(f)); m != nil {
			one = run.Installed{Name: cmp.Or(m[1], one.Name), Version: m[2]}
		}
		all = append(all, one)
	}
	slices.SortFunc(all, byName)
	return all
}
