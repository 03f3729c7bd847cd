package pinlist

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Format is a form in which cleaners read what is to be kept.
type Format string

// The formats.
const (
	// FormatPins is one pin a line: type/name==version.
	FormatPins Format = "pins"
	// FormatImages is one image a line: host/path:tag.
	FormatImages Format = "images"
	// FormatRegex is a line for each repository: host/path, a tab, and a regular expression
	// that matches its tags and nothing else, in the syntax that Go, RE2, JavaScript and
	// grep -E share.
	FormatRegex Format = "regex"
	// FormatGitea is a line for each owner: host/owner, a tab, and the pattern of the versions to
	// keep of Gitea's clean-up rule for the owner's containers, which has to match full names.
	FormatGitea Format = "gitea"
	// FormatJSON is a PinExport.
	FormatJSON Format = "json"
)

// Formats returns all of them.
func Formats() []Format {
	return []Format{FormatPins, FormatImages, FormatRegex, FormatGitea, FormatJSON}
}

// NamesImages reports whether the format has images, not pins.
func (f Format) NamesImages() bool {
	return f == FormatImages || f == FormatRegex || f == FormatGitea
}

// NeedsImages reports whether the format lacks a pin whose image is not known.
func (f Format) NeedsImages() bool {
	return f != FormatPins
}

// Render returns an export in a format.
func Render(e *v1alpha1.PinExport, format Format) (string, error) {
	switch format {
	case FormatPins:
		return text(e.Pins), nil
	case FormatImages:
		return text(e.Images), nil
	case FormatRegex:
		return text(patterns(e.Images)), nil
	case FormatGitea:
		return text(giteaRules(e.Images)), nil
	default:
		printed, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return "", fmt.Errorf("encoding the export: %w", err)
		}
		return string(printed) + "\n", nil
	}
}

// patterns makes a line for each repository of sorted images.
func patterns(images []string) []string {
	tags := map[string][]string{}
	var repositories []string
	for _, image := range images {
		colon := strings.LastIndexByte(image, ':')
		repository, tag := image[:colon], image[colon+1:]
		if tags[repository] == nil {
			repositories = append(repositories, repository)
		}
		tags[repository] = append(tags[repository], regexp.QuoteMeta(tag))
	}
	lines := make([]string, 0, len(repositories))
	for _, repository := range repositories {
		// Without the group the anchors would hold for the first and last tag alone.
		lines = append(lines, fmt.Sprintf("%s\t^(%s)$", repository, strings.Join(tags[repository], "|")))
	}
	return lines
}
