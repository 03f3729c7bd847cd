package convert

import (
	"bytes"
	"errors"
	"regexp"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// toJSON converts a document of YAML. Its errors do not quote it: it may be a Secret's.
func toJSON(document []byte) ([]byte, error) {
	if err := checkAliases(document); err != nil {
		return nil, err
	}
	text, err := yaml.YAMLToJSON(document)
	if err != nil {
		return nil, errors.New(notYAML(err))
	}
	return text, nil
}

// yamlLine is where a YAML parser's error is. The rest of the error can quote what was
// read.
var yamlLine = regexp.MustCompile(`\bline [0-9]+`)

// notYAML describes the error of a text that is not YAML, without a word of the text.
func notYAML(err error) string {
	if line := yamlLine.FindString(err.Error()); line != "" {
		return "is not YAML: see its " + line
	}
	return "is not YAML"
}

// checkAliases returns an error if a document with aliases has more values than the budget allows:
// each alias stands for a copy, and aliases of aliases make gigabytes of a short text. That a
// document is not YAML is found when it is converted.
func checkAliases(document []byte) error {
	if !bytes.Contains(document, []byte("*")) || !bytes.Contains(document, []byte("&")) {
		return nil
	}
	var root yamlv3.Node
	err := yamlv3.Unmarshal(document, &root)
	if err == nil && (aliasSizes{}).of(&root) > budget.Nodes {
		return budget.Exceeded(budget.Nodes, "values, with what its aliases stand for")
	}
	return nil
}

// aliasSizes are the sizes of the nodes of a document, in values; of one that is being counted, it
// is more than the budget: a node that contains itself has no end.
type aliasSizes map[*yamlv3.Node]int

// of returns the size of a node, with what its aliases stand for, or a size beyond the budget.
func (s aliasSizes) of(node *yamlv3.Node) int {
	if known, ok := s[node]; ok {
		return known
	}
	s[node] = budget.Nodes + 1
	size := 1
	if node.Kind == yamlv3.AliasNode {
		size = s.of(node.Alias)
	}
	for _, child := range node.Content {
		if size <= budget.Nodes {
			size += s.of(child)
		}
	}
	s[node] = size
	return size
}
