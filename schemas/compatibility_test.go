package schemas

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/avro"
)

// fullTransitive reports the first two versions of which one cannot read what
// the other wrote.
func fullTransitive(versions []string) error {
	parsed := make([]*avro.Schema, len(versions))
	for i, text := range versions {
		schema, err := avro.Parse(text)
		if err != nil {
			return fmt.Errorf("version %d: %w", i+1, err)
		}
		parsed[i] = schema
		for j := range i {
			if err := avro.CheckCompatibility(parsed[j], schema); err != nil {
				return fmt.Errorf("version %d cannot read version %d: %w", i+1, j+1, err)
			}
			if err := avro.CheckCompatibility(schema, parsed[j]); err != nil {
				return fmt.Errorf("version %d cannot read version %d: %w", j+1, i+1, err)
			}
		}
	}
	return nil
}

func TestSchemas_AreFullTransitive(t *testing.T) {
	for _, topic := range Topics() {
		if err := fullTransitive(topic.Versions); err != nil {
			t.Errorf("%s: %v", topic.Name, err)
		}
	}
}

// The gate above is worth nothing if it lets these through.
func TestFullTransitive_RefusesBreakingChanges(t *testing.T) {
	order, _ := ByName(Orders)
	change := func(old, by string) string {
		changed := strings.Replace(order.Schema, old, by, 1)
		if changed == order.Schema {
			t.Fatalf("nothing was changed by %q", old)
		}
		return changed
	}
	const added = `{"name": "channel", "type": "string"}, {"name": "order_id"`
	const addedWithDefault = `{"name": "channel", "type": "string", "default": ""}, {"name": "order_id"`
	breaking := map[string][]string{
		"a field without default": {order.Schema, change(`{"name": "order_id"`, added)},
		"a field removed":         {change(`{"name": "order_id"`, added), order.Schema},
		"a field renamed":         {order.Schema, change(`"refund_due"`, `"refund"`)},
		"a type changed":          {order.Schema, change(`"name": "total", "type": "long"`, `"name": "total", "type": "string"`)},
		"a type widened":          {order.Schema, change(`"name": "line", "type": "int"`, `"name": "line", "type": "long"`)},
		"a nested field": {order.Schema, change(`{"name": "line", "type": "int"`,
			`{"name": "weight", "type": "long"}, {"name": "line", "type": "int"`)},
		"a record renamed": {order.Schema, change(`"name": "OrderLine"`, `"name": "Line"`)},
		"only with the first of three": {order.Schema,
			change(`{"name": "order_id"`, addedWithDefault), change(`{"name": "order_id"`, added)},
		"no schema": {order.Schema, `{`},
	}
	for name, versions := range breaking {
		if err := fullTransitive(versions); err == nil {
			t.Errorf("%s: was let through", name)
		}
	}
	fine := []string{order.Schema, change(`{"name": "order_id"`, addedWithDefault), change(`"RETURNED"]`, `"RETURNED", "ARCHIVED"]`)}
	if err := fullTransitive(fine); err != nil {
		t.Errorf("a field with a default, and a symbol more: %v", err)
	}
	var incompatible *avro.CompatibilityError
	if err := fullTransitive(breaking["a field renamed"]); !errors.As(err, &incompatible) || incompatible.Path != "refund" {
		t.Errorf("the error does not name the field: %v", err)
	}
}
