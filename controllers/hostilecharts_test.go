package controllers_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
)

// hostileChart is a chart of a tenant, and the problem of its release; none, if it is rendered.
type hostileChart struct {
	artifact map[string]any
	reason   v1alpha1.Reason
	want     string
}

// expectHostile creates a release for each chart, in a namespace of its own, and another one, and waits
// until all is found that there is to find: the release of a hostile chart has one problem of that and
// its pins of the values, and the report none.
func (w *world) expectHostile(charts map[string]hostileChart) {
	w.t.Helper()
	own := serveArtifacts(w.t)
	for name, chart := range charts {
		tenant := w.neighbour()
		tenant.provide(tenant.helmChart(name), helmChartSpec("1.x"), chart.artifact)
		tenant.release(name, `{"x":{"image":"`+app+`:`+name+`"}}`, helmRepository)
	}
	w.provide(w.helmChart("web"), helmChartSpec("1.x"), own.put("web", chartOf(w.t, "1.0.0", chartImage)))
	w.release("web", `{}`, helmRepository)
	w.start(w.withCharts())
	w.report(func(p *published) (bool, string) {
		return strings.Contains(p.list.Data["registry-pins.txt"], "container/app==1.0.0\n"), p.list.Data["registry-pins.txt"]
	})
	w.report(func(p *published) (bool, string) {
		if complete := p.list.Annotations[v1alpha1.CompleteAnnotation]; complete != "true" || len(p.report.Problems) > 0 || len(p.report.Releases) != len(charts)+1 {
			return false, fmt.Sprintf("%d releases, complete: %s, problems %v", len(p.report.Releases), complete, p.report.Problems)
		}
		for i := range p.report.Releases {
			release := &p.report.Releases[i]
			if chart, ok := charts[release.Name]; ok && !chart.isIn(release) {
				return false, fmt.Sprintf("want %q of %+v", chart.want, release)
			}
		}
		return true, ""
	})
}

// isIn reports whether a release has the pin of its values, and the problem of its chart and no other.
func (c *hostileChart) isIn(release *v1alpha1.Release) bool {
	hasProblem := len(release.Problems) == 1 && release.Problems[0].Reason == c.reason && strings.Contains(release.Problems[0].Message, c.want)
	isRendered := len(release.Problems) == 0 && release.Chart != nil
	return slices.Contains(release.Pins, "container/app=="+release.Name) && (c.reason == "" && isRendered || hasProblem)
}

// What a hostile chart does when it is rendered is one problem of its release, and other releases are
// pinned meanwhile.
func TestHostileCharts(t *testing.T) {
	w, served := newWorld(t), serveArtifacts(t)
	charts := map[string]hostileChart{}
	for name, chart := range map[string]struct{ template, want string }{
		"loop":    {"{{ range $i := until 60000 }}{{ range $j := until 60000 }}{{ range $k := until 60000 }}{{ end }}{{ end }}{{ end }}", "rendering it took too"},
		"text":    {"{{ repeat 2000000000 `x` }}", "rendering it took too"},
		"output":  {"{{ repeat 100000000 `x` }}", ""}, // more than may be rendered, or than memory
		"no-yaml": {"a: [\n", "renders what is not YAML"},
	} {
		charts[name] = hostileChart{served.put(name, chartOf(t, "1.0.0", chart.template)), v1alpha1.ReasonChartNotRendered, chart.want}
	}
	w.expectHostile(charts)
}

// The same for artifacts that are not what they should be; large ones are rendered.
func TestHostileArtifacts(t *testing.T) {
	w, served := newWorld(t), serveArtifacts(t)
	notRead := func(artifact map[string]any, want string) hostileChart {
		return hostileChart{artifact, v1alpha1.ReasonChartNotRead, want}
	}
	notRendered := func(archive []byte, name, want string) hostileChart {
		return hostileChart{served.put(name, archive), v1alpha1.ReasonChartNotRendered, want}
	}
	large := largeChart(t, budget.ChartBytes)
	wrong := served.put("wrong", chartOf(t, "9.9.9", chartImage)) // no other has its digest
	served.put("wrong", []byte("not that"))
	away := served.put("away", nil)
	away["url"] = "http://" + nowhere(t) + "/away"
	charts := map[string]hostileChart{
		"endless": notRead(served.never("endless", func() []byte { return make([]byte, 1<<20) }), "more than 10485760 bytes of an artifact"),
		"large":   {artifact: served.put("large", large)},
		"larger":  notRead(served.put("larger", append(large, 0)), "more than 10485760 bytes of an artifact"),
		"wrong":   notRead(wrong, "the artifact has digest"),
		"away":    notRead(away, "connection refused"),
		"bomb":    notRendered(archive(t, zeros(budget.ChartUnpacked+1)), "bomb", "bytes in a chart's archive"),
		"link":    notRendered(archive(t, link("../../../etc/passwd")), "link", "a link that leads out of it"),
		"files":   {artifact: served.put("files", archive(t, empty(1000)...))},
	}
	w.expectHostile(charts)
}

// One that trickles is tried for as long as a download may take, several times.
func TestSlowArtifact(t *testing.T) {
	w, served := newWorld(t), serveArtifacts(t)
	slow := served.never("slow", func() []byte { time.Sleep(10 * time.Millisecond); return []byte("x") })
	w.expectHostile(map[string]hostileChart{"slow": {slow, v1alpha1.ReasonChartNotRead, "deadline exceeded"}})
}

// never serves a body that goes on for as long as it is read.
func (a *artifacts) never(name string, next func() []byte) map[string]any {
	artifact, inner := a.put(name, nil), a.Config.Handler
	a.Config.Handler = http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/"+name {
			inner.ServeHTTP(response, request)
			return
		}
		for {
			if _, err := response.Write(next()); err != nil {
				return
			}
			response.(http.Flusher).Flush() //nolint:forcetypeassert // a server's own
		}
	})
	return artifact
}

// nowhere is the address of a server that is away.
func nowhere(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

// A source-controller that was away is asked again, though nothing else happens.
func TestSourceControllerComesBack(t *testing.T) {
	w, served := newWorld(t), serveArtifacts(t)
	artifact, address := served.put("web-1.0.0.tgz", chartOf(t, "1.0.0", chartImage)), nowhere(t)
	artifact["url"] = "http://" + address + "/web-1.0.0.tgz"
	w.provide(w.helmChart("web"), helmChartSpec("1.x"), artifact)
	w.release("web", `{}`, helmRepository)
	w.start(w.withCharts())
	w.expectInReport("connection refused")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	back := httptest.NewUnstartedServer(served.Config.Handler)
	_ = back.Listener.Close()
	back.Listener = listener
	back.Start()
	t.Cleanup(back.Close)
	w.expect("1.0.0")
}

// entry is a file of an archive.
type entry struct {
	tar.Header
	text []byte
}

func zeros(size int) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: "web/files/zeros"}, make([]byte, size)}
}

func link(target string) entry {
	return entry{tar.Header{Typeflag: tar.TypeSymlink, Name: "web/files/link", Linkname: target}, nil}
}

func empty(count int) []entry {
	entries := make([]entry, count)
	for i := range entries {
		entries[i].Header = tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprint("web/files/", i)}
	}
	return entries
}

// archive packs a chart with more files.
func archive(t *testing.T, more ...entry) []byte {
	t.Helper()
	return archiveWith(t, nil, more...)
}

func archiveWith(t *testing.T, padding []byte, more ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	zipped.Extra = padding
	files := tar.NewWriter(zipped)
	entries := append([]entry{{tar.Header{Typeflag: tar.TypeReg, Name: "web/Chart.yaml"}, []byte("apiVersion: v2\nname: web\nversion: 1.0.0\n")}}, more...)
	for i := range entries {
		entries[i].Size = int64(len(entries[i].text))
		if err := files.WriteHeader(&entries[i].Header); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write(entries[i].text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(files.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// largeChart packs a chart whose archive has exactly that size: files that cannot be compressed, and
// padding in the header.
func largeChart(t *testing.T, size int) []byte {
	t.Helper()
	random := rand.NewChaCha8([32]byte{})
	entries := empty(4)
	for i := range entries {
		entries[i].text = make([]byte, (size-1<<15)/len(entries))
		_, _ = random.Read(entries[i].text)
	}
	const extraLength = 2 // of the field before the padding
	padding := size - len(archiveWith(t, nil, entries...)) - extraLength
	chart := archiveWith(t, make([]byte, padding), entries...)
	if len(chart) != size {
		t.Fatalf("it has %d bytes, want %d", len(chart), size)
	}
	return chart
}
