package chartimages

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/render"
)

func TestFind(t *testing.T) {
	values := "image: {repository: git.example.com/team/app}\n"
	rendered := map[string]string{
		"values.yaml": values, "templates/a.yaml": strings.ReplaceAll(pod, "%", "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"),
	}
	failing := map[string]string{"values.yaml": values, "templates/a.yaml": "{{ fail (printf `no %s\n\tin line` .Values.secret) }}"}
	const chartImage = "chart Pod/a.spec.containers[0].image git.example.com/team/app:"
	upgrade := map[string]string{"values.yaml": values, "templates/a.yaml": rendered["templates/a.yaml"] + "---\n{{ if .Release.IsUpgrade }}{{ fail `no such object` }}{{ end }}"}
	tests := map[string]struct {
		files   map[string]string
		values  string
		change  func(*Request)
		want    string
		wantNot string
	}{
		"rendered":        {files: rendered, want: chartImage + "4.5; "},
		"the values' tag": {files: rendered, values: `{"image":{"tag":"v9"}}`, want: chartImage + "v9; "},
		"not rendered":    {files: failing, values: `{"secret":"x"}`, want: "chart values.image git.example.com/team/app:4.5; ChartNotRendered: the chart could not be rendered, so images that only it names may be missing: execution error at (app/templates/a.yaml:1:3): no x in line; "},
		"with a Secret":   {files: failing, values: `{"secret":"x-y-z"}`, change: func(r *Request) { r.Secret = true }, want: "the reason is not quoted", wantNot: "x-y-z"},
		"text with a Secret": {
			files: map[string]string{"templates/a.yaml": strings.ReplaceAll(pod, "%", "git.example.com/team/app:{{ .Values.tag }}") + "---\nargs: [--x-image=team/x:1, --y-image=team/y:{{ .Values.tag }}]\n"},
			// What is read in full is rendered without the Secret's tag.
			values: `{"tag":"secret"}`, change: func(r *Request) { r.Secret, r.OpenValues = true, []byte(`{"tag":"open"}`) },
			want: "chart git.example.com/team/app:secret; " + chartImage + "open; chart.args[0] docker.io/team/x:1; chart.args[1] docker.io/team/y:open; ",
		},
		"not rendered without a Secret": {
			files:  map[string]string{"templates/a.yaml": secretPod + "---\nargs: [--x-image=team/x:1]\n"},
			values: `{"tag":"secret"}`, change: func(r *Request) { r.Secret, r.OpenValues = true, []byte("{}") },
			want: "chart git.example.com/team/app:secret; ChartNotRendered: images in arguments, environment and other text of the chart may be missing, because that is read only as it is without the values from Secrets, and without them the chart cannot be searched: execution error at (app/templates/a.yaml:4:",
		},
		"not rendered without a Secret, and without images in text": {
			files:  map[string]string{"templates/a.yaml": secretPod},
			values: `{"tag":"secret"}`, change: func(r *Request) { r.Secret, r.OpenValues = true, []byte("{}") },
			want: "chart git.example.com/team/app:secret; ",
		},
		"not rendered without a Secret, and with images of the values in text": {
			files:  map[string]string{"values.yaml": "sidecar: {image: team/x:1}\n", "templates/a.yaml": secretPod + "---\nargs: [--x-image={{ .Values.sidecar.image }}]\n"},
			values: `{"tag":"secret"}`, change: func(r *Request) { r.Secret, r.OpenValues = true, []byte("{}") },
			want: "chart git.example.com/team/app:secret; chart values.sidecar.image docker.io/team/x:1; ",
		},
		"not rendered as an upgrade without a Secret": {
			files:  map[string]string{"templates/a.yaml": "{{ if .Release.IsUpgrade }}a: {{ required `no tag` .Values.tag }}{{ end }}\nargs: [--x-image=team/x:{{ .Release.Revision }}]\n"},
			values: `{"tag":"secret"}`, change: func(r *Request) { r.Secret, r.OpenValues, r.IsUpgrade = true, []byte("{}"), true },
			want: "chart.args[0] docker.io/team/x:1; ChartNotRendered: images in arguments",
		},
		"not to be rendered": {files: rendered, change: func(r *Request) { r.NotRendered = "because" }, want: "chart values.image git.example.com/team/app:4.5; ChartNotRendered: the chart could not be rendered, so images that only it names may be missing: because; "},
		"no chart":           {change: func(r *Request) { r.Archive = []byte("x") }, want: "not an archive"},
		"with a doubt, and the same as an installation and an upgrade": {
			files:  map[string]string{"templates/a.yaml": strings.ReplaceAll(pod, "%", "{{ .Release.Name }}/app:v{{ if .Release.IsUpgrade }}1{{ else }}1{{ end }}")},
			change: func(r *Request) { r.Doubt = "values may be missing" },
			want:   "chart Pod/a.spec.containers[0].image docker.io/app/app:v1; ChartNotRendered: values may be missing; ",
		},
		"as an installation": {files: upgrade, change: func(r *Request) { r.IsUpgrade = true }, want: chartImage + "4.5; ChartNotRendered: the chart could be rendered as an installation only"},
		"a missing dependency": {
			files: map[string]string{"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.2.3\nappVersion: \"4.5\"\ndependencies: [{name: db, version: 1.x}]\n", "values.yaml": values, "templates/a.yaml": rendered["templates/a.yaml"]},
			want:  chartImage + "4.5; ChartNotRendered: the chart does not contain its dependencies, whose images are not known: db; ",
		},
		"a long message": {files: map[string]string{"templates/a.yaml": "{{ fail (repeat 2000 `x`) }}"}, want: "xxx…; ", wantNot: strings.Repeat("x", 600)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := request(t, test.files, test.values)
			if test.change != nil {
				test.change(r)
			}
			got := images(Find(new(render.Charts), r))
			if !strings.Contains(got, test.want) || test.wantNot != "" && strings.Contains(got, test.wantNot) || strings.Contains(got, "\n") {
				t.Errorf("got %s", got)
			}
			if strings.HasSuffix(test.want, "; ") && !strings.HasSuffix(got, test.want) {
				t.Errorf("got more than is wanted: %s", got)
			}
		})
	}
}

// What the values name without a tag or a repository is not used if nothing in the manifests names
// it.
func TestUnused(t *testing.T) {
	files := map[string]string{"templates/a.yaml": strings.ReplaceAll(pod, "%", "git.example.com/team/app:v1") + "---\nkind: X\nother: v2\n"}
	found := Find(new(render.Charts), request(t, files, `{"a":{"image":{"repository":"git.example.com/team/App"}},"b":{"image":{"repository":"git.example.com/team/off"}},"c":{"tag":"v2"},"d":{"tag":"v3"}}`))
	var got []string
	for _, ref := range found.Unused {
		got = append(got, ref.String())
	}
	if want := []string{":v3", "git.example.com/team/off"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if slices.Contains(found.Unused, image.Reference{}) {
		t.Error("an image without a name is unused")
	}
}

// What stands in a Secret is used, though no image is looked for there.
func TestUsedInASecret(t *testing.T) {
	files := func(data string) map[string]string {
		return map[string]string{"templates/a.yaml": strings.ReplaceAll(pod, "%", "git.example.com/team/app:v1") +
			"---\nkind: Secret\ndata:\n  a.yaml: " + data + "\n---\nkind: ConfigMap\nbinaryData:\n  b: {{ `V4` | b64enc }}\n"}
	}
	for data, want := range map[string]int{"{{ .Values | toYaml | b64enc }}": 0, "{{ `other` | b64enc }}": 1, "/w==": 0, "no base64": 0} {
		found := Find(new(render.Charts), request(t, files(data), `{"a":{"image":{"repository":"git.example.com/team/off"}},"b":{"tag":"v4"}}`))
		if len(found.Unused) != want {
			t.Errorf("with %s: got %v", data, found.Unused)
		}
	}
}

// What a chart renders in several ways costs the budget of the release only as far as it differs.
func TestFindInSeveralRenderings(t *testing.T) {
	ways := "{{ .Release.IsUpgrade }}{{ .Capabilities.APIVersions.Has `x.io/v1` }}"
	files := map[string]string{
		"crds/x.yaml":      "kind: CustomResourceDefinition\nspec: {group: x.io, names: {kind: X}, versions: [{name: v1, served: true}]}\n",
		"templates/a.yaml": strings.ReplaceAll(pod, "%", "git.example.com/team/app:"+ways),
		"templates/b.yaml": fmt.Sprintf("kind: ConfigMap\ndata:\n{{ range until %d }}  k{{ . }}: v\n{{ end }}", budget.Nodes*3/4),
	}
	got := images(Find(new(render.Charts), request(t, files, "")))
	for _, tag := range []string{"falsefalse", "truefalse", "falsetrue", "truetrue"} {
		if !strings.Contains(got, "git.example.com/team/app:"+tag+"; ") {
			t.Errorf("%s is missing in %s", tag, got)
		}
	}
}

// secretPod cannot be rendered without a tag.
const secretPod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: 'git.example.com/team/app:{{ required `no tag` .Values.tag }}'}]}\n"
