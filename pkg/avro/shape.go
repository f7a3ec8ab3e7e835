package avro

import (
	"fmt"
	"strings"

	"github.com/twmb/avro"
)

// shape is a schema as a tree of what its values and bytes look like. goavro
// ignores fields that it does not know, truncates, trusts the counts that it
// reads and prints values in its errors; so values are checked against the
// shape before goavro encodes them (conform.go), and bytes before it decodes
// them (scan.go).
type shape struct {
	kind     string // the Avro type, never a reference
	name     string // the branch name in a union: full name, or type and logical type
	logical  string
	fields   []field        // of a record
	symbols  map[string]int // of an enum
	branches []*shape       // of a union
	item     *shape         // of an array or a map
	size     int            // of a fixed
}

type field struct {
	name     string
	shape    *shape
	optional bool // has a default
}

// maxDepth bounds how deeply a record may be nested, so that the bytes of a
// recursive schema cannot exhaust the stack.
const maxDepth = 64

// logicalTypes are those that goavro turns into Go types of their own.
var logicalTypes = map[string]bool{
	"int.date": true, "int.time-millis": true,
	"long.time-micros": true, "long.timestamp-millis": true, "long.timestamp-micros": true,
}

// shapeBuilder keeps named types, which may be used before they are complete,
// and notes what matters about the whole schema.
type shapeBuilder struct {
	named    map[string]*shape
	space    string // the namespace that short names belong to here
	bytes    bool   // somewhere are bytes or a fixed
	decimals bool   // somewhere is a decimal
}

func newShapeBuilder() *shapeBuilder {
	return &shapeBuilder{named: make(map[string]*shape)}
}

func (b *shapeBuilder) build(n *avro.SchemaNode) (*shape, error) {
	s := &shape{kind: n.Type, name: n.Type}
	if logicalTypes[n.Type+"."+n.LogicalType] {
		s.logical = n.LogicalType
		s.name = n.Type + "." + n.LogicalType
	}
	b.decimals = b.decimals || n.LogicalType == "decimal"
	b.bytes = b.bytes || n.Type == "bytes" || n.Type == "fixed"
	switch n.Type {
	case "null", "boolean", "int", "long", "float", "double", "string", "bytes":
		return s, nil
	case "array":
		return b.collection(s, n.Items)
	case "map":
		return b.collection(s, n.Values)
	case "union":
		return b.union(s, n)
	case "enum", "fixed", "record", "error":
		return b.define(s, n)
	}
	for _, name := range []string{fullName(b.space, n.Type), n.Type} {
		if known, ok := b.named[name]; ok {
			return known, nil
		}
	}
	return nil, fmt.Errorf("type %s is not defined", n.Type)
}

func fullName(space, name string) string {
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}

func (b *shapeBuilder) collection(s *shape, item *avro.SchemaNode) (*shape, error) {
	var err error
	s.item, err = b.build(item)
	return s, err
}

func (b *shapeBuilder) union(s *shape, n *avro.SchemaNode) (*shape, error) {
	for i := range n.Branches {
		branch, err := b.build(&n.Branches[i])
		if err != nil {
			return nil, err
		}
		s.branches = append(s.branches, branch)
	}
	return s, nil
}

func (b *shapeBuilder) define(s *shape, n *avro.SchemaNode) (*shape, error) {
	s.name = fullName(n.Namespace, n.Name)
	b.named[s.name] = s
	defer func(outer string) { b.space = outer }(b.space)
	b.space = ""
	if dot := strings.LastIndexByte(s.name, '.'); dot >= 0 {
		b.space = s.name[:dot]
	}
	s.size = n.Size
	if n.Type == "enum" {
		s.symbols = make(map[string]int, len(n.Symbols))
		for i, symbol := range n.Symbols {
			s.symbols[symbol] = i
		}
	}
	if n.Type == "error" {
		s.kind = "record"
	}
	for i := range n.Fields {
		f := &n.Fields[i]
		child, err := b.build(&f.Type)
		if err != nil {
			return nil, err
		}
		s.fields = append(s.fields, field{name: f.Name, shape: child, optional: f.HasDefault})
	}
	return s, nil
}

// branch returns the branch of a union that has this name, or nil.
func (s *shape) branch(name string) *shape {
	for _, b := range s.branches {
		if b.name == name {
			return b
		}
	}
	return nil
}

// fault says what is wrong and where, without any value. The path is put
// together on the way out, so that it costs nothing while all is well.
type fault struct {
	path    string
	problem string
}

func (f *fault) Error() string {
	if f.path == "" {
		return f.problem
	}
	return f.path + " " + f.problem
}

func faultf(format string, args ...any) *fault {
	return &fault{problem: fmt.Sprintf(format, args...)}
}

// in puts a field, or an index in brackets, before the path.
func (f *fault) in(step string) *fault {
	switch {
	case f.path == "":
		f.path = step
	case f.path[0] == '[':
		f.path = step + f.path
	default:
		f.path = step + "." + f.path
	}
	return f
}

func (f *fault) at(index int) *fault { return f.in(fmt.Sprintf("[%d]", index)) }
