package convert

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/kustomize"
	kustypes "sigs.k8s.io/kustomize/api/types"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// WantedChart is the chart that a release asks for.
type WantedChart struct {
	Release object.Name
	// Name is the chart's name, or the last part of its path, and Version the version or range of
	// versions that is wanted; empty, any. Of a chartRef they are its object's, as far as it is known.
	Name, Version string
}

// FindChartImages finds the images that the chart of a release names; nil, no chart is known for it.
type FindChartImages func(WantedChart, *chartimages.Request) *pin.ChartImages

// ChartFinder finds what the chart of a release adds to what it needs.
type ChartFinder struct {
	// Images finds the images that it names; nil, no charts are known.
	Images FindChartImages
	// Reference returns the chart itself, if it is a package that a cleaner may delete; nil, that is not
	// wanted.
	Reference func(*ChartSpec) image.Reference
}

// Source returns an object that a chart comes from.
func (m *Manifests) Source(id object.ID) (Source, bool) {
	source, ok := m.sources[id]
	return source, ok
}

// wantedChart returns the chart that a release asks for.
func (m *Manifests) wantedChart(o *flux.HelmRelease) WantedChart {
	chart := WantedChart{Release: nameOf(o), Name: chartOf(&o.Spec)}
	switch {
	case o.Spec.ChartRef != nil:
		if named, ok := m.charts[ChartSpecOf(o).Ref]; ok {
			chart.Name, chart.Version = named.Name, named.Version
		}
	case o.Spec.Chart != nil:
		chart.Version = o.Spec.Chart.Spec.Version
	}
	return chart
}

// addSource adds an object that charts come from, and the chart that it names if a chartRef may refer
// to it.
func (m *Manifests) addSource(o flux.Source) {
	source := SourceOf(o)
	if m.sources == nil {
		m.sources, m.charts = map[object.ID]Source{}, map[object.ID]WantedChart{}
	}
	m.sources[source.ID] = source
	var chart WantedChart
	switch o := o.(type) {
	case *flux.OCIRepository:
		chart.Name = path.Base(o.Spec.URL)
		if ref := o.Spec.Reference; ref != nil {
			chart.Version = cmp.Or(ref.SemVer, ref.Tag)
		}
	case *flux.HelmChart:
		chart.Name, chart.Version = path.Base(o.Spec.Chart), o.Spec.Version
	default:
		return
	}
	m.charts[source.ID] = chart
}

// ChartRequest returns what the images of a release's chart depend on, but for the chart itself and
// the cluster's capabilities. It looks up what the values come from.
func ChartRequest(o *flux.HelmRelease, lookUp LookUpValues) (*chartimages.Request, error) {
	r := ValuesOf(o).read(lookUp)
	values, err := render.EncodeValues(r.effective)
	if err != nil {
		return nil, err
	}
	openValues := values
	if r.hasSecret {
		if openValues, err = render.EncodeValues(ValuesOf(o).read(withoutSecrets(lookUp)).effective); err != nil {
			return nil, err
		}
	}
	request := &chartimages.Request{Secret: r.hasSecret, OpenValues: openValues, Input: render.Input{
		Values: values, ReleaseName: releaseName(o), Namespace: cmp.Or(o.Spec.TargetNamespace, o.Namespace),
		IsUpgrade: len(o.Status.History) > 0, Tests: o.Spec.Test != nil && o.Spec.Test.Enable,
		PostRenderers: postRenderers(o.Spec.PostRenderers), Hooks: render.HookStrategy(o.Spec.PostRenderStrategy),
	}}
	if o.Spec.Upgrade != nil && o.Spec.Upgrade.PreserveValues {
		request.Doubt = "spec.upgrade.preserveValues adds values of the revision before, which pinsync does not know: images that only these name may be missing, until they are in the release and it is unset"
	}
	if r.exceeded != nil {
		request.NotRendered = "its values are not known: " + r.exceeded.Message
	}
	if o.Spec.Chart != nil {
		request.ValuesFiles = inChart(o.Spec.Chart.Spec.Chart, o.Spec.Chart.Spec.ValuesFiles)
		request.IgnoreMissingValuesFiles = o.Spec.Chart.Spec.IgnoreMissingValuesFiles
	}
	return request, nil
}

// inChart returns the paths in a chart of its valuesFiles, which are relative to the chart in a Helm
// repository, and to the source in a Git repository or Bucket.
func inChart(chart string, files []string) []string {
	files = slices.Clone(files)
	for i := range files {
		if below, ok := strings.CutPrefix(path.Clean(files[i]), path.Clean(chart)+"/"); ok {
			files[i] = below
		}
	}
	return files
}

// maxReleaseName is the longest name of a Helm release.
const maxReleaseName = 53

// releaseName returns the name of the Helm release, as helm-controller composes and shortens it.
func releaseName(o *flux.HelmRelease) string {
	name := o.Name
	if o.Spec.TargetNamespace != "" {
		name = o.Spec.TargetNamespace + "-" + name
	}
	return shorten(cmp.Or(o.Spec.ReleaseName, name), maxReleaseName)
}

// shortHashLength is how much of its hash helm-controller leaves of a name that is too long.
const shortHashLength = 12

// shorten shortens a name that is too long, as helm-controller does.
func shorten(name string, most int) string {
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:most-shortHashLength-1] + "-" + hex.EncodeToString(sum[:])[:shortHashLength]
}

func postRenderers(renderers []helmv2.PostRenderer) []render.PostRenderer {
	var list []render.PostRenderer
	for i := range renderers {
		k := renderers[i].Kustomize
		if k == nil {
			continue
		}
		var r render.PostRenderer
		for _, patch := range k.Patches {
			r.Patches = append(r.Patches, kustypes.Patch{Patch: patch.Patch, Target: target(patch.Target)})
		}
		for _, image := range k.Images {
			r.Images = append(r.Images, kustypes.Image{Name: image.Name, NewName: image.NewName, NewTag: image.NewTag, Digest: image.Digest})
		}
		list = append(list, r)
	}
	return list
}

func target(s *kustomize.Selector) *kustypes.Selector {
	if s == nil {
		return nil
	}
	t := &kustypes.Selector{LabelSelector: s.LabelSelector, AnnotationSelector: s.AnnotationSelector}
	t.Group, t.Version, t.Kind, t.Name, t.Namespace = s.Group, s.Version, s.Kind, s.Name, s.Namespace
	return t
}
