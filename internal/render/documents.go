package render

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"unicode"

	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// document is one manifest.
type document struct {
	text   string
	object map[string]any
}

// split splits the texts of templates into documents, in the order of the templates' names.
func split(texts map[string]string) ([]document, error) {
	var documents []document
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		for _, text := range manifests(texts[name]) {
			d, err := parse(text)
			if err != nil {
				return nil, fmt.Errorf("%s %w", name, err)
			}
			if d.object != nil {
				documents = append(documents, d)
			}
		}
		if len(documents) > budget.RenderedObjects {
			return nil, budget.Exceeded(budget.RenderedObjects, "objects in the manifests")
		}
	}
	return documents, nil
}

// manifests returns the documents in a text, in order, as Helm splits it.
func manifests(text string) []string {
	if !strings.Contains(text, "---") { // most templates render one document
		return []string{strings.TrimLeftFunc(text, unicode.IsSpace)}
	}
	parts := releaseutil.SplitManifests(text)
	keys := slices.Collect(maps.Keys(parts))
	sort.Sort(releaseutil.BySplitManifestsOrder(keys))
	for i := range keys {
		keys[i] = parts[keys[i]]
	}
	return keys
}

// parse reads a document, which may be empty. Its errors quote nothing of it.
func parse(text string) (document, error) {
	object, err := decodeYAML([]byte(text))
	if err != nil {
		return document{}, errors.New("renders what " + NotYAML(err))
	}
	switch object := object.(type) {
	case nil:
		return document{}, nil
	case map[string]any:
		return document{text, object}, nil
	default:
		return document{}, errors.New("renders what is not an object of Kubernetes")
	}
}

// hook returns the events of a document that is a hook.
func (d *document) hook() []string {
	metadata, _ := d.object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	events, _ := annotations[release.HookAnnotation].(string)
	if events == "" {
		return nil
	}
	return strings.Split(events, ",")
}

// isTest reports whether a document is a hook of `helm test` and no other.
func (d *document) isTest() bool {
	events := d.hook()
	isOther := func(event string) bool {
		return !slices.Contains([]string{release.HookTest.String(), "test-success", "test-failure"}, strings.ToLower(strings.TrimSpace(event)))
	}
	return len(events) > 0 && !slices.ContainsFunc(events, isOther)
}
