package pin

import (
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// ChartImages are the images that a release's chart names with the release's values. They are never
// changed: an equal pointer means equal images.
type ChartImages struct {
	// Mentions are the images in the manifests that the chart renders. Where it cannot be rendered in all ways,
	// they are those in the manifests of one, or those of its defaults coalesced with the release's values.
	Mentions []image.Mention
	// Rendered is set if Mentions are those in all manifests.
	Rendered bool
	// Unknown is set if it was rendered before, and the report could not have what it named: then the
	// release keeps the pins that it had.
	Unknown bool
	// Unused are images of the values that lack a tag or a repository, and that the chart does not
	// use: nothing in the manifests names them.
	Unused []image.Reference
	// Problems were met while the chart was rendered and searched.
	Problems []v1alpha1.Problem
	// Entry is what the report has for the chart; nil, nothing.
	Entry *v1alpha1.ReleaseChart
}

// ValuesFilesField is the field of a release whose files are read with the chart alone.
const ValuesFilesField = "spec.chart.spec.valuesFiles"

// solves reports whether a problem of the values is none any more once the chart is rendered.
func (c *ChartImages) solves(p *v1alpha1.Problem) bool {
	return c != nil && c.Rendered && p.Field == ValuesFilesField
}

// answers are what rendered manifests tell of images that the values leave open.
type answers struct {
	repositories map[image.Repository]bool
	// paths are those of the repositories, and the ends of them.
	paths, tags map[string]bool
	unused      map[image.Reference]bool
}

// answers returns what the manifests tell of what the values leave open; nothing, if the chart is not known or
// not rendered. An image that the values name whole does not tell what a tag elsewhere in them belongs to.
func (c *ChartImages) answers(values *ReleaseImages) *answers {
	a := &answers{
		repositories: map[image.Repository]bool{}, paths: map[string]bool{}, tags: map[string]bool{}, unused: map[image.Reference]bool{},
	}
	if c == nil || !c.Rendered {
		return a
	}
	named := namedIn(values)
	for i := range c.Mentions {
		m := &c.Mentions[i]
		a.repositories[m.Repository] = true
		isNamed := false
		for path, more := m.Repository.Path, true; more; _, path, more = strings.Cut(path, "/") {
			a.paths[path] = true
			isNamed = isNamed || named[path+":"+m.Tag]
		}
		a.tags[m.Tag] = a.tags[m.Tag] || !isNamed
	}
	for _, ref := range c.Unused {
		a.unused[ref] = true
	}
	return a
}

// namedIn returns the images that values name with repository and tag, as path:tag. One to which a tag was only
// added that stands beside it is not among them.
func namedIn(values *ReleaseImages) map[string]bool {
	named := map[string]bool{}
	if values == nil {
		return named
	}
	for i := range values.Mentions {
		if m := &values.Mentions[i]; m.Repository != (image.Repository{}) && m.Beside == "" {
			named[strings.TrimPrefix(m.Repository.Path, "library/")+":"+m.Tag] = true
		}
	}
	return named
}

// has reports whether the manifests tell what a mention of the values leaves open: the tag or the
// registry of a repository, or the repository of a tag.
func (a *answers) has(m *image.Mention) bool {
	switch {
	case a.unused[m.Reference]:
		return true
	case m.Repository == (image.Repository{}):
		return a.tags[m.Tag]
	default:
		return a.repositories[m.Repository] || m.Hostless && a.paths[strings.TrimPrefix(m.Repository.Path, "library/")]
	}
}
