package topics

// branches are the primitive types that name the branch of a union.
var branches = map[string]bool{
	"boolean": true, "int": true, "long": true, "float": true, "double": true, "bytes": true, "string": true,
	"int.date": true, "int.time-millis": true, "long.time-micros": true,
	"long.timestamp-millis": true, "long.timestamp-micros": true,
}

// plain takes the branches out of the generic form, for people: the value of a
// union stands for itself. A record whose only field has the name of a primitive
// type loses that name.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for branch, value := range v {
			if len(v) == 1 && branches[branch] {
				return plain(value)
			}
		}
		out := make(map[string]any, len(v))
		for field, value := range v {
			out[field] = plain(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = plain(value)
		}
		return out
	}
	return v
}
