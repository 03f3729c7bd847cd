package pin

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// SetEntry sets what the report has for a chart that was rendered, so that it need not be rendered
// again after a restart as long as its inputs are the same. The images are not in the report, and
// neither are the inputs, where some may come from a Secret, there are problems, or they take too
// much room: see ChartImagesOf.
func (c *ChartImages) SetEntry(source, revision, inputs string) {
	if !c.Rendered {
		return
	}
	c.Entry = &v1alpha1.ReleaseChart{Source: source, Revision: revision}
	size := 0
	for i := range c.Mentions {
		size += len(c.Mentions[i].Path) + len(c.Mentions[i].String())
	}
	isSecret := slices.ContainsFunc(c.Mentions, func(m image.Mention) bool { return m.Secret })
	if inputs == "" || isSecret || size > budget.ChartEntry || len(c.Problems) > 0 {
		return
	}
	var images []v1alpha1.ChartImage
	for i := range c.Mentions {
		m := &c.Mentions[i]
		if ref, err := image.Parse(m.String()); err != nil || ref != m.Reference {
			return // it could not be read again
		}
		images = append(images, v1alpha1.ChartImage{Image: m.String(), Via: m.Path, RegistryAssumed: m.Hostless, TagAssumed: m.Implied})
	}
	c.Entry.Inputs, c.Entry.Images = inputs, images
	for _, ref := range c.Unused {
		c.Entry.Unused = append(c.Entry.Unused, ref.String())
	}
	*c = *ChartImagesOf(c.Entry) // the same, with the entry's texts: they are in memory once
}

// ChartImagesOf returns the images that a report has for a chart; nil, it was not rendered.
func ChartImagesOf(entry *v1alpha1.ReleaseChart) *ChartImages {
	switch {
	case entry == nil:
		return nil
	case entry.Inputs == "":
		return &ChartImages{Unknown: true, Entry: entry}
	}
	c := &ChartImages{Rendered: true, Entry: entry, Mentions: make([]image.Mention, 0, len(entry.Images))}
	for i := range entry.Images {
		e := &entry.Images[i]
		if ref, err := image.Parse(e.Image); err == nil {
			c.Mentions = append(c.Mentions, image.Mention{Path: e.Via, Reference: ref, Hostless: e.RegistryAssumed, Implied: e.TagAssumed})
		}
	}
	for _, text := range entry.Unused {
		if tag, ok := strings.CutPrefix(text, ":"); ok {
			c.Unused = append(c.Unused, image.Reference{Tag: tag})
		} else if repository, err := image.ParseRepository(text); err == nil {
			c.Unused = append(c.Unused, image.Reference{Repository: repository})
		}
	}
	return c
}

// WithDoubt returns the images with a problem besides: why they may be others.
func (c *ChartImages) WithDoubt(problem v1alpha1.Problem) *ChartImages {
	doubted := *c
	doubted.Problems = append(slices.Clone(c.Problems), problem)
	return &doubted
}

// After returns what is known of a chart that could not be rendered now, where it was before: the
// images of then stay, and so does the entry.
func (c *ChartImages) After(rendered *ChartImages) *ChartImages {
	if c.Rendered || rendered == nil {
		return c
	}
	both := *c
	both.Mentions = append(slices.Clone(c.Mentions), rendered.Mentions...)
	both.Unknown, both.Entry = rendered.Unknown, rendered.Entry
	return &both
}
