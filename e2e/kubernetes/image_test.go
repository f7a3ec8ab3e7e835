//go:build kubernetes

package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	// tree is the repository.
	tree = "../.."
	// chart is what is installed.
	chart = tree + "/deploy/helm/murmuration"
	// customersImage is that of the command beside this file.
	customersImage = "murmuration-kubernetes/customers:dev"
)

// grown is a field that the next version's orders have beside the others.
const grown = `{"name": "channel", "type": "string", "default": "", "doc": "Where the customer came from."},
    {"name": "reason"`

// copyTree makes a copy of what is, or could be, committed.
func copyTree(ctx context.Context, to string) error {
	files, err := task{folder: tree}.run(ctx, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(files, "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(tree, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted and not committed yet
		}
		if err != nil {
			return err
		}
		if err := copyFile(filepath.Join(tree, name), filepath.Join(to, name), info); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a file, or a link as a link.
func copyFile(from, to string, info os.FileInfo) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}

// growSchema gives the orders of a copy of the tree one more field, and lets the
// service write it.
func growSchema(copied string) error {
	folder := filepath.Join(copied, "schemas")
	last := 1
	for {
		if _, err := os.Stat(filepath.Join(folder, "orders", fmt.Sprintf("v%d.avsc", last+1))); err != nil {
			break
		}
		last++
	}
	text, err := os.ReadFile(filepath.Join(folder, "orders", fmt.Sprintf("v%d.avsc", last)))
	if err != nil {
		return err
	}
	next := strings.Replace(string(text), `{"name": "reason"`, grown, 1)
	code := filepath.Join(folder, "order.go")
	source, err := os.ReadFile(code)
	if err != nil {
		return err
	}
	const field = `"reason":         optional(o.Reason),`
	writes := strings.Replace(string(source), field, `"channel": "web", `+field, 1)
	if next == string(text) || writes == string(source) {
		return errors.New("the schema of orders, or the code that writes it, is not what this test knows how to change")
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, "orders", fmt.Sprintf("v%d.avsc", last+1)), []byte(next), 0o600),
		os.WriteFile(code, []byte(writes), 0o600))
}

// migration expands the databases of the next version, as one does before a program
// needs it: the programs of before run on beside it, and again after a rollback.
const migration = `-- +goose Up
ALTER TABLE streams ADD COLUMN note TEXT NOT NULL DEFAULT 'none';

-- +goose Down
ALTER TABLE streams DROP COLUMN note;
`

// growDatabase gives the databases of a copy of the tree one more migration.
func growDatabase(copied string) error {
	folder := filepath.Join(copied, "pkg", "eventstore", "postgres", "migrations")
	return os.WriteFile(filepath.Join(folder, fmt.Sprintf("%05d_note.sql", migrated()+1)), []byte(migration), 0o600)
}

// migrated is the version of the databases of the tree.
func migrated() int {
	files, err := filepath.Glob(tree + "/pkg/eventstore/postgres/migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	return len(files)
}

// buildNext builds the images of the next version, so that an upgrade does not wait
// for a compiler, and returns their names.
func buildNext(ctx context.Context) ([]string, error) {
	if err := copyTree(ctx, next); err != nil {
		return nil, err
	}
	if err := errors.Join(growSchema(next), growDatabase(next)); err != nil {
		return nil, err
	}
	names, err := task{folder: next, environment: environment("TAG=next")}.run(ctx, "deploy/docker/build.sh")
	return strings.Fields(names), err
}

// buildCustomers builds the image of the customers, from nothing but the program.
func buildCustomers(ctx context.Context, folder string) error {
	build := task{environment: []string{"CGO_ENABLED=0", "GOOS=linux", "GOFLAGS="}} // flags meant for this test are not meant for the program
	if _, err := build.run(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(folder, "customers"), "./customers"); err != nil {
		return err
	}
	file := "FROM scratch\nCOPY customers /customers\nUSER 65532:65532\nENTRYPOINT [\"/customers\"]\n"
	if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(file), 0o600); err != nil {
		return err
	}
	_, err := task{}.run(ctx, "docker", "build", "--tag", customersImage, folder)
	return err
}

// load is the command that makes images known to the cluster.
func load() string {
	if command := os.Getenv("KUBERNETES_LOAD"); command != "" {
		return command
	}
	return "kind load docker-image"
}

// loadImages makes images of this machine known to the cluster.
func loadImages(ctx context.Context, images ...string) error {
	_, err := task{}.run(ctx, "bash", append([]string{"-c", load() + ` "$@"`, "load"}, images...)...)
	return err
}

// officialImages replaces KAFKA_IMAGE and the like by what the chart takes.
func officialImages(t *testing.T) *strings.Replacer {
	t.Helper()
	values := must(t, "helm", "show", "values", chart)
	var pairs []string
	for variable, part := range map[string]string{"KAFKA_IMAGE": "kafka", "POSTGRES_IMAGE": "postgres", "REGISTRY_IMAGE": "registry"} {
		found := regexp.MustCompile(`(?m)^ +image: (\S*` + part + `:\S+)$`).FindStringSubmatch(values)
		if found == nil {
			t.Fatalf("the chart has no image of %s", part)
		}
		pairs = append(pairs, variable, found[1])
	}
	return strings.NewReplacer(pairs...)
}
