package convert

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	kustypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/render"
)

func helmRelease(t *testing.T, text string) *flux.HelmRelease {
	t.Helper()
	o := &flux.HelmRelease{}
	if err := json.Unmarshal([]byte(text), o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestChartRequest(t *testing.T) {
	long := strings.Repeat("n", 60)
	tests := map[string]struct {
		release string
		want    render.Input
	}{
		"defaults": {
			release: `{"metadata":{"name":"web","namespace":"shop"}}`,
			want:    render.Input{Values: []byte("{}"), ReleaseName: "web", Namespace: "shop"},
		},
		"another namespace": {
			release: `{"metadata":{"name":"web","namespace":"shop"},"spec":{"targetNamespace":"prod","values":{"tag":5,"x":1.5}}}`,
			want:    render.Input{Values: []byte(`{"tag":5.0,"x":1.5}`), ReleaseName: "prod-web", Namespace: "prod"},
		},
		"a name, tests and an earlier installation": {
			release: `{"metadata":{"name":"web","namespace":"shop"},"spec":{"targetNamespace":"prod","releaseName":"own","test":{"enable":true},"postRenderStrategy":"nohooks"},"status":{"history":[{"name":"own"}]}}`,
			want:    render.Input{Values: []byte("{}"), ReleaseName: "own", Namespace: "prod", Tests: true, IsUpgrade: true, Hooks: render.HooksUntouched},
		},
		"a long name": {
			release: `{"metadata":{"name":"` + long + `","namespace":"shop"}}`,
			want:    render.Input{Values: []byte("{}"), ReleaseName: long[:40] + "-fb886b452111", Namespace: "shop"},
		},
		"files of a Git repository": {
			release: `{"metadata":{"name":"web","namespace":"shop"},"spec":{"chart":{"spec":{"chart":"./charts/web/","valuesFiles":["charts/web/a.yaml","./charts/web/b/c.yaml","charts/values.yaml"],"ignoreMissingValuesFiles":true}}}}`,
			want:    render.Input{Values: []byte("{}"), ReleaseName: "web", Namespace: "shop", ValuesFiles: []string{"a.yaml", "b/c.yaml", "charts/values.yaml"}, IgnoreMissingValuesFiles: true},
		},
		"post-renderers": {
			release: `{"metadata":{"name":"web","namespace":"shop"},"spec":{"postRenderers":[{"kustomize":{"patches":[{"patch":"a: b","target":{"group":"apps","version":"v1","kind":"Deployment","name":"x","namespace":"y","labelSelector":"a=b","annotationSelector":"c=d"}},{"patch":"c: d"}],"images":[{"name":"a","newName":"b","newTag":"2","digest":"sha256:1"}]}},{}]}}`,
			want: render.Input{Values: []byte("{}"), ReleaseName: "web", Namespace: "shop", PostRenderers: []render.PostRenderer{{
				Patches: []kustypes.Patch{{Patch: "a: b", Target: &kustypes.Selector{
					ResId:         resid.ResId{Gvk: resid.Gvk{Group: "apps", Version: "v1", Kind: "Deployment"}, Name: "x", Namespace: "y"},
					LabelSelector: "a=b", AnnotationSelector: "c=d",
				}}, {Patch: "c: d"}},
				Images: []kustypes.Image{{Name: "a", NewName: "b", NewTag: "2", Digest: "sha256:1"}},
			}}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ChartRequest(helmRelease(t, test.release), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Input, test.want) || got.Secret || string(got.OpenValues) != string(got.Values) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			text, err := json.Marshal(got)
			sent := &chartimages.Request{}
			if err := errors.Join(err, json.Unmarshal(text, sent)); err != nil || !reflect.DeepEqual(sent.Input, test.want) {
				t.Errorf("the process that renders gets %+v, %v, want %+v", sent, err, test.want)
			}
		})
	}
}

// Values of the revision before, which Helm adds to an upgrade, are not known.
func TestChartRequestWithPreservedValues(t *testing.T) {
	for spec, isDoubt := range map[string]bool{`{}`: false, `{"upgrade":{}}`: false, `{"upgrade":{"preserveValues":true}}`: true} {
		got, err := ChartRequest(helmRelease(t, `{"metadata":{"name":"web"},"spec":`+spec+`}`), nil)
		if err != nil || (got.Doubt != "") != isDoubt {
			t.Errorf("%s: the doubt is %q, %v", spec, got.Doubt, err)
		}
	}
}

// Values from a Secret are kept apart from the others; those beyond the budget are not rendered with.
func TestChartRequestWithSecrets(t *testing.T) {
	release := helmRelease(t, `{"metadata":{"name":"web"},"spec":{"valuesFrom":[{"kind":"Secret","name":"s"},{"kind":"ConfigMap","name":"c"}],"values":{"own":1}}}`)
	text := "secret: x"
	lookUp := func(ref ValuesRef) ValuesObject {
		if ref.Kind == SecretKind {
			return ValuesObject{Data: map[string]string{"values.yaml": text}}
		}
		return ValuesObject{Data: map[string]string{"values.yaml": "open: z"}}
	}
	got, err := ChartRequest(release, lookUp)
	if err != nil || !got.Secret || string(got.Values) != `{"open":"z","own":1.0,"secret":"x"}` || string(got.OpenValues) != `{"open":"z","own":1.0}` {
		t.Errorf("got %+v, %v", got, err)
	}
	text = strings.Repeat("#", budget.ValuesBytes+1)
	if got, err := ChartRequest(release, lookUp); err != nil || got.NotRendered == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// All kinds are waited for that say which chart is installed, and what is pinned for the chart itself.
func TestChartKinds(t *testing.T) {
	for spec, want := range map[string]string{
		`{"chart":{"spec":{"sourceRef":{"kind":"Bucket","name":"b"}}}}`: "HelmChart Bucket",
		`{"chartRef":{"kind":"HelmChart","name":"c"}}`:                  "HelmChart HelmRepository",
		`{"chartRef":{"kind":"OCIRepository","name":"c"}}`:              "OCIRepository",
	} {
		if got := strings.Join(ChartSpecOf(helmRelease(t, `{"spec":`+spec+`}`)).Kinds(), " "); got != want {
			t.Errorf("%s: got %s, want %s", spec, got, want)
		}
	}
}
