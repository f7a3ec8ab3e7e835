package restore

import (
	"encoding/json"
	"maps"
	"reflect"
)

// alike tells whether two values of one type say the same. Records do not tell an
// absent list or text from an empty one.
func alike(a, b any) (bool, error) {
	x, err := plain(a)
	if err != nil {
		return false, err
	}
	y, err := plain(b)
	return err == nil && reflect.DeepEqual(x, y), err
}

func plain(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, err
	}
	return full(out), nil
}

// full leaves out what is empty.
func full(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = full(v[k])
		}
		maps.DeleteFunc(v, func(_ string, v any) bool { return v == nil })
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			v[i] = full(v[i])
		}
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}
