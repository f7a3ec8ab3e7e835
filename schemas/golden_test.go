package schemas

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/avro"
)

var update = flag.Bool("update", false, "record the bytes of schema versions that have none yet")

// TestGolden_TodaysCodeReadsEveryPublishedVersion: the recorded bytes of a
// version are what it encodes, and today's types still read them.
func TestGolden_TodaysCodeReadsEveryPublishedVersion(t *testing.T) {
	for _, c := range contracts {
		versions := c.versions()
		latest := versions[len(versions)-1]
		for i, text := range versions {
			t.Run(fmt.Sprintf("%s/v%d", c.folder, i+1), func(t *testing.T) {
				file := filepath.Join("testdata", c.folder, fmt.Sprintf("v%d", i+1))
				spelt, err := os.ReadFile(file + ".json")
				if err != nil {
					t.Fatal(err)
				}
				encoded := encodeWith(t, text, c, spelt)
				golden := readGolden(t, file+".golden", encoded)
				if !bytes.Equal(encoded, golden) {
					t.Errorf("encodes as\n%x, recorded was\n%x", encoded, golden)
				}

				record, err := c.fromAvro(decodeAs(t, text, latest, golden))
				if err != nil {
					t.Fatal(err)
				}
				printed, err := json.Marshal(record)
				if err != nil {
					t.Fatal(err)
				}
				if missing := notIn(t, printed, spelt); missing != "" {
					t.Errorf("today's record is\n%s, without the recorded %s", printed, missing)
				}
			})
		}
	}
}

// encodeWith encodes the record in a version's schema. goavro leaves out fields
// that this version does not have yet.
func encodeWith(t *testing.T, schema string, c contract, spelt []byte) []byte {
	t.Helper()
	record, err := c.fromJSON(spelt)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := goavro.NewCodec(schema)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := codec.BinaryFromNative(nil, record.Avro())
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// readGolden returns the recorded bytes. With -update it records those of a new
// version; it never touches what is recorded.
func readGolden(t *testing.T, file string, encoded []byte) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && *update {
		text = []byte(wrap(hex.EncodeToString(encoded)))
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	golden, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return golden
}

func wrap(text string) string {
	const width = 80
	var out strings.Builder
	for len(text) > width {
		out.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	return out.String() + text + "\n"
}

// decodeAs reads what was written with one schema as a record of another.
func decodeAs(t *testing.T, writer, reader string, data []byte) map[string]any {
	t.Helper()
	resolved, err := avro.Resolve(avro.MustParse(writer), avro.MustParse(reader))
	if err != nil {
		t.Fatal(err)
	}
	var value any
	rest, err := resolved.Decode(data, &value, avro.TaggedUnions())
	if err != nil || len(rest) > 0 {
		t.Fatalf("%d bytes left, %v", len(rest), err)
	}
	return value.(map[string]any)
}

// notIn returns the first field of want, by its path, that got does not have
// with the same value. Fields that are younger than want may be there.
func notIn(t *testing.T, got, want []byte) string {
	t.Helper()
	var g, w any
	if err := errors.Join(json.Unmarshal(got, &g), json.Unmarshal(want, &w)); err != nil {
		t.Fatal(err)
	}
	return lacks("", g, w)
}

func lacks(path string, got, want any) string {
	switch want := want.(type) {
	case map[string]any:
		fields, _ := got.(map[string]any)
		for name, value := range want {
			if missing := lacks(path+"."+name, fields[name], value); missing != "" {
				return missing
			}
		}
		return ""
	case []any:
		items, _ := got.([]any)
		if len(items) != len(want) {
			return path
		}
		for i, value := range want {
			if missing := lacks(fmt.Sprintf("%s[%d]", path, i), items[i], value); missing != "" {
				return missing
			}
		}
		return ""
	}
	if !reflect.DeepEqual(got, want) {
		return path
	}
	return ""
}

func TestGolden_NoticesALostField(t *testing.T) {
	for want, documents := range map[string][2]string{
		"":        {`{"a":1,"b":[{"c":2}],"new":3}`, `{"a":1,"b":[{"c":2}]}`},
		".a":      {`{"b":1}`, `{"a":1}`},
		".b[0].c": {`{"b":[{"c":1}]}`, `{"b":[{"c":2}]}`},
		".b":      {`{"b":[]}`, `{"b":[{"c":2}]}`},
	} {
		if got := notIn(t, []byte(documents[0]), []byte(documents[1])); got != want {
			t.Errorf("%v: got %q, want %q", documents, got, want)
		}
	}
}

func TestGolden_EveryRecordedVersionIsStillThere(t *testing.T) {
	for _, c := range contracts {
		recorded, err := filepath.Glob(filepath.Join("testdata", c.folder, "*.golden"))
		if err != nil {
			t.Fatal(err)
		}
		if len(recorded) != len(c.versions()) {
			t.Errorf("%s: recorded are %v, published are %d versions", c.folder, recorded, len(c.versions()))
		}
	}
}
