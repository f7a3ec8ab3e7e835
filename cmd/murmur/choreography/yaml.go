package choreography

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// mapping is a YAML mapping that keeps its order.
type mapping []field

type field struct {
	key   string
	value any
}

// plainKey is a key that YAML needs no quotes for.
var plainKey = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_.$-]*$`)

// writeYAML writes a value in block style: mappings, lists, and scalars as in
// JSON, which YAML reads alike.
func writeYAML(b *strings.Builder, v any, indent string) {
	switch v := v.(type) {
	case mapping:
		for _, f := range v {
			b.WriteString(indent + quotedKey(f.key) + ":")
			writeNested(b, f.value, indent)
		}
	case []any:
		for _, item := range v {
			var inner strings.Builder
			writeYAML(&inner, item, indent+"  ")
			if isScalar(item) {
				b.WriteString(indent + "- " + inner.String() + "\n")
				continue
			}
			b.WriteString(indent + "- " + strings.TrimPrefix(inner.String(), indent+"  "))
		}
	default:
		b.WriteString(scalar(v))
	}
}

func writeNested(b *strings.Builder, v any, indent string) {
	if isScalar(v) {
		b.WriteString(" " + scalar(v) + "\n")
		return
	}
	b.WriteString("\n")
	writeYAML(b, v, indent+"  ")
}

// isScalar counts empty collections, which have no block style.
func isScalar(v any) bool {
	switch v := v.(type) {
	case mapping:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return true
}

func scalar(v any) string {
	switch v.(type) {
	case mapping:
		return "{}"
	case []any:
		return "[]"
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(fmt.Sprintf("choreography: %T is no scalar: %v", v, err))
	}
	return strings.TrimSpace(text.String())
}

func quotedKey(key string) string {
	if plainKey.MatchString(key) {
		return key
	}
	return scalar(key)
}

// ordered reads JSON and keeps the order of its fields.
func ordered(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	v, err := orderedValue(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("more than one value, or %w", err)
	}
	return v, nil
}

func orderedValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		m := mapping{}
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			value, err := orderedValue(decoder)
			if err != nil {
				return nil, err
			}
			m = append(m, field{fmt.Sprint(key), value})
		}
		_, err = decoder.Token()
		return m, err
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			value, err := orderedValue(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = decoder.Token()
		return list, err
	}
	return token, nil
}
