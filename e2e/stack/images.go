//go:build e2e

package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// What runs unless KAFKA_IMAGE, POSTGRES_IMAGE or REGISTRY_IMAGE name others; the
// broker's is kafkacluster's.
const (
	officialPostgres = "postgres:15"
	officialRegistry = "apicurio/apicurio-registry:3.3.3"
)

func imageOf(variable, official string) string {
	if image := os.Getenv(variable); image != "" {
		return image
	}
	return official
}

// built is what BuildImages made in this process.
var built struct {
	sync.Mutex
	images map[string]string
}

// BuildImages builds the images of the platform's own programs from this working
// tree, by deploy/docker/build.sh, and returns their names by program. What has not
// changed is not built again, in this process or another.
//
// BASE in the environment is the base image: scratch by default, since it needs
// nothing from elsewhere.
func BuildImages(ctx context.Context) (map[string]string, error) {
	built.Lock()
	defer built.Unlock()
	if built.images != nil {
		return built.images, nil
	}
	root, err := workspace(ctx)
	if err != nil {
		return nil, err
	}
	content := filepath.Join(root, "bin", "image-e2e") // kept, so that only what changed is linked anew
	if err := os.MkdirAll(content, 0o755); err != nil {
		return nil, err
	}
	free, err := lock(filepath.Join(content, "lock"))
	if err != nil {
		return nil, err
	}
	defer free()
	build := exec.CommandContext(ctx, filepath.Join(root, "deploy", "docker", "build.sh"))
	build.Env = append(os.Environ(), "TAG=content", "PREFIX=murmuration-e2e/", "CONTEXT="+filepath.Join(content, "context"), "BASE="+imageOf("BASE", "scratch"))
	var said, wrong bytes.Buffer
	build.Stdout, build.Stderr = &said, &wrong
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build images: %w\n%s", err, wrong.Bytes())
	}
	images := make(map[string]string)
	for image := range strings.FieldsSeq(said.String()) {
		program, _, _ := strings.Cut(path.Base(image), ":")
		images[program] = image
	}
	built.images = images
	return images, nil
}

// workspace is the folder of go.work.
func workspace(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOWORK").Output()
	file := strings.TrimSpace(string(out))
	if err == nil && !filepath.IsAbs(file) {
		err = errors.New("no workspace: the images are built from all modules of one")
	}
	return filepath.Dir(file), err
}

// lock waits until no other process has the file locked.
func lock(file string) (free func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", file, err), f.Close())
	}
	return func() { _ = f.Close() }, nil // the lock goes with the file
}
