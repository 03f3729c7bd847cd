package pinlist

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// Lines returns pins in the form of registry-pins.txt.
func Lines(pins []v1alpha1.Pin) string {
	return text(each(pins, func(p *v1alpha1.Pin) string { return p.Pin }))
}

// Images returns the images of pins in the form of images.txt.
func Images(pins []v1alpha1.Pin) string {
	return text(each(pins, listedImage))
}

// listedImage returns the line of a pin in the list of images; empty, it has none: a chart of a classic Helm
// repository is no image.
func listedImage(p *v1alpha1.Pin) string {
	if image.IsChart(p.Image) {
		return ""
	}
	return p.Image
}

func each(pins []v1alpha1.Pin, field func(*v1alpha1.Pin) string) []string {
	fields := make([]string, len(pins))
	for i := range pins {
		fields[i] = field(&pins[i])
	}
	return fields
}

// text returns lines sorted, without duplicates and without those that are empty, each with
// a line feed. It sorts the lines that it is given.
func text(lines []string) string {
	if !slices.IsSorted(lines) {
		slices.Sort(lines)
	}
	size := 0
	for _, line := range lines {
		size += len(line) + 1
	}
	var b strings.Builder
	b.Grow(size)
	last := ""
	for _, line := range lines {
		if line != last {
			b.WriteString(line)
			b.WriteByte('\n')
			last = line
		}
	}
	return b.String()
}

// linesOf returns the lines of a text.
func linesOf(text string) []string {
	return slices.Collect(strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' }))
}

func sortedUnique(lines []string) []string {
	slices.Sort(lines)
	return slices.Compact(lines)
}
