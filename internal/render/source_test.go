package render

import (
	"slices"
	"testing"
)

// A dependency that is another folder is added only where it is not in the chart, as source-controller does it:
// what is committed there may be older, and is what is installed.
func TestLocalDependency(t *testing.T) {
	const metadata = "apiVersion: v2\nname: side\nversion: 1.0.0\n"
	older := string(chart(t, files{"Chart.yaml": metadata, "templates/b.yaml": pod("b", "side:v1")}))
	other := string(chart(t, files{"Chart.yaml": "apiVersion: v2\nname: other\nversion: 1.0.0\n"}))
	for name, test := range map[string]struct {
		included []entry
		want     string
	}{
		"not included":           {want: "side:v2"},
		"included as a folder":   {[]entry{file("web/charts/side/Chart.yaml", metadata), file("web/charts/side/templates/b.yaml", pod("b", "side:v1"))}, "side:v1"},
		"included as an archive": {[]entry{file("web/charts/side-1.0.0.tgz", older)}, "side:v1"},
		"included, and named twice in Chart.lock": {[]entry{
			file("web/charts/side/Chart.yaml", metadata), file("web/charts/side/templates/b.yaml", pod("b", "side:v1")),
			file("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: side, alias: a, version: 1.x, repository: 'file://../side'}, {name: side, alias: b, version: 1.x, repository: 'file://../side'}]\n"),
			file("web/Chart.lock", "dependencies: [{name: side, version: 1.0.0, repository: 'file://../side'}, {name: side, version: 1.0.0, repository: 'file://../side'}]\n"),
		}, "side:v1"},
		"another is included": {[]entry{file("web/charts/other-1.0.0.tgz", other)}, "side:v2"},
	} {
		t.Run(name, func(t *testing.T) {
			archive := pack(t, append([]entry{
				file("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: side, version: 1.x, repository: 'file://../side'}, {name: off, version: 1.x, condition: isOff}]\n"),
				file("web/values.yaml", "isOff: false\n"), file("side/Chart.yaml", metadata), file("side/templates/b.yaml", pod("b", "side:v2")),
			}, test.included...)...)
			for range 5 { // the files of a source are in no order
				rendered, err := new(Charts).Render(&Input{Archive: archive, Folder: "web", ReleaseName: "web", Namespace: "shop"})
				if err != nil {
					t.Fatal(err)
				}
				if got := images(rendered.Objects); !slices.Equal(slices.Compact(got), []string{test.want}) {
					t.Fatalf("got %v, want %s", got, test.want)
				}
			}
		})
	}
}

// What a dependency in another folder refers to itself is missing, as source-controller leaves it.
func TestLocalDependencyOfADependency(t *testing.T) {
	archive := pack(t,
		file("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{name: side, version: 1.x, repository: 'file://../../side', import-values: [{child: image, parent: image}]}]\n"),
		file("web/templates/a.yaml", pod("a", "app:{{ (.Values.image).tag | default `v1` }}")),
		file("side/Chart.yaml", "apiVersion: v2\nname: side\nversion: 1.0.0\ndependencies: [{name: deep, version: 1.x, repository: 'file://../deep', import-values: [image]}]\n"),
		file("side/templates/b.yaml", pod("b", "side:v1")),
		file("deep/Chart.yaml", "apiVersion: v2\nname: deep\nversion: 1.0.0\n"), file("deep/values.yaml", "exports: {image: {image: {tag: v2}}}\n"),
	)
	rendered, err := new(Charts).Render(&Input{Archive: archive, Folder: "web", ReleaseName: "web", Namespace: "shop"})
	if err != nil || !slices.Equal(images(rendered.Objects), []string{"app:v1", "side:v1"}) || len(rendered.Missing) != 1 {
		t.Fatalf("got %+v, %v", rendered, err)
	}
}

// Paths of a release are those below its source, however they are written.
func TestPathsInASource(t *testing.T) {
	archive := pack(t,
		file("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"), file("charts/web/values.yaml", "tag: default\n"),
		file("charts/web/templates/a.yaml", pod("a", "app:{{ .Values.tag }}")), file("envs/prod.yaml", "tag: prod\n"),
	)
	for _, folder := range []string{"charts/web", "./charts/web/", "/charts/web", "../charts/web"} {
		for _, values := range []string{"envs/prod.yaml", "./envs/prod.yaml", "/envs/prod.yaml", "../envs/prod.yaml", "charts/../../envs/prod.yaml"} {
			rendered, err := new(Charts).Render(&Input{
				Archive: archive, Folder: folder, ReleaseName: "web", Namespace: "shop",
				ValuesFiles: []string{"charts/web/values.yaml", values}, IgnoreMissingValuesFiles: true,
			})
			if err != nil || !slices.Equal(images(rendered.Objects), []string{"app:prod"}) {
				t.Errorf("%s, %s: got %+v, %v", folder, values, rendered, err)
			}
		}
	}
}
