package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// plain is the section of the values that stand alone.
const plain = "general"

// read returns the sections in the order of the source, what stands alone first.
func read(source []byte) ([]section, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(source, &document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("expected a map")
	}
	alone := section{name: plain}
	var sections []section
	for key, value := range pairs(document.Content[0]) {
		if leaf(value) {
			if err := alone.add(nil, key, value); err != nil {
				return nil, err
			}
			continue
		}
		s := section{name: key.Value, meaning: comment(key)}
		if err := s.descend([]string{key.Value}, value); err != nil {
			return nil, err
		}
		sections = append(sections, s)
	}
	return slices.Insert(sections, 0, alone), nil
}

// descend adds the leaves below a map. What a map merges comes first, with the
// values that the map gives it.
func (s *section) descend(path []string, node *yaml.Node) error {
	for key, value := range pairs(node) {
		if leaf(value) {
			if err := s.add(path, key, value); err != nil {
				return err
			}
			continue
		}
		below := append(slices.Clone(path), key.Value)
		if meaning := comment(key); meaning != "" {
			s.rows = append(s.rows, row{strings.Join(below, "."), "", cell(meaning)})
		}
		if err := s.descend(below, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *section) add(path []string, key, value *yaml.Node) error {
	name := strings.Join(append(slices.Clone(path), key.Value), ".")
	if comment(key) == "" {
		return fmt.Errorf("%s: %w", name, errUnexplained)
	}
	var preset any
	if err := value.Decode(&preset); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	text, err := json.Marshal(preset)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.rows = append(s.rows, row{name, "`" + cell(string(text)) + "`", cell(comment(key))})
	return nil
}

// cell is text that a table holds.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// pairs are the keys of a map and their values, those merged into it included.
func pairs(node *yaml.Node) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for _, p := range flat(node) {
			if !yield(p[0], p[1]) {
				return
			}
		}
	}
}

// flat lists them; a later key takes the place of an earlier one of its name.
func flat(node *yaml.Node) [][2]*yaml.Node {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	var all [][2]*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Tag == "!!merge" {
			all = append(all, flat(value)...)
			continue
		}
		at := slices.IndexFunc(all, func(p [2]*yaml.Node) bool { return p[0].Value == key.Value })
		if at < 0 {
			all = append(all, [2]*yaml.Node{key, value})
		} else {
			all[at] = [2]*yaml.Node{key, value}
		}
	}
	return all
}

// leaf tells whether a value is given as a whole: everything but a map in which
// something is explained.
func leaf(value *yaml.Node) bool {
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	if value.Kind != yaml.MappingNode {
		return true
	}
	return !slices.ContainsFunc(flat(value), func(p [2]*yaml.Node) bool { return comment(p[0]) != "" || !leaf(p[1]) })
}

// comment is the text above a key, in one line.
func comment(key *yaml.Node) string {
	var words []string
	for line := range strings.Lines(key.HeadComment) {
		words = append(words, strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "#"))...)
	}
	return strings.Join(words, " ")
}
