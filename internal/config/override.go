package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"pilotlight/models"
)

// Override is a value that takes the place of the file's, or stands in it where the file says nothing.
type Override struct {
	// Path is that of the value in the file, such as policy.cold_start_price or targets[0].policy.hold.
	Path string
	// Value is written as in the file.
	Value string
}

// String returns the override as ParseOverride reads it.
func (o Override) String() string { return o.Path + "=" + o.Value }

// overridable are the blocks whose values may be overridden: those that say how Pilotlight decides. Where it reads, whom it
// answers and where it writes is left to the file.
func overridable() []string { return []string{"policy", "predictor", "engine", "targets"} }

// maxOverride bounds a path or a value.
const maxOverride = 4096

// ParseOverride reads path=value. It returns an error wrapping models.ErrInvalid that says what to write.
func ParseOverride(text string) (Override, error) {
	path, value, ok := strings.Cut(text, "=")
	path = strings.TrimSpace(path)
	steps := splitPath(path)
	switch {
	case !ok || len(steps) < 2 || len(text) > maxOverride:
		return Override{}, fmt.Errorf("%.80q is not key=value; write it like policy.cold_start_price=50: %w", text, models.ErrInvalid)
	case !slices.Contains(overridable(), steps[0]):
		return Override{}, fmt.Errorf("%.80q cannot be overridden, only values below %s can: %w", path,
			strings.Join(overridable(), ", "), models.ErrInvalid)
	}
	return Override{Path: path, Value: strings.TrimSpace(value)}, nil
}

// apply puts the value into the document.
func (o Override) apply(root *yaml.Node) error {
	value, err := parseYAML([]byte(o.Value + "\n"))
	if err != nil {
		return fmt.Errorf("the value %.80q %w", o.Value, err)
	}
	steps := splitPath(o.Path)
	node := target(root)
	for _, step := range steps[:len(steps)-1] {
		next := child(node, step)
		switch {
		case next != nil && !isNull(next):
			node = target(next)
		case node.Kind == yaml.MappingNode:
			// The value of an alias is not copied: the same block elsewhere must stay as it is, so a new one is only made where none is.
			fresh := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
			setKey(node, step, fresh)
			node = fresh
		default:
			return fmt.Errorf("there is no %s in the file", step)
		}
	}
	last := steps[len(steps)-1]
	switch node.Kind { //nolint:exhaustive // nothing else has children
	case yaml.MappingNode:
		setKey(node, last, value)
		return nil
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(last); err == nil && i >= 0 && i < len(node.Content) {
			node.Content[i] = value
			return nil
		}
	}
	return fmt.Errorf("there is no %s in the file", last)
}

// setKey sets a key of a mapping.
func setKey(node *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			node.Content[i+1] = value
			return
		}
	}
	node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}
