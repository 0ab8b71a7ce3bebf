package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bom is a list of what a binary is made of, in the form of CycloneDX 1.5 (cyclonedx.org/docs/1.5/json).
type bom struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
	Depends    []dependsOn `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type dependsOn struct {
	Ref     string   `json:"ref"`
	Depends []string `json:"dependsOn"`
}

// writeSBOM writes the modules that are in the binary for a system, as the binary itself says.
func (r release) writeSBOM(t target) error {
	info, err := buildinfo.ReadFile(r.binary(t))
	if err != nil {
		return err
	}
	sum, err := hashFile(r.binary(t))
	if err != nil {
		return err
	}
	own := library(info.Main.Path, r.version)
	own.Type, own.Hashes = "application", []hash{{"SHA-256", sum}}
	b := bom{Format: "CycloneDX", Spec: "1.5", Version: 1,
		Metadata: metadata{Timestamp: r.when.Format(time.RFC3339), Component: own}}
	deps := dependsOn{Ref: own.Ref}
	add := func(c component) {
		b.Components, deps.Depends = append(b.Components, c), append(deps.Depends, c.Ref)
	}
	add(library("std", strings.TrimPrefix(info.GoVersion, "go")))
	for _, m := range info.Deps {
		if m.Replace != nil {
			return fmt.Errorf("%s is replaced: a release has no such module", m.Path)
		}
		add(library(m.Path, m.Version))
	}
	b.Depends = []dependsOn{deps}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, r.name(t, ".cdx.json")), append(text, '\n'), 0o644)
}

// library is a Go module as a component (github.com/package-url/purl-spec, type golang).
func library(path, version string) component {
	url := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return component{Type: "library", Ref: url, Name: path, Version: version, PURL: url}
}
