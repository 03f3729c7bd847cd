package charts_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/object"
)

func id(kind, name string) object.ID {
	return object.ID{Kind: kind, Name: object.Name{Namespace: "shop", Name: name}}
}

var release = object.Name{Namespace: "shop", Name: "web"}

// objects are what a resolver knows.
func resolver(objects ...convert.Source) *charts.Resolver {
	return &charts.Resolver{LookUp: func(id object.ID) (convert.Source, bool) {
		for i := range objects {
			if objects[i].ID == id {
				return objects[i], true
			}
		}
		return convert.Source{}, false
	}}
}

func template(kind, version string) *convert.ChartTemplate {
	return &convert.ChartTemplate{Chart: "web", Version: version, Source: id(kind, "charts")}
}

func helmChart() convert.Source {
	return convert.Source{
		ID: id(flux.HelmChartKind, "shop-web"), Owner: release, Template: *template("HelmRepository", "1.x"), Artifact: flux.Artifact{URL: "http://flux/web.tgz", Revision: "1.4.0"},
	}
}

func TestReference(t *testing.T) {
	oci := convert.Source{ID: id("HelmRepository", "charts"), URL: "oci://git.example.com/team/charts"}
	classic := convert.Source{ID: id("HelmRepository", "charts"), URL: "https://git.example.com/api/packages/team/helm"}
	elsewhere := convert.Source{ID: id("HelmRepository", "charts"), URL: "https://charts.example.com/stable"}
	merged := helmChart()
	merged.Template.ValuesFiles, merged.Artifact.Revision = "values-prod.yaml\n", "1.4.0+3"
	packaged := func(version string) convert.Source {
		made := helmChart()
		made.Artifact.Revision = version
		return made
	}
	mergedAs := func(version string) convert.Source {
		made := packaged(version)
		made.Template.ValuesFiles = "values-prod.yaml\n"
		return made
	}
	withFiles := &convert.ChartSpec{Release: release, Ref: id(flux.HelmChartKind, "shop-web"), Template: template("HelmRepository", "v1.4.0")}
	withFiles.Template.ValuesFiles = "values-prod.yaml\n"
	ofChart := &convert.ChartSpec{Release: release, Ref: id(flux.HelmChartKind, "shop-web")}
	repository := convert.Source{ID: id(flux.OCIRepositoryKind, "web"), URL: "oci://git.example.com/team/web", Artifact: flux.Artifact{Revision: "1.2.0@sha256:ab"}}
	tagged := repository
	tagged.Tag = "stable"
	// Flux takes the range, whatever tag there is besides.
	object := &flux.OCIRepository{ObjectMeta: metav1.ObjectMeta{Namespace: release.Namespace, Name: release.Name}}
	object.Spec = flux.OCIRepositorySpec{URL: repository.URL, Reference: &flux.OCIRepositoryRef{SemVer: "1.x", Tag: "stable"}}
	object.Status.Artifact = &repository.Artifact
	ranged := convert.SourceOf(object)
	byDigest := repository
	byDigest.Artifact.Revision = "sha256:ab"
	chart := func(version string) *convert.ChartSpec {
		return &convert.ChartSpec{Release: release, Ref: id(flux.HelmChartKind, "shop-web"), Template: template("HelmRepository", version)}
	}
	ref := &convert.ChartSpec{Release: release, Ref: id(flux.OCIRepositoryKind, "web")}
	for name, test := range map[string]struct {
		spec    *convert.ChartSpec
		objects []convert.Source
		want    string
	}{
		"an exact version":              {chart("1.0.0"), []convert.Source{oci}, "git.example.com/team/charts/web:1.0.0"},
		"one with build metadata":       {chart("1.0.0+2"), []convert.Source{oci}, "git.example.com/team/charts/web:1.0.0_2"},
		"a range that was resolved":     {chart("1.x"), []convert.Source{oci, helmChart()}, "git.example.com/team/charts/web:1.4.0"},
		"a range that was not resolved": {chart("1.x"), []convert.Source{oci}, ""},
		"a classic repository":          {chart("1.0.0"), []convert.Source{classic}, "helm://git.example.com/team/web:1.0.0"},
		"its build metadata":            {chart("1.0.0+2"), []convert.Source{classic}, "helm://git.example.com/team/web:1.0.0+2"},
		"a version with v":              {chart("v1.4.0"), []convert.Source{oci}, "git.example.com/team/charts/web:v1.4.0"},
		"merged with valuesFiles":       {withFiles, []convert.Source{oci, mergedAs("1.4.0+3")}, "git.example.com/team/charts/web:v1.4.0"},
		"the package has v":             {chart("1.4.0"), []convert.Source{classic, packaged("v1.4.0")}, "helm://git.example.com/team/web:v1.4.0"},
		"the package has metadata":      {chart("1.4.0"), []convert.Source{classic, packaged("1.4.0+b")}, "helm://git.example.com/team/web:1.4.0+b"},
		"a package of another version":  {chart("1.5.0"), []convert.Source{classic, packaged("1.4.0")}, "helm://git.example.com/team/web:1.5.0"},
		"the tag has no v":              {chart("1.4.0"), []convert.Source{oci, packaged("v1.4.0")}, "git.example.com/team/charts/web:1.4.0"},
		"a range of it":                 {chart("1.x"), []convert.Source{classic, helmChart()}, "helm://git.example.com/team/web:1.4.0"},
		"a range with valuesFiles":      {chart("1.x"), []convert.Source{classic, merged}, "helm://git.example.com/team/web:1.4.0"},
		"a HelmChart with valuesFiles":  {ofChart, []convert.Source{oci, merged}, "git.example.com/team/charts/web:1.4.0"},
		"another classic repository":    {chart("1.0.0"), []convert.Source{elsewhere}, ""},
		"no repository":                 {chart("1.0.0"), nil, ""},
		"a range of an OCIRepository":   {ref, []convert.Source{repository}, "git.example.com/team/web:1.2.0"},
		"a tag of an OCIRepository":     {ref, []convert.Source{tagged}, "git.example.com/team/web:stable"},
		"a tag beside a range":          {ref, []convert.Source{ranged}, "git.example.com/team/web:1.2.0"},
		"a digest of an OCIRepository":  {ref, []convert.Source{byDigest}, ""},
		"no OCIRepository":              {ref, nil, ""},
		"a HelmChart":                   {ofChart, []convert.Source{oci, helmChart()}, "git.example.com/team/charts/web:1.4.0"},
	} {
		got := resolver(test.objects...).Reference(test.spec)
		if got.String() != test.want {
			t.Errorf("%s: got %q, want %q", name, got.String(), test.want)
		}
	}
}

func TestResolve(t *testing.T) {
	artifact := flux.Artifact{URL: "http://flux/a.tgz", Revision: "main@sha1:ab", Digest: "sha256:ab"}
	git := convert.Source{ID: id(flux.GitRepositoryKind, "charts"), Artifact: artifact}
	notReady := git
	notReady.NotReady = "no such\nbranch"
	packaged := helmChart()
	packaged.Template = *template(flux.GitRepositoryKind, "*")
	packaged.Template.Interval = "5m0s"
	every := func(interval string, spec *convert.ChartSpec) *convert.ChartSpec {
		spec.Template.Interval = interval
		return spec
	}
	foreign := helmChart()
	foreign.Owner = object.Name{Namespace: "shop-web", Name: ""}
	wanted := func(kind, version string) *convert.ChartSpec {
		return &convert.ChartSpec{Release: release, Ref: id(flux.HelmChartKind, "shop-web"), Template: template(kind, version)}
	}
	other := &convert.ChartSpec{Release: object.Name{Namespace: "other", Name: "web"}, Ref: id(flux.OCIRepositoryKind, "web")}
	for name, test := range map[string]struct {
		spec    *convert.ChartSpec
		own     bool
		objects []convert.Source
		want    string
		doubt   string
	}{
		"its HelmChart":           {wanted("HelmRepository", "1.x"), false, []convert.Source{helmChart()}, "HelmChart/shop/shop-web ", ""},
		"a HelmChart of before":   {wanted("HelmRepository", "2.x"), false, []convert.Source{helmChart()}, "", "HelmChart shop/shop-web has the chart that the release asked for before it was suspended: Flux changes it at the resume"},
		"a stranger's HelmChart":  {wanted("HelmRepository", "1.x"), false, []convert.Source{foreign}, "", "there is no chart yet: Flux makes HelmChart shop/shop-web when the release is resumed"},
		"another interval":        {every("5m0s", wanted("HelmRepository", "1.x")), false, []convert.Source{helmChart()}, "HelmChart/shop/shop-web ", ""},
		"the package of a source": {every("5m0s", wanted(flux.GitRepositoryKind, "*")), false, []convert.Source{git, packaged}, "HelmChart/shop/shop-web ", ""},
		"is to be packaged again": {every("10m0s", wanted(flux.GitRepositoryKind, "*")), false, []convert.Source{git, packaged}, "GitRepository/shop/charts web", ""},
		"its source":              {wanted(flux.GitRepositoryKind, "*"), false, []convert.Source{git}, "GitRepository/shop/charts web", ""},
		"a source that is old":    {wanted(flux.GitRepositoryKind, "*"), false, []convert.Source{notReady}, "GitRepository/shop/charts web", "GitRepository shop/charts is not ready: no such branch"},
		"no source":               {wanted(flux.GitRepositoryKind, "*"), false, nil, "", "there is no GitRepository shop/charts"},
		"nothing fetched":         {other, false, []convert.Source{{ID: id(flux.OCIRepositoryKind, "web")}}, "OCIRepository/shop/web ", "Flux has not fetched OCIRepository shop/web yet"},
		"another namespace":       {other, true, []convert.Source{git}, "", "OCIRepository shop/web is in another namespace, and the configuration's crossNamespaceRefs is Deny"},
		"neither chart nor a ref": {&convert.ChartSpec{Release: release}, false, nil, "", "the release has neither a chart nor a chartRef"},
	} {
		r := resolver(test.objects...)
		r.OwnNamespaceOnly = test.own
		chart, doubt := r.Resolve(test.spec)
		got := ""
		if chart.Source != (object.ID{}) {
			got = chart.Source.String() + " " + chart.Folder
		}
		if got != test.want || doubt != test.doubt {
			t.Errorf("%s: got %q, %q, want %q, %q", name, got, doubt, test.want, test.doubt)
		}
	}
}
