package image

import (
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
)

// FindInManifests returns every image that Kubernetes objects name, as Find returns those of
// values. The objects are what encoding/json decodes, numbers as json.Number.
//
// In every pod spec, wherever it stands, the image of a container and of a volume is one. All else
// is read as values are: fields of a custom resource, and full references in arguments, variables
// and ConfigMaps. The value of an argument or variable whose name ends in `image` is an image with
// a host or without. An image without a host is one of Docker Hub: what stands in a manifest, no
// chart joins with anything any more. One without a tag is named without, too, unless it is that of a
// container or a volume. Secrets and CustomResourceDefinitions are left out.
//
// With secret, some of what was rendered comes from a Secret: then nothing is quoted, and only what
// stands where an image stands is one.
func FindInManifests(objects []map[string]any, secret bool) ([]Mention, []v1alpha1.Problem) {
	f := &finder{secret: secret, manifest: true}
	for _, object := range objects {
		f.visit(&path{root: rootOf(object, secret)}, object, scope{})
	}
	if !f.mayVisit() {
		return nil, []v1alpha1.Problem{{Reason: v1alpha1.ReasonOverBudget, Field: ChartPath, Message: f.exceeded.Error()}}
	}
	for i := range f.mentions {
		m := &f.mentions[i]
		m.Hostless = false
		if secret {
			m.Path, m.Secret = ChartPath, true
		}
	}
	for i := range f.problems {
		if secret {
			f.problems[i].Field = ChartPath
		}
	}
	return distinct(f.mentions), f.problems
}

// distinct leaves out what is named at the same place once more: the same object may be rendered in several
// ways.
func distinct(mentions []Mention) []Mention {
	seen := make(map[Mention]bool, len(mentions))
	return slices.DeleteFunc(mentions, func(m Mention) bool {
		isSeen := seen[m]
		seen[m] = true
		return isSeen
	})
}

// ChartPath is what the paths of images begin with that a chart names.
const ChartPath = "chart"

// rootOf returns what the paths in an object begin with: `chart Deployment/web`.
func rootOf(object map[string]any, secret bool) string {
	kind, _ := object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if secret || kind == "" || len(kind)+len(name) > budget.Name {
		return ChartPath
	}
	return ChartPath + " " + kind + "/" + name
}

// isWithoutImages reports whether a map is a CustomResourceDefinition, which has a schema under image, or an
// ImageRepository, which has a repository there.
func isWithoutImages(m map[string]any) bool {
	return m["kind"] == "CustomResourceDefinition" || m["kind"] == "ImageRepository"
}

// isDistribution reports whether a group has a registry and a version alone, as Flux's operator names
// a distribution of several images.
func (g *group) isDistribution() bool {
	return plain(g.repository.key) == registryEnding && !g.hasTag() && g.digest.key == ""
}

// containerLists are the fields of a pod spec that have containers.
func containerLists() []string {
	return []string{"containers", "initContainers", "ephemeralContainers"}
}

// podSpec takes the images of a map if it is a pod spec, and reports of the items of which lists
// the images are taken.
func (f *finder) podSpec(at *path, m map[string]any) {
	for _, key := range containerLists() {
		f.eachObject(at, m, key, func(at *path, container map[string]any) {
			f.podImage(at, container, "image")
		})
	}
	f.eachObject(at, m, "volumes", func(at *path, volume map[string]any) {
		if source, isMap := volume["image"].(map[string]any); isMap {
			f.podImage(at.field("image"), source, "reference")
		}
	})
}

// eachObject calls take for every object in a list of a map.
func (f *finder) eachObject(at *path, m map[string]any, key string, take func(*path, map[string]any)) {
	list, _ := m[key].([]any)
	for i, item := range list {
		if object, isMap := item.(map[string]any); isMap && f.mayVisit() {
			take(at.field(key).item(i), object)
		}
	}
}

// podImage takes a field that the kubelet reads as an image: without a tag, it is the default one.
func (f *finder) podImage(at *path, m map[string]any, key string) {
	text, _ := m[key].(string)
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	at = at.field(key)
	ref, badDigest, err := parseTolerant(text)
	switch {
	case err != nil:
		f.invalid(at, err)
		return
	case badDigest != nil:
		f.invalid(at, badDigest)
	}
	mention := Mention{Path: at.String(), Reference: ref}
	if ref.Tag == "" && ref.Digest == "" {
		mention.Tag, mention.Implied = DefaultTag, true
	}
	f.mentions = append(f.mentions, mention)
}

// isPodImage reports whether the field of a key is one that podSpec takes: the image of an item of
// a list of containers.
func isPodImage(at *path, key string) bool {
	return key == "image" && at.parent != nil && at.last == "" && slices.Contains(containerLists(), at.parent.last)
}

// arguments takes the images of a list whose items are arguments: one that stands behind the name
// of an option that ends in `image`.
func (f *finder) arguments(at *path, list []any) {
	for i := 1; i < len(list); i++ {
		option, _ := list[i-1].(string)
		if value, isString := list[i].(string); isString && isImageOption(option) {
			f.named(at.item(i), strings.TrimSpace(value))
		}
	}
}

// isImageOption reports whether an argument is the name of an option for an image, without its
// value.
func isImageOption(argument string) bool {
	return strings.HasPrefix(argument, "-") && !strings.ContainsAny(argument, "= \n") && isImageKey(argument)
}

// namedImages takes the images in a text that stand behind a name that ends in `image`: an option
// or a variable of a command, a line of a configuration.
func (f *finder) namedImages(at *path, text string) {
	eachWord(text, func(start, end int) {
		switch {
		case end-start > maxReference, end < len(text) && strings.IndexByte("${%&?#~+*", text[end]) >= 0:
			return // the latter is completed by a variable or a template
		case fullReference(text[start:end]) != "":
			return // it is found whatever stands before it
		}
		word := strings.TrimRight(text[start:end], ".:,")
		if isImageKey(keyBefore(text[:start])) || isImageOption(optionBefore(text[:start])) {
			f.named(at, word)
		}
	})
}

// optionBefore returns the word at the end of a text if blanks follow it.
func optionBefore(text string) string {
	text = text[max(0, len(text)-maxKeyBefore):]
	rest := strings.TrimRight(text, " \t'\"")
	if rest == text {
		return ""
	}
	return rest[strings.LastIndexAny(rest, " \t\r\n'\"`[(,;")+1:]
}

// named takes a text whose name promises an image, if it has a path, a tag or a digest.
func (f *finder) named(at *path, text string) {
	name, suffix := splitName(text)
	if suffix == "" && !strings.Contains(name, "/") || isSetting(text) || !hasLetter(name) {
		return
	}
	if _, _, err := parseTolerant(text); err != nil {
		return
	}
	f.joined(at, text, scope{})
}
