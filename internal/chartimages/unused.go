package chartimages

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// maxUnused is how many images of the values are looked for in what was rendered.
const maxUnused = 100

// unused returns the images of the values that lack a tag or a repository, and of which what was
// rendered has nothing: not the last part of the repository, or not the tag. They belong to parts of
// the chart that are off.
func unused(r *Request, objects []map[string]any) []image.Reference {
	var values any
	if err := render.DecodeJSON(r.Values, &values); err != nil {
		return nil
	}
	mentions, _ := pin.FindPart(pin.ReleasePart{Value: values, Secret: r.Secret})
	words := map[image.Reference]string{}
	for i := range mentions {
		switch m := &mentions[i]; {
		case len(words) == maxUnused, m.Digest != "":
		case m.Repository == (image.Repository{}):
			words[image.Reference{Tag: m.Tag}] = m.Tag
		case m.Tag == "":
			words[image.Reference{Repository: m.Repository}] = path.Base(m.Repository.Path)
		}
	}
	if len(words) == 0 {
		return nil
	}
	text, ok := searchable(objects)
	if !ok {
		return nil
	}
	var list []image.Reference
	for ref, word := range words {
		if !bytes.Contains(text, bytes.ToLower([]byte(word))) {
			list = append(list, ref)
		}
	}
	slices.SortFunc(list, func(a, b image.Reference) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// searchable returns manifests as text in lower case, with what they have in base64; false, some of that is no text.
func searchable(objects []map[string]any) (text []byte, ok bool) {
	text, err := json.Marshal(objects)
	if err != nil {
		return nil, false
	}
	for _, object := range objects {
		key := "binaryData"
		if object["kind"] == "Secret" {
			key = "data"
		}
		data, _ := object[key].(map[string]any)
		for _, value := range data {
			encoded, _ := value.(string)
			decoded, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil || !utf8.Valid(decoded) {
				return nil, false
			}
			text = append(append(text, '\n'), decoded...)
		}
	}
	return bytes.ToLower(text), true
}
