package image

import (
	"maps"
	"slices"
	"strings"
)

// artifact takes the artifact in an OCI registry that a map names by its URL and a ref beside it, as Flux's
// OCIRepository and the custom resources of its operator do: a tag, or a map with one.
func (f *finder) artifact(at *path, m map[string]any) {
	url, _ := m["url"].(string)
	repository, isOCI := strings.CutPrefix(strings.TrimSpace(url), "oci://")
	if !isOCI || f.secret {
		return
	}
	ref := m["ref"]
	if fields, isMap := ref.(map[string]any); isMap {
		ref = fields[tagEnding]
	}
	if tag, _ := scalar(ref); tag != "" {
		f.joined(at.field("url"), repository+":"+tag, scope{})
	}
}

// dotted takes the images of which a ConfigMap has repository and tag under keys with dots: scanner.repository and
// scanner.tag. What is none is no problem: any program may have such keys.
func (f *finder) dotted(at *path, m map[string]any) {
	data, isMap := m["data"].(map[string]any)
	if !f.manifest || f.secret || !isMap || m["kind"] != "ConfigMap" {
		return
	}
	at = at.field("data")
	for _, key := range slices.Sorted(maps.Keys(data)) {
		prefix, isRepository := strings.CutSuffix(key, "."+repositoryEnding)
		repository, _ := scalar(data[key])
		tag, _ := scalar(data[prefix+"."+tagEnding])
		if isRepository && tag != "" && HasHost(repository) {
			f.joined(at.field(key), repository+":"+tag, scope{})
		}
	}
}
