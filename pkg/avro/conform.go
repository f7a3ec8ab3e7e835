package avro

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// conform reports why a generic value is not one of the shape, or nil.
func (s *shape) conform(v any, depth int) *fault {
	if depth > maxDepth {
		return faultf("is nested more than %d deep", maxDepth)
	}
	switch s.kind {
	case "record":
		return s.conformRecord(v, depth)
	case "union":
		return s.conformUnion(v, depth)
	case "array":
		items, ok := v.([]any)
		if !ok {
			return s.wrongType(v, "[]any")
		}
		for i, item := range items {
			if f := s.item.conform(item, depth+1); f != nil {
				return f.at(i)
			}
		}
		return nil
	case "map":
		return s.conformMap(v, depth)
	}
	return s.conformLeaf(v)
}

func (s *shape) conformRecord(v any, depth int) *fault {
	values, ok := v.(map[string]any)
	if !ok {
		return s.wrongType(v, "map[string]any")
	}
	found := 0
	for i := range s.fields {
		f := &s.fields[i]
		value, ok := values[f.name]
		if !ok {
			if f.optional {
				continue
			}
			return faultf("is missing").in(f.name)
		}
		found++
		if fault := f.shape.conform(value, depth+1); fault != nil {
			return fault.in(f.name)
		}
	}
	if found == len(values) {
		return nil
	}
	for name := range values {
		if !s.has(name) {
			// A name comes from code, but bound it: it could be a value by mistake.
			return faultf("is not a field of %s", s.name).in(clip(name))
		}
	}
	return nil
}

func (s *shape) has(name string) bool {
	for i := range s.fields {
		if s.fields[i].name == name {
			return true
		}
	}
	return false
}

func (s *shape) conformUnion(v any, depth int) *fault {
	if v == nil {
		if s.branch("null") == nil {
			return faultf("is nil, and its union has no null")
		}
		return nil
	}
	wrapped, ok := v.(map[string]any)
	if !ok || len(wrapped) != 1 {
		return s.wrongType(v, "nil or map[string]any with the branch as its only key")
	}
	for name, value := range wrapped {
		branch := s.branch(name)
		if branch == nil {
			return faultf("names a branch that its union does not have")
		}
		if f := branch.conform(value, depth+1); f != nil {
			return f
		}
	}
	return nil
}

func (s *shape) conformMap(v any, depth int) *fault {
	values, ok := v.(map[string]any)
	if !ok {
		return s.wrongType(v, "map[string]any")
	}
	for key, value := range values {
		if !utf8.ValidString(key) {
			return faultf("has a key that is not UTF-8")
		}
		if f := s.item.conform(value, depth+1); f != nil {
			return f.in("[key]") // keys are data
		}
	}
	return nil
}

func (s *shape) conformLeaf(v any) *fault {
	switch s.kind {
	case "null":
		if v != nil {
			return s.wrongType(v, "nil")
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return s.wrongType(v, "bool")
		}
	case "int", "long":
		return s.conformNumber(v)
	case "float", "double":
		return s.conformFloat(v)
	case "string":
		text, ok := v.(string)
		if !ok {
			return s.wrongType(v, "string")
		}
		if !utf8.ValidString(text) {
			return faultf("is not UTF-8")
		}
	case "enum":
		symbol, ok := v.(string)
		if !ok {
			return s.wrongType(v, "string")
		}
		if _, ok := s.symbols[symbol]; !ok {
			return faultf("is not a symbol of %s", s.name)
		}
	case "bytes", "fixed":
		data, ok := v.([]byte)
		if !ok {
			return s.wrongType(v, "[]byte")
		}
		if s.kind == "fixed" && len(data) != s.size {
			return faultf("has %d bytes, want %d", len(data), s.size)
		}
	}
	return nil
}

func (s *shape) conformNumber(v any) *fault {
	var number int64
	switch n := v.(type) {
	case int:
		number = int64(n)
	case int32:
		number = int64(n)
	case int64:
		number = n
	case time.Time:
		return s.conformTime(n)
	case time.Duration:
		return s.conformDuration(n)
	default:
		// Also floats, which goavro takes as long as they are whole.
		return s.wrongType(v, "int, int32 or int64")
	}
	if s.kind == "int" && (number < math.MinInt32 || number > math.MaxInt32) {
		return faultf("does not fit into an int")
	}
	if s.logical == "time-micros" && (number < -maxMicros || number > maxMicros) {
		return faultf("does not fit into a duration")
	}
	return nil
}

func (s *shape) conformTime(t time.Time) *fault {
	var exact bool
	switch s.logical {
	case "date":
		// goavro rounds towards 1970, and knows nothing of time zones.
		days := t.Unix() / 86400
		exact = time.Unix(days*86400, 0).Equal(t) && days == int64(int32(days))
	case "timestamp-millis":
		exact = time.UnixMilli(t.UnixMilli()).Equal(t)
	case "timestamp-micros":
		exact = time.UnixMicro(t.UnixMicro()).Equal(t)
	default:
		return s.wrongType(t, "a number")
	}
	if !exact {
		return faultf("is finer or further away than %s can carry", s.logical)
	}
	return nil
}

func (s *shape) conformDuration(d time.Duration) *fault {
	var exact bool
	switch s.logical {
	case "time-millis":
		millis := d.Milliseconds()
		exact = d%time.Millisecond == 0 && millis == int64(int32(millis))
	case "time-micros":
		exact = d%time.Microsecond == 0
	default:
		return s.wrongType(d, "a number")
	}
	if !exact {
		return faultf("is finer or longer than %s can carry", s.logical)
	}
	return nil
}

func (s *shape) conformFloat(v any) *fault {
	switch n := v.(type) {
	case float32:
		return nil
	case float64:
		if s.kind == "float" && !math.IsNaN(n) && float64(float32(n)) != n {
			return faultf("loses precision as a float")
		}
		return nil
	}
	return s.wrongType(v, "float32 or float64")
}

func (s *shape) wrongType(v any, want string) *fault {
	return faultf("is %s, want %s for %s", typeOf(v), want, s.name)
}

func typeOf(v any) string {
	if v == nil {
		return "nil"
	}
	return fmt.Sprintf("%T", v)
}
