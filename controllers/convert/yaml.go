package convert

import (
	"bytes"
	"errors"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// toJSON converts a document of YAML. Its errors do not quote it: it may be a Secret's.
func toJSON(document []byte) ([]byte, error) {
	if err := checkAliases(document); err != nil {
		return nil, err
	}
	text, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, errors.New(render.NotYAML(err))
	}
	return text, nil
}

// checkAliases returns an error if a document with aliases has more values than the budget allows, or
// more bytes: each alias stands for a copy, and aliases of aliases make gigabytes of a short text. That
// a document is not YAML is found when it is converted.
func checkAliases(document []byte) error {
	if !bytes.Contains(document, []byte("*")) || !bytes.Contains(document, []byte("&")) {
		return nil
	}
	var root yamlv3.Node
	if err := yamlv3.Unmarshal(document, &root); err != nil {
		return nil //nolint:nilerr // see above
	}
	switch size := (aliasSizes{}).of(&root); {
	case size.nodes > budget.Nodes:
		return budget.Exceeded(budget.Nodes, "values, with what its aliases stand for")
	case size.bytes > budget.ValuesBytes:
		return budget.Exceeded(budget.ValuesBytes, "bytes of values, with what its aliases stand for")
	}
	return nil
}

// size is how large a node is, with what its aliases stand for.
type size struct{ nodes, bytes int }

func (s size) isOver() bool { return s.nodes > budget.Nodes || s.bytes > budget.ValuesBytes }

// aliasSizes are the sizes of the nodes of a document; of one that is being counted, it is more than the
// budget: a node that contains itself has no end.
type aliasSizes map[*yamlv3.Node]size

// of returns the size of a node, or one beyond the budget.
func (s aliasSizes) of(node *yamlv3.Node) size {
	if known, ok := s[node]; ok {
		return known
	}
	s[node] = size{nodes: budget.Nodes + 1}
	total := size{1, len(node.Value)}
	if node.Kind == yamlv3.AliasNode {
		total = s.of(node.Alias)
	}
	for _, child := range node.Content {
		if !total.isOver() {
			of := s.of(child)
			total.nodes, total.bytes = total.nodes+of.nodes, total.bytes+of.bytes
		}
	}
	s[node] = total
	return total
}
