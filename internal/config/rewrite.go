package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Own is what one target is to have of its own.
type Own struct {
	// Seen is the target.
	Seen Seen
	// Values are paths below its entry, such as policy.hysteresis, and what to set there.
	Values []Override
}

// Rewrite returns the text of a configuration with overrides in it, and with an entry of its own for each of some targets: a copy of the
// one that the target has, with other values. Comments stay, as far as they belong to something. The text is not checked.
func Rewrite(data []byte, overrides []Override, cfg *Config, own []Own) ([]byte, error) {
	root, err := parseYAML(data)
	if err != nil {
		return nil, err
	}
	for _, o := range overrides {
		if err := o.apply(root); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Path, err)
		}
	}
	if len(own) > 0 {
		list := child(target(root), "targets")
		if list == nil {
			return nil, fmt.Errorf("the configuration has no targets: %w", errNoEntry)
		}
		list = target(list)
		var fresh []*yaml.Node
		for i := range own {
			node, err := ownEntry(list, cfg, &own[i])
			if err != nil {
				return nil, err
			}
			fresh = append(fresh, node)
		}
		list.Content, list.Style = append(fresh, list.Content...), 0 // an entry a line
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return out.Bytes(), enc.Close()
}

// errNoEntry says that a target is in no entry.
var errNoEntry = errors.New("no entry of targets")

// ownEntry copies the entry of a target for it alone.
func ownEntry(list *yaml.Node, cfg *Config, o *Own) (*yaml.Node, error) {
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	setKey(out, "id", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(o.Seen.ID)})
	if e := cfg.matcher.first(o.Seen); e != nil {
		number, _, _ := strings.Cut(strings.TrimPrefix(e.path, "targets["), "]")
		i, err := strconv.Atoi(number)
		if err != nil || i >= len(list.Content) {
			return nil, fmt.Errorf("target %q: %s: %w", o.Seen.ID, e.path, errNoEntry)
		}
		from := cloned(target(list.Content[i]))
		for k := 0; k+1 < len(from.Content); k += 2 {
			if key := from.Content[k]; !slices.Contains([]string{"id", "match"}, key.Value) {
				out.Content = append(out.Content, key, from.Content[k+1])
			}
		}
	}
	for _, v := range o.Values {
		if err := v.apply(out); err != nil {
			return nil, fmt.Errorf("target %q: %s: %w", o.Seen.ID, v.Path, err)
		}
	}
	return out, nil
}

// cloned copies a node and what is below it, with aliases written out.
func cloned(n *yaml.Node) *yaml.Node {
	n = target(n)
	out := *n
	out.Anchor, out.Content = "", make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		out.Content[i] = cloned(c)
	}
	return &out
}
