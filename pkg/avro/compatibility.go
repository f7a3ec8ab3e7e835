package avro

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/avro"
)

// Compatibility levels, as registries name them. A new version of a schema has
// to be able to read the latest earlier one (BACKWARD), be read by it
// (FORWARD), or both (FULL); TRANSITIVE means every earlier one.
const (
	LevelNone               = "NONE"
	LevelBackward           = "BACKWARD"
	LevelBackwardTransitive = "BACKWARD_TRANSITIVE"
	LevelForward            = "FORWARD"
	LevelForwardTransitive  = "FORWARD_TRANSITIVE"
	LevelFull               = "FULL"
	LevelFullTransitive     = "FULL_TRANSITIVE"
)

var levels = []string{
	LevelNone, LevelBackward, LevelBackwardTransitive, LevelForward,
	LevelForwardTransitive, LevelFull, LevelFullTransitive,
}

// ValidLevel reports whether level is one of the compatibility levels.
func ValidLevel(level string) bool { return slices.Contains(levels, level) }

// ValidateSchema fails with ErrInvalidSchema if the text is not an Avro schema
// that stands on its own.
func ValidateSchema(schema string) error {
	if _, err := parse(schema); err != nil {
		return fmt.Errorf("validate schema: %w", err)
	}
	return nil
}

// CheckFullTransitive fails with ErrIncompatible if any two of the versions
// cannot read each other's records, naming the first such pair by its place in
// the arguments, from 1; with ErrInvalidSchema if one is not a schema.
func CheckFullTransitive(versions ...string) error {
	for i, version := range versions {
		if err := CheckLevel(LevelFullTransitive, version, versions[:i]...); err != nil {
			return fmt.Errorf("version %d: %w", i+1, err)
		}
	}
	return nil
}

// CheckLevel fails with ErrIncompatible and the reason if candidate must not
// follow the earlier versions, oldest first, at that level; with
// ErrInvalidSchema if one of them is not a schema.
func CheckLevel(level, candidate string, earlier ...string) error {
	if !ValidLevel(level) {
		return fmt.Errorf("check compatibility: %q is not a level", clip(level))
	}
	schema, err := parse(candidate)
	if err != nil {
		return fmt.Errorf("check compatibility: %w", err)
	}
	first := 0
	if !strings.HasSuffix(level, "_TRANSITIVE") {
		first = max(0, len(earlier)-1)
	}
	for i := first; i < len(earlier); i++ {
		old, err := parse(earlier[i])
		if err != nil {
			return fmt.Errorf("check compatibility: version %d: %w", i+1, err)
		}
		if err := checkPair(level, schema, old); err != nil {
			return fmt.Errorf("check compatibility with version %d: %w", i+1, asKind(ErrIncompatible, err))
		}
	}
	return nil
}

func checkPair(level string, candidate, old *avro.Schema) error {
	both := strings.HasPrefix(level, LevelFull)
	if both || strings.HasPrefix(level, LevelBackward) {
		if err := avro.CheckCompatibility(old, candidate); err != nil {
			return fmt.Errorf("the new schema cannot read the old one's records: %w", err)
		}
	}
	if both || strings.HasPrefix(level, LevelForward) {
		if err := avro.CheckCompatibility(candidate, old); err != nil {
			return fmt.Errorf("the old schema cannot read the new one's records: %w", err)
		}
	}
	return nil
}
