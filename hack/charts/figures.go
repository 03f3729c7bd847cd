package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/baseline"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// figures count images and releases.
type figures struct {
	Releases int `json:"releases"`
	Complete int `json:"complete"`
	// Silent are the incomplete releases without a problem.
	Silent int `json:"silent"`
	// Alarmed are the complete releases that a problem reports as possibly incomplete.
	Alarmed int `json:"alarmed"`
	// NotRendered are those whose chart could not be rendered in full.
	NotRendered int `json:"notRendered"`
	// Lines are all of the lists, and Extra those that stand for no image that Helm renders.
	Lines int `json:"lines"`
	Extra int `json:"extra"`
	// Found is by where an image stands and how much of it the values name.
	Found map[string]*share `json:"found"`
}

// share is how many of some images were found.
type share struct {
	Found int `json:"found"`
	Of    int `json:"of"`
}

func (s *share) ratio() float64 { return ratio(s.Found, s.Of) }

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// count counts an image.
func (f *figures) count(key string, isFound bool) {
	if f.Found == nil {
		f.Found = map[string]*share{}
	}
	s := f.Found[key]
	if s == nil {
		s = &share{}
		f.Found[key] = s
	}
	s.Of++
	if isFound {
		s.Found++
	}
}

func (f *figures) add(other *figures) {
	f.Releases += other.Releases
	f.Complete += other.Complete
	f.Silent += other.Silent
	f.Alarmed += other.Alarmed
	f.NotRendered += other.NotRendered
	f.Lines += other.Lines
	f.Extra += other.Extra
	for key, s := range other.Found {
		for i := range s.Of {
			f.count(key, i < s.Found)
		}
	}
}

// place is the kind of place that an image counts for: the first of these that names it.
func (k *known) place() string {
	for _, where := range []string{"pod", "cr", "hook", "indirect"} {
		if slices.Contains(k.Where, where) {
			return where
		}
	}
	return "test"
}

// compare compares a plan with the images that Helm renders, and prints what is missing and what is
// more. An image that only tests name is not needed, and is not more either.
func (r *release) compare(report *v1alpha1.PinReport, out io.Writer) *figures {
	f := &figures{Releases: 1}
	pinned, rendered := map[string]bool{}, map[string]bool{}
	for _, p := range pin.AsFound(report.Pins) {
		pinned[p.Image] = true
	}
	isComplete := true
	for i := range r.Truth {
		k := &r.Truth[i]
		image, _, _ := strings.Cut(k.Image, "@")
		rendered[image] = true
		if k.place() == "test" || strings.LastIndexByte(image, ':') < strings.LastIndexByte(image, '/') {
			continue // without a tag, a list cannot have it
		}
		f.count(k.place(), pinned[image])
		f.count(k.place()+" "+k.Class, pinned[image])
		if !pinned[image] {
			isComplete = false
			fmt.Fprintf(out, "%s: missing %s (%s, %s)\n", r.name, k.Image, strings.Join(k.Where, ","), k.Class)
		}
	}
	problems := slices.DeleteFunc(slices.Clone(report.Releases[0].Problems), func(p v1alpha1.Problem) bool { return !pin.MayMissTag(p) })
	hasReason := func(reason v1alpha1.Reason) bool {
		return slices.ContainsFunc(problems, func(p v1alpha1.Problem) bool { return p.Reason == reason })
	}
	isNothing := len(problems) == 1 && hasReason(v1alpha1.ReasonNoPin) // a chart may have no image at all
	f.Complete, f.Silent = count(isComplete), count(!isComplete && len(problems) == 0)
	f.Alarmed, f.NotRendered = count(isComplete && len(problems) > 0 && !isNothing), count(hasReason(v1alpha1.ReasonChartNotRendered))
	if !isNothing {
		for _, p := range problems {
			fmt.Fprintf(out, "%s: %s %s: %s\n", r.name, p.Reason, p.Field, p.Message)
		}
	}
	for _, image := range slices.Sorted(maps.Keys(pinned)) {
		if f.Lines++; !rendered[image] {
			f.Extra++
			fmt.Fprintf(out, "%s: extra %s\n", r.name, image)
		}
	}
	return f
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

func (f *figures) print(out io.Writer, all int) {
	fmt.Fprintf(out, "\n%-26s %8s %8s %8s\n", "images", "found", "of", "")
	for _, key := range slices.Sorted(maps.Keys(f.Found)) {
		s := f.Found[key]
		fmt.Fprintf(out, "%-26s %8d %8d %8.4f\n", key, s.Found, s.Of, s.ratio())
	}
	fmt.Fprintf(out, "\n%d of %d releases: complete %d (%.4f), incomplete without a problem %d, complete with one %d, not rendered %d\n",
		f.Releases, all, f.Complete, ratio(f.Complete, f.Releases), f.Silent, f.Alarmed, f.NotRendered)
	fmt.Fprintf(out, "lines %d, of them extra %d (%.4f)\n", f.Lines, f.Extra, ratio(f.Extra, f.Lines))
}

// compareRecorded returns an error that names each figure that is worse than the recorded one.
func (f *figures) compareRecorded(name string) error {
	var before figures
	if err := baseline.Read(name, &before); err != nil {
		return err
	}
	if f.Releases != before.Releases {
		return fmt.Errorf("%d releases were measured, and %d are recorded: their figures cannot be compared", f.Releases, before.Releases)
	}
	var errs []error
	worse := func(what string, now, recorded int) {
		errs = append(errs, fmt.Errorf("%s: %d, recorded is %d", what, now, recorded))
	}
	for _, key := range slices.Sorted(maps.Keys(before.Found)) {
		if now := cmp.Or(f.Found[key], &share{}); now.Found < before.Found[key].Found {
			worse("found in "+key, now.Found, before.Found[key].Found)
		}
	}
	if f.Complete < before.Complete {
		worse("complete releases", f.Complete, before.Complete)
	}
	if f.Silent > before.Silent {
		worse("incomplete releases without a problem", f.Silent, before.Silent)
	}
	if f.Alarmed > before.Alarmed {
		worse("complete releases with a problem", f.Alarmed, before.Alarmed)
	}
	if f.Extra > before.Extra {
		worse("extra lines", f.Extra, before.Extra)
	}
	return errors.Join(errs...)
}
