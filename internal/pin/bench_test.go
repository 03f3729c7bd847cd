package pin_test

import (
	"fmt"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// sized is values of about so many bytes, with an image every hundred.
func sized(bytes int) map[string]any {
	values := map[string]any{}
	for i := range bytes / 100 {
		values[fmt.Sprint("component", i)] = map[string]any{
			"image":  map[string]any{"repository": fmt.Sprint("g.io/o/component", i), "tag": "1.0.0"},
			"filler": strings.Repeat("x", 20),
		}
	}
	return values
}

// flat is values of about so many bytes that are tags and repositories of many
// groups in one map.
func flat(bytes int) map[string]any {
	values := map[string]any{}
	for i := range bytes / 50 {
		values[fmt.Sprintf("component%dImage", i)] = fmt.Sprint("g.io/o/", i)
		values[fmt.Sprintf("component%dImageTag", i)] = "1"
	}
	return values
}

// Values that are twice as large take twice as long.
func BenchmarkValues(b *testing.B) {
	for name, values := range map[string]func(int) map[string]any{"nested": sized, "flat": flat} {
		for _, kilobytes := range []int{256, 512, 1024} {
			b.Run(fmt.Sprint(name, "/", kilobytes, "KiB"), func(b *testing.B) {
				s := &pin.Snapshot{Releases: []pin.Release{{
					ID: id("a", "a"), Suspended: true, Inputs: imagesIn(values(kilobytes << 10)),
				}}}
				for b.Loop() {
					pin.Plan(s, pin.Options{})
				}
			})
		}
	}
}

// Keys, chart names and tags that are as long as an object can be are compared with no more
// names than short ones.
func BenchmarkLongNames(b *testing.B) {
	for _, kilobytes := range []int{128, 256, 512} {
		b.Run(fmt.Sprint(kilobytes, "KiB"), func(b *testing.B) {
			long := strings.Repeat("a-", kilobytes<<9)
			images := map[string]any{}
			for i := range 20 {
				images[fmt.Sprint("i", i)] = map[string]any{"image": map[string]any{"tag": fmt.Sprint("v", i)}}
			}
			in := imagesIn(map[string]any{long: images, long + "Tag": "v1"})
			in.Chart, in.ReleaseName = long, long
			s := &pin.Snapshot{Releases: []pin.Release{{ID: id("a", "a"), Suspended: true, Inputs: in}}}
			for i := range 20 {
				follows(s, "flux", fmt.Sprint("g.io/o/app", i), "v1")
			}
			for b.Loop() {
				pin.Plan(s, pin.Options{})
			}
		})
	}
}

// A pattern of so many alternatives.
func BenchmarkPattern(b *testing.B) {
	for _, alternatives := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(alternatives), func(b *testing.B) {
			words := make([]string, alternatives)
			for i := range words {
				words[i] = fmt.Sprint("tag", i)
			}
			pattern := "^(" + strings.Join(words, "|") + ")$"
			for b.Loop() {
				policy.Literals(pattern)
			}
		})
	}
}

// So many policies on one image, and a hundred releases of it with tags of their
// own; and the same with tags alone.
func BenchmarkPoliciesOnOneImage(b *testing.B) {
	for _, form := range []string{"repository", "tag"} {
		for _, policies := range []int{1_000, 10_000} {
			b.Run(fmt.Sprint(form, "/", policies), func(b *testing.B) {
				s := &pin.Snapshot{Repositories: []link.Repository{{Name: object.Name{Namespace: "flux", Name: "app"}, Image: "g.io/o/app"}}}
				for i := range policies {
					s.Policies = append(s.Policies, link.Policy{
						Name: object.Name{Namespace: "flux", Name: fmt.Sprint("app-", i)}, Repository: object.Name{Namespace: "flux", Name: "app"},
						Rules: policy.Rules{Pattern: fmt.Sprintf("^release-%d-(?P<n>[0-9]+)$", i), Extract: "$n", Numerical: true},
					})
				}
				for i := range 100 {
					image := map[string]any{"tag": fmt.Sprintf("release-%d-7", i)}
					if form == "repository" {
						image["repository"] = "g.io/o/app"
					}
					s.Releases = append(s.Releases, pin.Release{
						ID: id("apps", fmt.Sprint("release", i)), Suspended: true, Inputs: imagesIn(map[string]any{"image": image}),
					})
				}
				for b.Loop() {
					pin.Plan(s, pin.Options{})
				}
			})
		}
	}
}
