package render

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	helm "helm.sh/helm/v4/pkg/engine"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/render/engine"
)

// Rendered is what helm-controller would apply.
type Rendered struct {
	// Objects are the manifests, hooks included, as encoding/json decodes them with numbers as
	// json.Number. Objects of a chart's crds folder are not among them.
	Objects []map[string]any
	// Missing are dependencies that are enabled and not in the archive: what they would render is
	// missing, too.
	Missing []string

	// HasOtherWays is set if helm-controller may render it in other ways, too: see RenderAll.
	HasOtherWays bool

	// isByHistory is set if templates ask whether the release is installed or upgraded.
	isByHistory bool
	// missingAPIs are those that the chart defines itself, and that the cluster does not serve.
	missingAPIs []string
}

// RenderAll renders a release as Render does, in all ways in which helm-controller may render it, and has the
// objects of all. It applies the CustomResourceDefinitions in the chart's crds folders first, by spec.install.crds
// and spec.upgrade.crds, and then the chart finds the APIs that they define, unless these are older in the cluster.
func (c *Charts) RenderAll(in *Input) (*Rendered, error) {
	rendered, err := c.renderBoth(in)
	var with *Input
	if err == nil {
		with = in.with(rendered.missingAPIs)
	} else {
		with = c.withOwnAPIs(in)
	}
	if with == nil {
		return rendered, err
	}
	also, alsoErr := c.renderBoth(with)
	switch {
	case alsoErr != nil:
		return rendered, err
	case err != nil:
		return also, nil //nolint:nilerr // the chart insists on what it defines
	default:
		rendered.add(also.Objects)
		return rendered, nil
	}
}

// add adds the objects of another rendering that differ from all that there are: mostly few do, so that they cost
// little of the budget of a release.
func (r *Rendered) add(objects []map[string]any) {
	known := make(map[[sha256.Size]byte]bool, len(r.Objects))
	for _, object := range r.Objects {
		known[digestOf(object)] = true
	}
	for _, object := range objects {
		if !known[digestOf(object)] {
			r.Objects = append(r.Objects, object)
		}
	}
}

// digestOf returns a digest of an object. Package fmt sorts keys, quotes texts, and cannot fail.
func digestOf(object map[string]any) [sha256.Size]byte {
	digest := sha256.New()
	fmt.Fprintf(digest, "%#v", object)
	return [sha256.Size]byte(digest.Sum(nil))
}

// renderBoth renders a release as Render does. A chart that asks whether it is installed or upgraded is rendered
// as both, and has the objects of both: helm-controller decides by what Helm has stored, which a release that was
// made again, or was moved to another namespace, does not show.
func (c *Charts) renderBoth(in *Input) (*Rendered, error) {
	rendered, err := c.Render(in)
	if err != nil || !rendered.isByHistory {
		return rendered, err
	}
	other := *in
	other.IsUpgrade = !in.IsUpgrade
	if also, err := c.Render(&other); err == nil { // else its history counts: many charts cannot be upgraded without a cluster
		rendered.add(also.Objects)
	}
	return rendered, nil
}

// Render renders a release. Values are not checked with the chart's schema: a schema may refer to
// others by URL, which would be fetched.
func (c *Charts) Render(in *Input) (*Rendered, error) {
	loaded, texts, err := c.run(in)
	if err != nil {
		return nil, err
	}
	documents, err := split(texts)
	if err != nil {
		return nil, err
	}
	if documents, err = postRender(in, documents); err != nil {
		return nil, err
	}
	chart := loaded.chart
	rendered := &Rendered{
		Missing: missing(chart), isByHistory: asks(chart, "IsInstall") || asks(chart, "IsUpgrade"),
		missingAPIs: loaded.missingAPIs(in),
	}
	rendered.HasOtherWays = rendered.isByHistory || len(rendered.missingAPIs) > 0
	for i := range documents {
		if in.Tests || !documents[i].isTest() {
			rendered.Objects = append(rendered.Objects, documents[i].object)
		}
	}
	return rendered, nil
}

// run runs the templates of a release's chart, and returns what was loaded, and texts by name.
func (c *Charts) run(in *Input) (*loaded, map[string]string, error) {
	loaded, texts, err := c.execute(in, (*engine.Templates).Render)
	c.shrink()
	if errors.Is(err, engine.ErrUnknown) {
		return c.execute(in, helmEngine)
	}
	return loaded, texts, err
}

// helmEngine is Helm's engine without a cluster: lookup finds nothing.
func helmEngine(_ *engine.Templates, chart *helmchart.Chart, values common.Values) (map[string]string, error) {
	return helm.Engine{}.RenderWithContext(context.Background(), chart, values)
}

// asks reports whether a text stands in the templates of a chart or its sub-charts.
func asks(chart *helmchart.Chart, text string) bool {
	isIn := func(f *common.File) bool { return bytes.Contains(f.Data, []byte(text)) }
	return slices.ContainsFunc(chart.Templates, isIn) ||
		slices.ContainsFunc(chart.Dependencies(), func(sub *helmchart.Chart) bool { return asks(sub, text) })
}

// engineOf renders a chart with the values that its templates get.
type engineOf func(*engine.Templates, *helmchart.Chart, common.Values) (map[string]string, error)

// execute runs the templates of a release's chart with an engine.
func (c *Charts) execute(in *Input, render engineOf) (*loaded, map[string]string, error) {
	loaded, err := c.load(in)
	if err != nil {
		return nil, nil, err
	}
	values, err := renderValues(in, loaded)
	if err != nil {
		return nil, nil, err
	}
	texts, err := render(loaded.templates, loaded.chart, values)
	if err != nil {
		return nil, nil, err
	}
	size := 0
	maps.DeleteFunc(texts, func(name, text string) bool {
		size += len(text)
		return isNotes(name) || strings.TrimSpace(text) == ""
	})
	if size > budget.RenderedBytes {
		return nil, nil, budget.Exceeded(budget.RenderedBytes, "bytes of manifests")
	}
	return loaded, texts, nil
}

// renderValues returns what the templates of a release's chart get.
func renderValues(in *Input, loaded *loaded) (common.Values, error) {
	chart := loaded.chart
	capabilities, err := capabilitiesOf(in)
	if err != nil {
		return nil, err
	}
	if wanted := chart.Metadata.KubeVersion; wanted != "" && !chartutil.IsCompatibleRange(wanted, capabilities.KubeVersion.String()) {
		return nil, fmt.Errorf("the chart wants Kubernetes %s, not %s", wanted, capabilities.KubeVersion.Version)
	}
	options := common.ReleaseOptions{
		Name: in.ReleaseName, Namespace: in.Namespace, Revision: 1, IsInstall: !in.IsUpgrade, IsUpgrade: in.IsUpgrade,
	}
	if in.IsUpgrade {
		options.Revision = 2
	}
	return util.ToRenderValuesWithSchemaValidation(chart, loaded.values, options, capabilities, true)
}

// CheckKubeVersion returns an error unless a text is a version of Kubernetes.
func CheckKubeVersion(version string) error {
	if _, err := common.ParseKubeVersion(version); err != nil {
		return fmt.Errorf("%q is not a version of Kubernetes such as v1.37.2: %w", version, err)
	}
	return nil
}

// capabilitiesOf returns the versions of the cluster that a chart is rendered for.
func capabilitiesOf(in *Input) (*common.Capabilities, error) {
	version, err := common.ParseKubeVersion(cmp.Or(in.KubeVersion, DefaultKubeVersion))
	if err != nil {
		return nil, fmt.Errorf("version %q of Kubernetes: %w", in.KubeVersion, err)
	}
	return &common.Capabilities{
		KubeVersion: *version,
		APIVersions: in.apis(),
		HelmVersion: common.DefaultCapabilities.HelmVersion,
	}, nil
}

// Defaults returns the values that the templates of a chart get: its own, its sub-charts' under
// their names, and the release's over them. Where an image has no tag, it gets the appVersion of
// its chart, as most charts do it. It is the next best where a chart cannot be rendered.
func (c *Charts) Defaults(in *Input) (Chart, map[string]any, error) {
	loaded, err := c.load(in)
	if loaded == nil {
		return Chart{}, nil, err
	}
	chart := loaded.chart
	// Values that are wrong for dependencies may be right for the rest.
	values, coalesceErr := util.CoalesceValues(chart, loaded.values)
	if coalesceErr != nil {
		return Chart{}, nil, errors.Join(err, coalesceErr)
	}
	fillIn(values, chart)
	return Chart{chart.Metadata.Name, chart.Metadata.Version, chart.Metadata.AppVersion}, values, nil
}

// fillIn gives the images of a chart and its sub-charts that have no tag their chart's appVersion.
func fillIn(values map[string]any, chart *helmchart.Chart) {
	isSub := map[string]bool{}
	for _, sub := range chart.Dependencies() {
		isSub[sub.Name()] = true
		if section, isMap := values[sub.Name()].(map[string]any); isMap {
			fillIn(section, sub)
		}
	}
	for key := range values {
		if !isSub[key] {
			fillInTag(values[key], chart.Metadata.AppVersion)
		}
	}
}

// fillInTag sets a tag in every map below a value that has a repository and no tag.
func fillInTag(value any, version string) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			fillInTag(item, version)
		}
	case map[string]any:
		repository, _ := value["repository"].(string)
		if tag := value["tag"]; repository != "" && version != "" && (tag == nil || tag == "") {
			value["tag"] = version
		}
		for _, item := range value {
			fillInTag(item, version)
		}
	}
}
