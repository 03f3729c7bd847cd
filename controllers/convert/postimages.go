package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/kustomize"

	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// postImages is what the images of post-renderers make of the images that were found. The
// latter stay, too: it is not known that the post-renderers meet all of them.
type postImages struct {
	// tags are the images as they are after the post-renderers so far, by repository.
	tags map[image.Repository]map[image.Mention]bool
	// renamed are the repositories that took the place of others.
	renamed map[image.Repository]renamed
	// parts are the images that need none that was found.
	parts []pin.ReleasePart
}

// renamed is where a new name stands, and whether it is one without a registry.
type renamed struct {
	field    string
	hostless bool
}

// addPostImages adds to what was found the images that post-renderers put in the place of
// others. One with a tag or a digest of its own needs nothing else; one with a name alone
// keeps the tag of the image that it replaces.
func addPostImages(found *pin.ReleaseImages, renderers []helmv2.PostRenderer) {
	p := &postImages{tags: map[image.Repository]map[image.Mention]bool{}, renamed: map[image.Repository]renamed{}}
	for i := range found.Mentions {
		p.add(&found.Mentions[i])
	}
	for i, renderer := range renderers {
		if renderer.Kustomize == nil {
			continue
		}
		for j := range renderer.Kustomize.Images {
			p.replace(fmt.Sprintf("spec.postRenderers[%d].kustomize.images[%d]", i, j), &renderer.Kustomize.Images[j])
		}
	}
	more := pin.FindImages(p.parts)
	found.Mentions = append(found.Mentions, more.Mentions...)
	found.Problems = append(found.Problems, more.Problems...)
	found.Mentions = append(found.Mentions, p.mentions()...)
}

// add takes an image that was found.
func (p *postImages) add(m *image.Mention) {
	if m.Repository == (image.Repository{}) {
		return
	}
	if p.tags[m.Repository] == nil {
		p.tags[m.Repository] = map[image.Mention]bool{}
	}
	p.tags[m.Repository][image.Mention{Reference: image.Reference{Tag: m.Tag, Digest: m.Digest}, Implied: m.Implied, Beside: m.Beside, Secret: m.Secret}] = true
}

// replace does what one entry does, to the images as the entries before it left them.
func (p *postImages) replace(field string, entry *kustomize.Image) {
	name := cmp.Or(entry.NewName, entry.Name)
	from, fromErr := image.ParseRepository(entry.Name)
	to, toErr := image.ParseRepository(name)
	moved := p.tags[from]
	if entry.NewTag != "" || entry.Digest != "" || len(moved) == 0 || fromErr != nil || toErr != nil {
		p.parts = append(p.parts, pin.ReleasePart{
			Path: field, Value: map[string]any{"repository": name, "tag": entry.NewTag, "digest": entry.Digest},
		})
		delete(p.tags, from)
		if fromErr == nil && toErr == nil && (entry.NewTag != "" || entry.Digest != "") {
			p.add(&image.Mention{Reference: image.Reference{Repository: to, Tag: entry.NewTag, Digest: entry.Digest}})
		}
		return
	}
	if from == to {
		return
	}
	delete(p.tags, from)
	into := p.tags[to]
	if len(into) < len(moved) { // so that an image is not moved more often than it must be
		into, moved = moved, into
	}
	for m := range moved {
		into[m] = true
	}
	p.tags[to], p.renamed[to] = into, renamed{field, !image.HasHost(name)}
}

// mentions are the images that took the place of others, in order.
func (p *postImages) mentions() []image.Mention {
	var list []image.Mention
	for repository, at := range p.renamed {
		for m := range p.tags[repository] {
			m.Path, m.Repository, m.Hostless = at.field, repository, at.hostless
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b image.Mention) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.String(), b.String()))
	})
	return list
}
