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

// Reference returns the chart of a release as a package that a cleaner may delete, and without which Flux
// cannot install the release: an artifact in an OCI registry, or a chart of a classic Helm repository in
// Gitea. A version that is exact counts as it is written, and one of a range as Flux has resolved it last.
// It is empty where the chart comes from elsewhere, or is not known.
func (r *Resolver) Reference(spec *convert.ChartSpec) image.Reference {
	if spec.Template == nil {
		source, ok := r.LookUp(spec.Ref)
		switch {
		case !ok, !r.Allows(spec):
			return image.Reference{}
		case source.Kind == flux.HelmChartKind:
			return r.fromHelmRepository(&source.Template, resolvedBy(&source))
		default:
			return reference(source.URL, versionOf(source.Tag, source.Artifact.Revision))
		}
	}
	resolved := ""
	if made, ok := r.LookUp(spec.Ref); ok && made.Owner == spec.Release && made.Template.Chart == spec.Template.Chart {
		resolved = resolvedBy(&made)
	}
	return r.fromHelmRepository(spec.Template, resolved)
}

// fromHelmRepository returns a chart of a HelmRepository.
func (r *Resolver) fromHelmRepository(template *convert.ChartTemplate, resolved string) image.Reference {
	repository, ok := r.LookUp(template.Source)
	if !ok {
		return image.Reference{}
	}
	isOCI := strings.HasPrefix(repository.URL, ociScheme)
	version := resolved
	if isExact(template.Version) && (isOCI || template.ValuesFiles != "" || !isSameVersion(resolved, template.Version)) {
		version = template.Version
	}
	if !isOCI {
		chart, _ := image.Chart(repository.URL, template.Chart, version)
		return chart
	}
	return reference(ociScheme+path.Join(strings.TrimPrefix(repository.URL, ociScheme), template.Chart), version)
}

// isExact reports whether a version is one, and not a range: Flux takes a v before it, too.
func isExact(version string) bool {
	_, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v"))
	return err == nil
}

// isSameVersion reports whether two versions are the same, though one is written with a v or with build
// metadata: so a classic repository has 1.2.0, where it has v1.2.0 or 1.2.0+b.
func isSameVersion(a, b string) bool {
	first, errA := semver.NewVersion(a)
	second, errB := semver.NewVersion(b)
	return errA == nil && errB == nil && first.Equal(second)
}

// resolvedBy returns the version of the chart that a HelmChart has fetched. If Flux has merged valuesFiles
// into it, it has put the generation of the HelmChart after a + for what the version had there.
func resolvedBy(made *convert.Source) string {
	version := made.Artifact.Revision
	if made.Template.ValuesFiles != "" {
		version, _, _ = strings.Cut(version, "+")
	}
	return version
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
