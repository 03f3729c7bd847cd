package charts

import (
	"path"
	"strings"

	"github.com/Masterminds/semver/v3"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// ociScheme is what the URL of an OCI registry begins with.
const ociScheme = "oci://"

// Reference returns the chart of a release as an artifact in an OCI registry: a tag that a cleaner may
// delete, and without which Flux cannot install the release. A version that is exact counts as it is
// written, and one of a range as Flux has resolved it last. It is empty where the chart does not
// come from such a registry, or is not known.
func (r *Resolver) Reference(spec *convert.ChartSpec) image.Reference {
	if spec.Template == nil {
		source, ok := r.LookUp(spec.Ref)
		switch {
		case !ok, !r.Allows(spec):
			return image.Reference{}
		case source.Kind == flux.HelmChartKind:
			return r.fromHelmRepository(&source.Template, source.Artifact.Revision)
		default:
			return reference(source.URL, versionOf(source.Tag, source.Artifact.Revision))
		}
	}
	resolved := ""
	if made, ok := r.LookUp(spec.Ref); ok && made.Owner == spec.Release && made.Template.Chart == spec.Template.Chart {
		resolved = made.Artifact.Revision
	}
	return r.fromHelmRepository(spec.Template, resolved)
}

// fromHelmRepository returns a chart of a HelmRepository.
func (r *Resolver) fromHelmRepository(template *convert.ChartTemplate, resolved string) image.Reference {
	repository, ok := r.LookUp(template.Source)
	if !ok || !strings.HasPrefix(repository.URL, ociScheme) {
		return image.Reference{}
	}
	version := resolved
	if _, err := semver.StrictNewVersion(template.Version); err == nil {
		version = template.Version
	}
	return reference(ociScheme+path.Join(strings.TrimPrefix(repository.URL, ociScheme), template.Chart), version)
}

// versionOf returns the tag that is wanted, or that of a revision, which is tag@digest.
func versionOf(tag, revision string) string {
	if tag != "" {
		return tag
	}
	version, digest, _ := strings.Cut(revision, "@")
	if digest == "" {
		return "" // the revision is a digest alone
	}
	return version
}

// reference returns a chart's artifact. Its tag is the version with _ for +, which no tag has.
func reference(url, version string) image.Reference {
	repository, err := image.ParseRepository(strings.TrimPrefix(url, ociScheme))
	tag := strings.ReplaceAll(version, "+", "_")
	if err != nil || !strings.HasPrefix(url, ociScheme) || image.CheckTag(tag) != nil {
		return image.Reference{}
	}
	return image.Reference{Repository: repository, Tag: tag}
}
