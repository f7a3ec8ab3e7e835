//go:build e2e

package image

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/e2e/stack"
)

func docker(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "docker", args...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, exit.Stderr)
		}
		t.Fatal(err)
	}
	return string(out)
}

func TestImages_SayWhatTheyAre(t *testing.T) {
	images, err := stack.BuildImages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 5 {
		t.Fatalf("got images %v", images)
	}
	for program, name := range images {
		var config struct {
			User   string
			Labels map[string]string
		}
		if err := json.Unmarshal([]byte(docker(t, "image", "inspect", "--format", "{{json .Config}}", name)), &config); err != nil {
			t.Fatal(err)
		}
		if config.User != "65532:65532" {
			t.Errorf("%s runs as %q", program, config.User)
		}
		for label, want := range map[string]string{
			"title": "^murmuration-" + program + "$", "description": "Murmuration", "version": "^content$", "revision": "^unknown$",
			"created": `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, "source": "^https://", "licenses": "^Apache-2.0$", "documentation": "^https://",
		} {
			if got := config.Labels["org.opencontainers.image."+label]; !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("%s: label %s is %q, want %s", program, label, got, want)
			}
		}
		said := docker(t, "run", "--rm", "--read-only", "--cap-drop", "ALL", "--network", "none", name, "--version")
		if !strings.Contains(said, program) || !strings.Contains(said, "content") {
			t.Errorf("%s tells its version as %q", program, said)
		}
	}
}

func TestImages_HoldABillOfTheirMaterials(t *testing.T) {
	images, err := stack.BuildImages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for program, name := range images {
		var bill struct {
			BOMFormat string `json:"bomFormat"`
			Metadata  struct {
				Component struct{ Name, Version string }
			}
			Components []struct{ Name, Version, PURL string }
		}
		if err := json.Unmarshal(fileOf(t, name, "/usr/share/doc/"+program+"/sbom.cdx.json"), &bill); err != nil {
			t.Fatal(err)
		}
		modules := map[string]bool{}
		for _, c := range bill.Components {
			modules[c.Name] = c.Version != "" && c.PURL != ""
		}
		if bill.BOMFormat != "CycloneDX" || bill.Metadata.Component.Name != program || !modules["std"] || !modules["go.uber.org/zap"] {
			t.Errorf("%s: got %+v", program, bill)
		}
	}
}

// fileOf returns a file of an image.
func fileOf(t *testing.T, image, path string) []byte {
	t.Helper()
	container := strings.TrimSpace(docker(t, "create", image))
	defer docker(t, "rm", container)
	file := filepath.Join(t.TempDir(), "file")
	docker(t, "cp", container+":"+path, file)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
