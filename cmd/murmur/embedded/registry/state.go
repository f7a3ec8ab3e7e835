package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/pkg/avro"
)

// maxSchemas bounds schemas and subjects, since the file is written as a whole
// at every change.
const maxSchemas = 1000

// defaultLevel is the level of a fresh registry, the same as Confluent's.
const defaultLevel = avro.LevelBackward

// state is everything the registry knows, as it is kept in the file.
type state struct {
	Format   int                `json:"format"`
	Level    string             `json:"level"`
	Schemas  []string           `json:"schemas"` // the schema with id n is at n−1
	Subjects map[string]subject `json:"subjects"`

	ids map[string]int // by identity; not kept
}

type subject struct {
	Level    string `json:"level,omitempty"` // "" leaves it to the registry's
	Versions []int  `json:"versions"`        // ids; version n is at n−1
}

// version is one version of a subject.
type version struct {
	Version int
	ID      int
}

func newState() *state {
	return &state{Format: format, Level: defaultLevel, Subjects: map[string]subject{}, ids: map[string]int{}}
}

// clone copies deep enough for an edit: slices are only ever appended to.
func (s *state) clone() *state {
	c := *s
	c.Schemas = slices.Clip(s.Schemas)
	c.Subjects = maps.Clone(s.Subjects)
	c.ids = maps.Clone(s.ids)
	return &c
}

// level is the one in force for the subject.
func (s *state) level(name string) string { return cmp.Or(s.Subjects[name].Level, s.Level) }

func (s *state) text(id int) (string, bool) {
	if id < 1 || id > len(s.Schemas) {
		return "", false
	}
	return s.Schemas[id-1], true
}

// texts are the subject's versions, oldest first.
func (s *state) texts(name string) []string {
	var texts []string
	for _, id := range s.Subjects[name].Versions {
		texts = append(texts, s.Schemas[id-1])
	}
	return texts
}

// find returns the version of the subject that has this identity.
func (s *state) find(name, key string) (version, bool) {
	id, ok := s.ids[key]
	if !ok {
		return version{}, false
	}
	i := slices.Index(s.Subjects[name].Versions, id)
	return version{Version: i + 1, ID: id}, i >= 0
}

// add appends a version to the subject. The schema is new or has an id from
// another subject.
func (s *state) add(name, key, text string) (int, error) {
	id, ok := s.ids[key]
	if !ok {
		if len(s.Schemas) >= maxSchemas {
			return 0, errStore(fmt.Errorf("the registry is full: %d schemas", maxSchemas))
		}
		s.Schemas = append(s.Schemas, text)
		id = len(s.Schemas)
		s.ids[key] = id
	}
	sub := s.Subjects[name]
	sub.Versions = append(slices.Clip(sub.Versions), id)
	return id, s.put(name, sub)
}

// setLevel sets the level of a subject, or of the registry for an empty name;
// an empty level is the one above.
func (s *state) setLevel(name, level string) error {
	if name == "" {
		s.Level = cmp.Or(level, defaultLevel)
		return nil
	}
	sub := s.Subjects[name]
	sub.Level = level
	return s.put(name, sub)
}

func (s *state) put(name string, sub subject) error {
	if sub.Level == "" && len(sub.Versions) == 0 {
		delete(s.Subjects, name)
		return nil
	}
	if _, ok := s.Subjects[name]; !ok && len(s.Subjects) >= maxSchemas {
		return errStore(fmt.Errorf("the registry is full: %d subjects", maxSchemas))
	}
	s.Subjects[name] = sub
	return nil
}

// names are the subjects with versions, sorted. A level alone makes no subject.
func (s *state) names(prefix string) []string {
	names := []string{}
	for name, sub := range s.Subjects {
		if len(sub.Versions) > 0 && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// identity is what makes two texts the same schema: their JSON without spacing
// and with sorted keys. It fails if the text is not an Avro schema.
func identity(text string) (string, error) {
	if err := avro.ValidateSchema(text); err != nil {
		return "", errInvalidSchema(err)
	}
	var tree any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber() // a default may not survive as a float
	if err := d.Decode(&tree); err != nil {
		return "", errInvalidSchema(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", errInvalidSchema(errors.New("text follows the schema"))
	}
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(tree); err != nil {
		return "", errInvalidSchema(err)
	}
	return out.String(), nil
}
