package main

import "strings"

// local is how definitions refer to one another.
const local = "#/definitions/"

// kept are the keywords of a schema that say what is right. Prose, and what only an
// API server evaluates, is left out.
var kept = map[string]bool{
	"$ref": true, "type": true, "enum": true, "required": true, "pattern": true,
	"minimum": true, "maximum": true, "minLength": true, "maxLength": true,
	"minItems": true, "maxItems": true, "minProperties": true, "maxProperties": true,
}

// Texts that are numbers, too.
var (
	intOrString = map[string]any{"oneOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "integer"}}}
	quantity    = map[string]any{"oneOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "number"}}}
)

// strict returns a schema without prose that refuses what it does not describe.
func strict(schema map[string]any) map[string]any {
	if schema["format"] == "int-or-string" || schema["x-kubernetes-int-or-string"] == true {
		return intOrString
	}
	if text, _ := schema["description"].(string); strings.HasPrefix(text, "Quantity is a fixed-point representation") {
		return quantity
	}
	out := map[string]any{}
	for keyword, value := range schema {
		if kept[keyword] {
			out[keyword] = value
		}
	}
	if items, ok := schema["items"].(map[string]any); ok {
		out["items"] = strict(items)
	}
	if values, ok := schema["additionalProperties"].(map[string]any); ok {
		out["additionalProperties"] = strict(values)
	}
	if properties, ok := schema["properties"].(map[string]any); ok {
		described := map[string]any{}
		for name, property := range properties {
			if p, ok := property.(map[string]any); ok {
				described[name] = strict(p)
			}
		}
		out["properties"] = described
		if out["additionalProperties"] == nil && schema["x-kubernetes-preserve-unknown-fields"] != true {
			out["additionalProperties"] = false
		}
	}
	return out
}
