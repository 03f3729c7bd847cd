package chartimages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/sandbox"
)

// finder renders in a process of its own, with less time than usual.
func finder(t *testing.T) *Finder {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	short := DefaultLimits().sandbox()
	short.Time = 6 * time.Second
	f := &Finder{sandbox.NewPool(1, short, program, serveName)}
	t.Cleanup(f.Close)
	return f
}

// template is a chart with one template, and a default that can always be read.
func template(t *testing.T, text string) []byte {
	t.Helper()
	return chart(t, map[string]string{"values.yaml": "image: {repository: git.example.com/team/app}\n", "templates/a.yaml": text})
}

// archive packs files one after the other; one with a target is a link.
func archive(t *testing.T, files []tar.Header, zeros int) []byte {
	t.Helper()
	var text bytes.Buffer
	zipped := gzip.NewWriter(&text)
	out := tar.NewWriter(zipped)
	write := func(header *tar.Header, content []byte) {
		header.Size = int64(len(content))
		if err := out.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	write(&tar.Header{Typeflag: tar.TypeReg, Name: "app/Chart.yaml"}, []byte("apiVersion: v2\nname: app\nversion: 1.2.3\n"))
	for i := range files {
		write(&files[i], make([]byte, zeros))
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// Whatever a chart does, it is one problem of its release, in one line; where the chart can be read,
// its defaults are searched; and the next chart is rendered.
func TestHostileCharts(t *testing.T) {
	many := make([]tar.Header, budget.ChartFiles+1)
	for i := range many {
		many[i] = tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("app/files/%d", i)}
	}
	tests := map[string]struct {
		archive []byte
		want    string
		// isBroken is set if not even its defaults can be read.
		isBroken bool
	}{
		"an endless loop":      {archive: template(t, "{{ range $i := until 60000 }}{{ range $j := until 60000 }}{{ range $k := until 60000 }}{{ end }}{{ end }}{{ end }}"), want: "rendering it took too"},
		"a long list":          {archive: template(t, "{{ until 2000000000 }}"), want: "rendering it took too"}, // much memory, or long to fail
		"a long text":          {archive: template(t, "{{ repeat 2000000000 `x` }}"), want: "rendering it took too"},
		"recursive tpl":        {archive: template(t, "{{ define `a` }}{{ tpl `{{ include \"a\" . }}` . }}{{ end }}{{ include `a` . }}"), want: "ChartNotRendered"},
		"a template in itself": {archive: template(t, "{{ define `a` }}{{ template `a` . }}{{ end }}{{ template `a` . }}"), want: "ChartNotRendered"},
		"a growing text":       {archive: template(t, "{{ $x := `x` }}{{ range until 60 }}{{ $x = printf `%s%s` $x $x }}{{ end }}"), want: "rendering it took too"},
		"100 MB of output":     {archive: template(t, "{{ range until 1000 }}# {{ repeat 100000 `x` }}\n{{ end }}"), want: "ChartNotRendered"},
		"40 MB of output":      {archive: template(t, "{{ repeat 40000000 `x` }}"), want: "ChartNotRendered"},
		"output that is text":  {archive: template(t, "a: [\n"), want: "app/templates/a.yaml renders what is not YAML: see its line"},
		"aliases of aliases":   {archive: template(t, aliases), want: "ChartNotRendered"},
		"many images":          {archive: template(t, "spec:\n  containers:\n{{ range until 10001 }}  - image: a:1\n{{ end }}"), want: "more than 10000 images"},
		"many objects":         {archive: template(t, "{{ range until 20001 }}---\na: 1\n{{ end }}"), want: "more than 20000 objects"},
		"deep output":          {archive: template(t, "a: {{ repeat 20000 `[` }}"), want: "ChartNotRendered"},
		"a bomb":               {archive: archive(t, []tar.Header{{Typeflag: tar.TypeReg, Name: "app/files/zeros"}}, budget.ChartUnpacked+1), want: "bytes in a chart's archive", isBroken: true},
		"a link out":           {archive: archive(t, []tar.Header{{Typeflag: tar.TypeSymlink, Name: "app/templates/a.yaml", Linkname: "/etc/passwd"}}, 0), want: "a link that leads out of it", isBroken: true},
		"many files":           {archive: archive(t, many, 0), want: "more than 5000 files in a chart", isBroken: true},
		"large":                {archive: make([]byte, budget.ChartBytes+1), want: "bytes of a chart's archive", isBroken: true},
		"no archive":           {archive: []byte("apiVersion: v2"), want: "not an archive", isBroken: true},
	}
	f := finder(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := request(t, nil, "")
			r.Archive = test.archive
			start := time.Now()
			found := f.Find(t.Context(), r)
			got := images(found)
			t.Log(time.Since(start).Round(time.Millisecond), got)
			if len(found.Problems) != 1 || !strings.Contains(got, test.want) || strings.Contains(got, "\n") || len(got) > 1000 {
				t.Errorf("got %s, want one problem with %q", got, test.want)
			}
			if !test.isBroken && !strings.Contains(got, "git.example.com/team/app:4.5") {
				t.Error("the defaults were not searched")
			}
			next := f.Find(t.Context(), request(t, map[string]string{"templates/a.yaml": strings.ReplaceAll(pod, "%", "next:1")}, ""))
			if got := images(next); got != "chart Pod/a.spec.containers[0].image docker.io/library/next:1; " {
				t.Errorf("the next chart is not rendered: %s", got)
			}
		})
	}
}

// A chart that takes too much in the way that its history does not show is rendered in the other, and its defaults
// are searched, too.
func TestOneWayTakesTooMuch(t *testing.T) {
	endless := "{{ range until 60000 }}{{ range until 60000 }}{{ range until 60000 }}{{ end }}{{ end }}{{ end }}"
	r := request(t, nil, "")
	r.Archive = template(t, strings.ReplaceAll(pod, "%", "installed:1")+"{{ if .Release.IsUpgrade }}"+endless+"{{ end }}")
	found := finder(t).Find(t.Context(), r)
	got := images(found)
	if found.Rendered || len(found.Problems) != 1 || !strings.Contains(got, "library/installed:1") || !strings.Contains(got, "git.example.com/team/app:4.5") ||
		!strings.Contains(got, "one of several ways only, and in another one its images may be others: rendering it took too long: more than 6s") {
		t.Errorf("rendered: %t, got %s", found.Rendered, got)
	}
}

// aliases are a YAML document of a few hundred bytes that stands for gigabytes.
const aliases = `
a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]
g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f]
h: &h [*g, *g, *g, *g, *g, *g, *g, *g, *g]
`
