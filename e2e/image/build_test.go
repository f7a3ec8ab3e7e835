package image

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// build runs the script that builds images with stand-ins for go and docker, which
// write down what they were asked for.
type build struct {
	t          *testing.T
	dir        string
	withoutBig bool // docker has no buildx
}

const standInGo = `#!/bin/sh
case $1 in
env) echo amd64 ;;
build)
  echo "build for $GOARCH: $*" >>"$TOLD"
  while [ "$1" != -o ]; do shift; done
  for p in order payment inventory gatewaysim murmur; do echo "$p for $GOARCH" >"$2$p"; done ;;
run) shift 2; for p in "$@"; do case $p in */*) echo "{}" >"$p.cdx.json" ;; esac; done ;;
esac
`

const standInDocker = `#!/bin/sh
case "$*" in
"buildx version") test -z "$NO_BUILDX"; exit ;;
"image inspect"*) exit 1 ;;
esac
echo "docker $*" >>"$TOLD"
`

func (b build) run(environment ...string) (printed []string, told string, err error) {
	b.t.Helper()
	bin := filepath.Join(b.dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		b.t.Fatal(err)
	}
	for name, script := range map[string]string{"go": standInGo, "docker": standInDocker} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
	record := filepath.Join(b.dir, "told")
	if err := os.WriteFile(record, nil, 0o600); err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), "../../deploy/docker/build.sh")
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "GO="+filepath.Join(bin, "go"), "TOLD="+record, "CONTEXT="+filepath.Join(b.dir, "context"))
	if b.withoutBig {
		cmd.Env = append(cmd.Env, "NO_BUILDX=1")
	}
	cmd.Env = append(cmd.Env, environment...)
	out, err := cmd.Output()
	text, readErr := os.ReadFile(record)
	if readErr != nil {
		b.t.Fatal(readErr)
	}
	return strings.Fields(string(out)), string(text), err
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

func TestBuild_MakesOneImageForAProgram(t *testing.T) {
	b := build{t: t, dir: t.TempDir()}
	printed, told, err := b.run("VERSION=v1.2.3", "CREATED=2026-01-02T03:04:05Z", "PREFIX=example.org/", "ARCH=arm64")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"example.org/order:v1.2.3", "example.org/payment:v1.2.3", "example.org/inventory:v1.2.3", "example.org/gatewaysim:v1.2.3", "example.org/murmur:v1.2.3"}; !slices.Equal(printed, want) {
		t.Errorf("it prints %q", printed)
	}
	contains(t, told, "build for arm64", "-X main.version=v1.2.3", "services/order/app.Version=v1.2.3", "cmd/murmur/cli.Version=v1.2.3",
		"--build-arg VERSION=v1.2.3", "--build-arg CREATED=2026-01-02T03:04:05Z", "--build-arg TARGETARCH=arm64 --target order --tag example.org/order:v1.2.3")
	if strings.Contains(told, "buildx") {
		t.Errorf("one architecture needs no buildx:\n%s", told)
	}
}

func TestBuild_MakesOneImageForSeveralArchitectures(t *testing.T) {
	b := build{t: t, dir: t.TempDir()}
	archives := filepath.Join(b.dir, "context", "oci")
	if _, told, err := b.run("VERSION=v1", "ARCH=amd64 arm64"); err != nil {
		t.Fatal(err)
	} else {
		contains(t, told, "build for amd64", "build for arm64", "docker buildx build", "--platform linux/amd64,linux/arm64 --output type=oci,dest="+archives+"/order.tar --target order")
		if strings.Contains(told, "TARGETARCH") {
			t.Errorf("the builder must choose the programs itself:\n%s", told)
		}
	}
	_, told, err := b.run("VERSION=v1", "ARCH=amd64 arm64", "OUTPUT=registry")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, told, "--output type=registry")
	for _, arch := range []string{"amd64", "arm64"} {
		made, err := os.ReadFile(filepath.Join(b.dir, "context", "linux", arch, "order"))
		if err != nil || string(made) != "order for "+arch+"\n" {
			t.Errorf("%s: %q, %v", arch, made, err)
		}
		if _, err := os.Stat(filepath.Join(b.dir, "context", "linux", arch, "order.cdx.json")); err != nil {
			t.Error(err)
		}
	}
}

func TestBuild_SaysWhatItCannotDo(t *testing.T) {
	for want, environment := range map[string][]string{
		"need docker buildx": {"ARCH=amd64 arm64"}, "needs one ARCH": {"ARCH=amd64 arm64", "TAG=content"},
	} {
		b := build{t: t, dir: t.TempDir(), withoutBig: true}
		_, told, err := b.run(environment...)
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("%s: it ended with %v", environment, err)
		}
		contains(t, string(exit.Stderr), want)
		if told != "" {
			t.Errorf("%s: it began all the same: %s", environment, told)
		}
	}
}

func TestBuild_NamesATagByTheContentAlone(t *testing.T) {
	b := build{t: t, dir: t.TempDir()}
	first, told, err := b.run("TAG=content", "CREATED=2026-01-02T03:04:05Z")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(told, "REVISION") || strings.Contains(told, "CREATED") {
		t.Errorf("labels tell the commit:\n%s", told)
	}
	second, _, err := b.run("TAG=content", "CREATED=2026-02-02T03:04:05Z", "VERSION=v9")
	if err != nil || !slices.Equal(first, second) {
		t.Errorf("the same content is %q, then %q (%v)", first, second, err)
	}
	third, _, err := b.run("TAG=content", "BASE=other")
	if err != nil || slices.Equal(first, third) {
		t.Errorf("another base is the same content %q (%v)", third, err)
	}
}
