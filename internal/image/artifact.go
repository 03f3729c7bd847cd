package image

import "strings"

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
