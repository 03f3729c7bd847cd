package main

import (
	"cmp"
	"fmt"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// statusColumn is the width of the longest status and a gap. Image names are long: details
// are on the lines below, so that lines stay short.
const statusColumn = 14

// checkTable prints every image with its status, and last the number of images of each
// status.
func checkTable(result *v1alpha1.RegistryCheck, width int) string {
	if len(result.Images) == 0 {
		return "The list has no image.\n"
	}
	p := &page{width: width}
	line := func(status, text string) { p.line(0, "%-*s%s", statusColumn, status, text) }
	detail := func(text string) { p.line(statusColumn/2, "%s", text) }
	line("STATUS", "IMAGE")
	for i := range result.Images {
		checked := &result.Images[i]
		line(string(checked.Status), cmp.Or(checked.Image, checked.Pin))
		if checked.Status != v1alpha1.ImagePresent {
			detail(checked.Message)
			detail(whoseImage(checked))
		}
	}
	p.line(0, "")
	p.line(0, "%s: %s", object.Amount(len(result.Images), "image"), tally(result))
	return p.String()
}

// whoseImage describes which releases need an image.
func whoseImage(checked *v1alpha1.CheckedImage) string {
	switch {
	case len(checked.NeededBy) > 0:
		return "needed by " + strings.Join(checked.NeededBy, ", ")
	case len(checked.HeldFor) > 0:
		return "held, and may still be needed by " + knownOf(checked.HeldFor)
	case checked.State == v1alpha1.PinHeld:
		return "held, and no release needs it: it does not count"
	default:
		return "needed by releases that are not known: the report on the list does not have this pin"
	}
}

// tally returns the number of images of each status.
func tally(result *v1alpha1.RegistryCheck) string {
	count := map[v1alpha1.ImageStatus]int{}
	for i := range result.Images {
		count[result.Images[i].Status]++
	}
	var parts []string
	for _, status := range []v1alpha1.ImageStatus{
		v1alpha1.ImagePresent, v1alpha1.ImageIncomplete, v1alpha1.ImageMissing,
		v1alpha1.ImageUnauthorized, v1alpha1.ImageUnreachable, v1alpha1.ImageUnknown,
	} {
		if n := count[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	return strings.Join(parts, ", ")
}
