package avro

import (
	"errors"
	"strings"
	"testing"
)

// Three versions of which each step is fine in one direction only.
const (
	onlyA      = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
	withB      = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}`
	defaultedB = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","default":0}]}`
	longA      = `{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}`
)

func TestCheckLevel(t *testing.T) {
	cases := []struct {
		name, level, candidate string
		earlier                []string
		ok                     bool
	}{
		{"the first version", LevelFullTransitive, onlyA, nil, true},
		{"anything goes", LevelNone, longA, []string{withB}, true},
		{"backward: a field removed", LevelBackward, onlyA, []string{withB}, true},
		{"backward: a field added", LevelBackward, withB, []string{onlyA}, false},
		{"backward: a type widened", LevelBackward, longA, []string{onlyA}, true},
		{"forward: a field added", LevelForward, withB, []string{onlyA}, true},
		{"forward: a field removed", LevelForward, onlyA, []string{withB}, false},
		{"forward: a type widened", LevelForward, longA, []string{onlyA}, false},
		{"full: a default", LevelFull, defaultedB, []string{onlyA}, true},
		{"full: no default", LevelFull, withB, []string{onlyA}, false},
		{"full: a type widened", LevelFull, longA, []string{onlyA}, false},
		{"not transitive: the latest only", LevelBackward, withB, []string{onlyA, defaultedB}, true},
		{"backward transitive", LevelBackwardTransitive, withB, []string{onlyA, defaultedB}, false},
		{"not transitive: forward", LevelForward, onlyA, []string{withB, defaultedB}, true},
		{"forward transitive", LevelForwardTransitive, onlyA, []string{withB, defaultedB}, false},
		{"full transitive", LevelFullTransitive, withB, []string{onlyA, defaultedB}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := CheckLevel(c.level, c.candidate, c.earlier...)
			if c.ok != (err == nil) || !c.ok && !errors.Is(err, ErrIncompatible) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := CheckLevel("SOME", onlyA); err == nil || errors.Is(err, ErrIncompatible) {
		t.Errorf("a level that there is not: got %v", err)
	}
	if err := CheckLevel(LevelFull, `{`); !errors.Is(err, ErrInvalidSchema) {
		t.Errorf("no schema: got %v", err)
	}
	if err := CheckLevel(LevelFull, onlyA, `{`); !errors.Is(err, ErrInvalidSchema) {
		t.Errorf("an earlier version that is no schema: got %v", err)
	}
}

func TestCheckFullTransitive_ComparesEveryPair(t *testing.T) {
	if err := CheckFullTransitive(orderV1, orderV2); err != nil {
		t.Error(err)
	}
	err := CheckFullTransitive(onlyA, defaultedB, withB) // each step fine, the first and the last not
	if !errors.Is(err, ErrIncompatible) || !strings.Contains(err.Error(), "version 3: check compatibility with version 1") {
		t.Errorf("got %v", err)
	}
	noDefault := strings.Replace(orderV2, `,"default":"UNKNOWN"`, "", 1)
	if err := CheckFullTransitive(noDefault, orderV1, strings.Replace(noDefault, "PAUSED", "STOPPED", 1)); !errors.Is(err, ErrIncompatible) {
		t.Errorf("enums without a default: got %v", err)
	}
}

func TestValidateSchema(t *testing.T) {
	if err := ValidateSchema(`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`); err != nil {
		t.Errorf("what we cannot encode may still be a schema: %v", err)
	}
	if err := ValidateSchema(`{"type":"money"}`); !errors.Is(err, ErrInvalidSchema) {
		t.Errorf("got %v", err)
	}
}
