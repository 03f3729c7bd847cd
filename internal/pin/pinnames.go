package pin

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"git.oleks.space/oleks/pinsync/internal/image"
)

// DefaultType is the first part of a pin unless the configuration says
// otherwise.
const DefaultType = "container"

// ChartType is the first part of the pin of a chart in a classic Helm repository.
const ChartType = "helm"

// Registry is a registry whose images are pinned, or the part of one below a path.
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

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(a.pin, b.pin), cmp.Compare(a.image, b.image))
}

// ref is what refers to a line: its image, which stays the same when the configuration
// renames its pin; the pin itself where the image is not known.
func (l line) ref() string {
	return cmp.Or(l.image, l.pin)
}

// repository returns the part of a line that all tags of an image have in common.
func (l line) repository() string {
	if i := strings.LastIndexByte(l.image, ':'); i >= 0 {
		return l.image[:i]
	}
	return l.name()
}

// name returns the type/name of a pin.
func (l line) name() string {
	name, _, _ := strings.Cut(l.pin, "==")
	return name
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

// tags returns a tag as it may be stored: two where it has upper case, because Gitea's
// registry stores tags in lower case.
func tags(tag string) []string {
	if lower := strings.ToLower(tag); lower != tag {
		return []string{tag, lower}
	}
	return []string{tag}
}

// pinName returns the type/name of the repository's pins, and reports whether a registry
// includes it. Where several do, the one with the longest owner counts. The pin of a chart is that of
// its name alone, if a registry includes images of its owner.
func pinName(registries []Registry, repository image.Repository) (name string, ok bool) {
	if beside, isChart := repository.OfChart(); isChart {
		_, ok := pinName(registries, beside)
		return ChartType + "/" + beside.Path[strings.LastIndexByte(beside.Path, '/')+1:], ok
	}
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

// pinName returns the type/name of a repository without the owner: the configured one, else
// the first segment of a path of several.
func (r Registry) pinName(repository image.Repository) string {
	name := repository.Path
	if r.Owner != "" {
		name = strings.TrimPrefix(name, r.Owner+"/")
	} else if _, rest, found := strings.Cut(name, "/"); found {
		name = rest
	}
	return r.Type + "/" + name
}

// currentName returns the pin of an image as the configuration names it; empty where the
// image is not known, or no registry includes it any more.
func currentName(registries []Registry, listed string) string {
	ref, err := image.Parse(listed)
	if err != nil {
		return ""
	}
	name, ok := pinName(registries, ref.Repository)
	if !ok {
		return ""
	}
	return name + "==" + ref.Tag
}

// errPin is what a pin looks like.
var errPin = errors.New("want type/name==version, such as container/app==1.0")

// Check returns an error unless s is a pin.
func Check(s string) error {
	name, tag, hasTag := strings.Cut(s, "==")
	kind, path, hasName := strings.Cut(name, "/")
	if !hasTag || !hasName {
		return fmt.Errorf("%q is not a pin: %w", s, errPin)
	}
	if err := CheckType(kind); err != nil {
		return fmt.Errorf("%q is not a pin: %w", s, err)
	}
	if normal, err := image.ParsePath(path); err != nil || normal != path {
		return fmt.Errorf("%q is not a pin: %q is not the name of a package", s, path)
	}
	check := image.CheckTag
	if kind == ChartType {
		check = image.CheckChartVersion
	}
	if err := check(tag); err != nil {
		return fmt.Errorf("%q is not a pin: %w", s, err)
	}
	return nil
}

// CheckType returns an error unless s can be the first part of a pin.
func CheckType(s string) error {
	if s == "" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return fmt.Errorf("%q is not a type of package, want a-z 0-9, such as container", s)
	}
	return nil
}
