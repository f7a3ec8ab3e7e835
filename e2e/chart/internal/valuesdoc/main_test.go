package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const source = `# How it runs:
# fast or slow.
mode: fast
# Where a | stands.
texts: {}
base: &base
  # The host.
  host: ""
  # Limits of each.
  limits:
    cpu: {most: 1}
other:
  deep:
    <<: *base
    # Another host.
    host: there
  # How messages are sent.
  mail:
    # To whom.
    to: [a, b]
`

const documented = `above
` + marker + `
### general
| value | default | meaning |
|---|---|---|
| ` + "`mode` | `\"fast\"`" + ` | How it runs: fast or slow. |
| ` + "`texts` | `{}`" + ` | Where a \| stands. |

### base
| value | default | meaning |
|---|---|---|
| ` + "`base.host` | `\"\"`" + ` | The host. |
| ` + "`base.limits` | `{\"cpu\":{\"most\":1}}`" + ` | Limits of each. |

### other
| value | default | meaning |
|---|---|---|
| ` + "`other.deep.host` | `\"there\"`" + ` | Another host. |
| ` + "`other.deep.limits` | `{\"cpu\":{\"most\":1}}`" + ` | Limits of each. |
| ` + "`other.mail` | " + ` | How messages are sent. |
| ` + "`other.mail.to` | `[\"a\",\"b\"]`" + ` | To whom. |
`

func files(t *testing.T, values, page string) (string, string) {
	t.Helper()
	folder := t.TempDir()
	a, b := filepath.Join(folder, "values.yaml"), filepath.Join(folder, "README.md")
	if err := errors.Join(os.WriteFile(a, []byte(values), 0o600), os.WriteFile(b, []byte(page), 0o600)); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestWrite_ReplacesWhatStandsBehindTheMarker(t *testing.T) {
	values, readme := files(t, source, "above\n"+marker+"old")
	for range 2 {
		if err := write(values, readme); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != documented {
			t.Fatalf("got\n%s\nwant\n%s", got, documented)
		}
	}
}

func TestWrite_WantsEveryValueExplained(t *testing.T) {
	values, readme := files(t, "a:\n  # Known.\n  b: 1\n  c: 2\n", marker)
	if err := write(values, readme); !errors.Is(err, errUnexplained) || !strings.Contains(err.Error(), "a.c") {
		t.Errorf("got %v", err)
	}
	values, readme = files(t, source, "no marker")
	if err := write(values, readme); err == nil {
		t.Error("a README without the marker was overwritten")
	}
}
