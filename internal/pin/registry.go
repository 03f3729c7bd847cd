package pin

import (
	"strings"

	"git.oleks.space/oleks/pinsync/internal/image"
)

// DefaultType is the first part of a pin unless the configuration says
// otherwise.
const DefaultType = "container"

// Registry is a registry whose images are pinned, or one owner's part of it.
type Registry struct {
	// Host is the registry's host in normal form; empty: any.
	Host string
	// Owner is the path that its images are below; empty: any.
	Owner string
	// Type is the first part of the pin.
	Type string
}

// line is a pin and the image that it stands for.
type line struct {
	pin, image string
}

// lines returns the pins of an image's tag: none where the registries do not
// include it.
func lines(registries []Registry, repository image.Repository, tag string) []line {
	prefix, ok := pinName(registries, repository)
	if !ok {
		return nil
	}
	var result []line
	for _, tag := range tags(tag) {
		result = append(result, line{pin: prefix + "==" + tag, image: repository.String() + ":" + tag})
	}
	return result
}

// images returns the images of a tag.
func images(repository image.Repository, tag string) []string {
	var result []string
	for _, tag := range tags(tag) {
		result = append(result, repository.String()+":"+tag)
	}
	return result
}

// tags returns a tag as it may be stored: two where it has upper case. Gitea's
// registry stores tags in lower case, whatever was pushed.
func tags(tag string) []string {
	if lower := strings.ToLower(tag); lower != tag {
		return []string{tag, lower}
	}
	return []string{tag}
}

// pinName returns the type/name of the repository's pins, and whether it is to
// be pinned at all. Where several registries include it, the one with the
// longest owner decides.
func pinName(registries []Registry, repository image.Repository) (string, bool) {
	if len(registries) == 0 {
		return Registry{Type: DefaultType}.pinName(repository), true
	}
	var best *Registry
	for i := range registries {
		r := &registries[i]
		if r.includes(repository) && (best == nil || len(r.Owner) > len(best.Owner)) {
			best = r
		}
	}
	if best == nil {
		return "", false
	}
	return best.pinName(repository), true
}

func (r Registry) includes(repository image.Repository) bool {
	return repository.Host == r.Host && (r.Owner == "" || strings.HasPrefix(repository.Path, r.Owner+"/"))
}

// pinName leaves out the owner: the configured one, else the first segment of a
// path of several.
func (r Registry) pinName(repository image.Repository) string {
	name := repository.Path
	if r.Owner != "" {
		name = strings.TrimPrefix(name, r.Owner+"/")
	} else if _, rest, found := strings.Cut(name, "/"); found {
		name = rest
	}
	return r.Type + "/" + name
}
