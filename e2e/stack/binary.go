package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// command is what is built for tests.
const command = "github.com/murmuration-dev/murmuration/cmd/murmur"

// BuildMurmur builds the murmur program into dir and returns its path. Call it
// once per test run, from TestMain: linking takes seconds.
func BuildMurmur(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "murmur")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, command)
	build.Env = append(os.Environ(), "GOFLAGS=") // flags meant for this test, such as -race, are not meant for what it starts
	var said bytes.Buffer
	build.Stdout, build.Stderr = &said, &said
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", command, err, said.Bytes())
	}
	return binary, nil
}
