// Package chartimages finds the images of a release that its chart names: it renders the chart and
// searches the manifests, or, where that fails, the chart's defaults.
package chartimages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// Request is everything that the images of a release's chart depend on.
type Request struct {
	render.Input
	// Secret is set if some of the values come from a Secret: then nothing of the chart's output
	// and errors is quoted, and text in it is not read. OpenValues are the values without those: what
	// the chart renders with them may be quoted, and is read in full.
	Secret     bool
	OpenValues []byte
	// NotRendered is why the chart is not to be rendered; then only its defaults are searched. NotInAllWays is why
	// it is to be rendered in one of the ways only in which helm-controller may render it. Doubt is why that may
	// render it otherwise. Each may be empty.
	NotRendered, NotInAllWays, Doubt string
}

// Find renders a chart and finds the images in its manifests. If it cannot be rendered, the problem
// ChartNotRendered has the reason, and the images are those of the chart's defaults with the release's
// values over them. Run it in a sandbox where the chart is somebody else's.
func Find(charts *render.Charts, r *Request) *pin.ChartImages {
	if r.NotRendered != "" {
		return defaults(charts, r, r.NotRendered)
	}
	rendered, notUpgraded, err := renderRelease(charts, r)
	if err != nil {
		return defaults(charts, r, r.reason(err))
	}
	inOneWay := r.NotInAllWays != "" && rendered.HasOtherWays
	found := &pin.ChartImages{Rendered: !inOneWay} // else it keeps what it named before, too
	found.Mentions, found.Problems = image.FindInManifests(rendered.Objects, r.Secret)
	if why := overBudget(found.Problems); why != "" {
		return defaults(charts, r, why)
	}
	found.Problems = found.Problems[:min(len(found.Problems), budget.RenderProblems)]
	if r.Secret {
		mentions, reason := withoutSecrets(charts, r)
		found.Mentions = append(found.Mentions, mentions...)
		if reason != "" && namesMore(rendered.Objects, found.Mentions) {
			addDoubt(found, "images in arguments, environment and other text of the chart may be missing, because that is read only as it is without the values from Secrets, and without them the chart cannot be searched: "+reason)
		}
	}
	if notUpgraded != "" {
		addDoubt(found, "the chart could be rendered as an installation only, and as an upgrade its images may be others: "+notUpgraded)
	}
	if inOneWay {
		found.Mentions = append(found.Mentions, inDefaults(charts, r)...)
		addDoubt(found, "the chart could be rendered in one of several ways only, and in another one its images may be others: "+r.NotInAllWays)
	}
	if r.Doubt != "" {
		addDoubt(found, r.Doubt)
	}
	if len(rendered.Missing) > 0 {
		addDoubt(found, "the chart does not contain its dependencies, whose images are not known: "+shorten(strings.Join(rendered.Missing, ", ")))
		return found
	}
	found.Unused = unused(r, rendered.Objects)
	return found
}

// namesMore reports whether manifests name images that were not found, because some of their text may come from a
// Secret.
func namesMore(objects []map[string]any, found []image.Mention) bool {
	known := make(map[image.Reference]bool, len(found))
	for i := range found {
		known[found[i].Reference] = true
	}
	all, problems := image.FindInManifests(objects, false)
	return overBudget(problems) != "" || slices.ContainsFunc(all, func(m image.Mention) bool { return !known[m.Reference] })
}

// withoutSecrets finds the images that the chart names without the values that come from a Secret. A reason is
// why these may not be all; where the chart cannot be rendered so, they are those of its defaults. Nothing of
// those values is in the reason.
func withoutSecrets(charts *render.Charts, r *Request) (mentions []image.Mention, reason string) {
	without := *r
	without.Values, without.Secret = r.OpenValues, false
	rendered, notUpgraded, err := renderRelease(charts, &without)
	if err != nil {
		return inDefaults(charts, &without), without.reason(err)
	}
	mentions, problems := image.FindInManifests(rendered.Objects, false)
	return mentions, cmp.Or(overBudget(problems), notUpgraded)
}

// overBudget returns why manifests were not searched; empty, they were.
func overBudget(problems []v1alpha1.Problem) string {
	if len(problems) > 0 && problems[0].Reason == v1alpha1.ReasonOverBudget {
		return problems[0].Message
	}
	return ""
}

// renderRelease renders a release; one that is to be upgraded as an installation, where it cannot be
// rendered otherwise, with the reason: some charts want to look up what is installed.
func renderRelease(charts *render.Charts, r *Request) (rendered *render.Rendered, notUpgraded string, err error) {
	inWays := charts.RenderAll
	if r.NotInAllWays != "" {
		inWays = charts.Render
	}
	rendered, err = inWays(&r.Input)
	if err == nil || !r.IsUpgrade {
		return rendered, "", err
	}
	install := r.Input
	install.IsUpgrade = false
	if rendered, installErr := charts.Render(&install); installErr == nil {
		return rendered, r.reason(err), nil
	}
	return nil, "", err
}

// defaults returns the images in a chart's defaults, and the reason why it is not rendered.
func defaults(charts *render.Charts, r *Request, reason string) *pin.ChartImages {
	return &pin.ChartImages{Mentions: inDefaults(charts, r), Problems: []v1alpha1.Problem{notRendered(reason)}}
}

// inDefaults finds the images in a chart's defaults. It returns none if they cannot be read either.
func inDefaults(charts *render.Charts, r *Request) []image.Mention {
	_, values, err := charts.Defaults(&r.Input)
	if err != nil {
		return nil
	}
	text, err := json.Marshal(values)
	if err != nil {
		return nil
	}
	var decoded any
	if err := render.DecodeJSON(text, &decoded); err != nil {
		return nil
	}
	// What is wrong with the values is found in the release itself.
	mentions, _ := pin.FindPart(pin.ReleasePart{Path: image.ChartPath + " values", Value: decoded, Secret: r.Secret})
	return mentions
}

// unreadable returns no images, and the reason.
func unreadable(err error) *pin.ChartImages {
	return &pin.ChartImages{Problems: []v1alpha1.Problem{notRendered(reasonOf(err))}}
}

func notRendered(reason string) v1alpha1.Problem {
	return v1alpha1.Problem{
		Reason: v1alpha1.ReasonChartNotRendered, Message: "the chart could not be rendered, so images that only it names may be missing: " + reason,
	}
}

// addDoubt adds the problem that helm-controller may render the chart otherwise.
func addDoubt(found *pin.ChartImages, why string) {
	found.Problems = append(found.Problems, v1alpha1.Problem{Reason: v1alpha1.ReasonChartNotRendered, Message: why})
}

// reason returns an error of a chart in one line, unless it may quote a Secret.
func (r *Request) reason(err error) string {
	if r.Secret && !budget.IsExceeded(err) {
		return "the reason is not quoted, because some of the values come from a Secret"
	}
	return shorten(cmp.Or(oneLine(err.Error()), fmt.Sprintf("%T", err)))
}

// oneLine returns a text on one line, without what is not printable.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// shorten cuts a message that is too long.
func shorten(text string) string {
	if len(text) > budget.RenderMessage {
		return strings.ToValidUTF8(text[:budget.RenderMessage], "") + "…"
	}
	return text
}
