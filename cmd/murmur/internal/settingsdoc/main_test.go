package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func source(t *testing.T, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "settings.go")
	if err := os.WriteFile(file, []byte("package p\n\ntype Settings struct {\n"+body+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWrite_DocumentsEverySettingOfTheSource(t *testing.T) {
	file := source(t, "// Listen is an\n// address.\nListen string `env:\"LISTEN\" envDefault:\":80\"`\nother int\nBrokers []string `env:\"BROKERS\"`")
	out := filepath.Join(t.TempDir(), "out.md")
	if err := write(out, []string{"All=" + file}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## All", "| `LISTEN` | `:80` | Listen is an address. |", "| `BROKERS` |  | Listen is an address. |"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("page lacks %q:\n%s", want, page)
		}
	}
}

func TestWrite_RefusesASettingWithoutMeaning(t *testing.T) {
	err := write(filepath.Join(t.TempDir(), "out.md"), []string{"All=" + source(t, "Listen string `env:\"LISTEN\"`")})
	if !errors.Is(err, errUndocumented) {
		t.Fatalf("got %v", err)
	}
}
