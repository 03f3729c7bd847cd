package pinlist

import (
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// imageIndex finds images by the end of their path, and the tag.
type imageIndex map[string][]string

func newImageIndex(images []string) imageIndex {
	index := imageIndex{}
	for _, image := range images {
		for _, rest, ok := strings.Cut(image, "/"); ok; _, rest, ok = strings.Cut(rest, "/") {
			index[rest] = append(index[rest], image)
		}
	}
	return index
}

// unexplained returns the entries of a pin of which the known pins and images of a report lack
// something: one for each unknown image that it can stand for; or, of an unknown pin without any,
// one of an unknown image.
func unexplained(line string, images imageIndex, known map[string]bool, state v1alpha1.PinState) []v1alpha1.Pin {
	name, tag, _ := strings.Cut(line, "==")
	kind, name, _ := strings.Cut(name, "/")
	if kind == pin.ChartType {
		images = nil // a container's image may have the same name and tag
	}
	var pins []v1alpha1.Pin
	for _, image := range images[name+":"+tag] {
		if isImage(image) && (!known[line] || !known[image]) {
			pins = append(pins, v1alpha1.Pin{Pin: line, Image: image, State: state})
		}
	}
	if len(pins) == 0 && !known[line] {
		pins = append(pins, v1alpha1.Pin{Pin: line, State: state})
	}
	return pins
}

// isImage reports whether an entry's image is one, or a chart; an entry that only the list has may have
// none.
func isImage(s string) bool {
	ref, err := image.Parse(s)
	return s == "" || err == nil && ref.Tag != "" && !strings.ContainsRune(s, '\n') || image.IsChart(s)
}
