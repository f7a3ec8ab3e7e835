package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
)

// bill is a CycloneDX document, as far as it is used here.
type bill struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Scope      string     `json:"scope,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// develop is what the build says of modules of the workspace, which have no version
// of their own.
const develop = "(devel)"

// describe makes the bill of a program. What was linked in is listed flat: a
// program does not know which module asked for which.
func describe(name, version, created string, digest [sha256.Size]byte, info *debug.BuildInfo) bill {
	program := component{
		Type: "application", Name: name, Version: version, PURL: purl(info.Path, version),
		Hashes: []hash{{"SHA-256", hex.EncodeToString(digest[:])}},
	}
	program.Ref = program.PURL
	for _, s := range info.Settings {
		if slices.Contains([]string{"GOOS", "GOARCH", "GOAMD64", "GOARM64", "CGO_ENABLED", "-trimpath", "-tags"}, s.Key) {
			program.Properties = append(program.Properties, property{"go:build:" + s.Key, s.Value})
		}
	}
	std := component{Type: "library", Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"), Scope: "required"}
	std.PURL = purl("std", std.Version)
	std.Ref = std.PURL
	parts := []component{std}
	for _, m := range info.Deps {
		parts = append(parts, library(m, version))
	}
	slices.SortFunc(parts, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	graph := []dependency{{Ref: program.Ref}}
	for _, p := range parts {
		graph[0].DependsOn = append(graph[0].DependsOn, p.Ref)
	}
	return bill{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Serial: serial(digest), Metadata: metadata{Timestamp: created, Component: program}, Components: parts, Dependencies: graph,
	}
}

// library is a module that was linked in.
func library(m *debug.Module, version string) component {
	if m.Replace != nil {
		m = m.Replace
	}
	c := component{Type: "library", Name: m.Path, Version: m.Version, Scope: "required"}
	if c.Version == develop || c.Version == "" {
		c.Version = version
	}
	c.PURL = purl(m.Path, c.Version)
	c.Ref = c.PURL
	// The module's h1 digest: SHA-256 over the digests of its files, as go.sum has it.
	if sum, ok := strings.CutPrefix(m.Sum, "h1:"); ok {
		if raw, err := base64.StdEncoding.DecodeString(sum); err == nil {
			c.Hashes = []hash{{"SHA-256", hex.EncodeToString(raw)}}
		}
	}
	return c
}

// purl is the package URL of a Go package or module.
func purl(path, version string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return "pkg:golang/" + strings.Join(segments, "/") + "@" + strings.ReplaceAll(url.PathEscape(version), "+", "%2B")
}

// serial is a UUID of the kind whose bits the maker chooses: those of the program.
func serial(digest [sha256.Size]byte) string {
	id := digest[:16]
	id[6] = id[6]&0x0f | 0x80 // version 8
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
