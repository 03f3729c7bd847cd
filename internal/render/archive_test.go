package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// entry is a file of an archive: a link if it has a target, else so many zeros.
type entry struct {
	header tar.Header
	text   []byte
	zeros  int
}

// pack packs an archive that Pack would not make.
func pack(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	files := tar.NewWriter(zipped)
	for _, e := range entries {
		if e.header.Size = int64(len(e.text) + e.zeros); e.header.Typeflag == 0 {
			e.header.Typeflag = tar.TypeReg
		}
		if err := files.WriteHeader(&e.header); err != nil {
			t.Fatal(err)
		}
		for _, part := range [][]byte{e.text, make([]byte, e.zeros)} {
			if _, err := files.Write(part); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func file(name, text string) entry { return entry{header: tar.Header{Name: name}, text: []byte(text)} }

func link(target string, kind byte) entry {
	return entry{header: tar.Header{Name: "app/templates/a.yaml", Linkname: target, Typeflag: kind}}
}

func TestArchiveLimits(t *testing.T) {
	chart := file("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.2.3\n")
	var many []entry
	for i := range budget.ChartFiles + 1 {
		many = append(many, file(fmt.Sprintf("app/files/%d", i), ""))
	}
	bomb := entry{header: tar.Header{Name: "app/files/zeros"}, zeros: budget.ChartUnpacked + 1}
	half := entry{header: tar.Header{Name: "sub/files/zeros"}, zeros: budget.ChartUnpacked * 3 / 5}
	subchart := func(entries ...entry) []byte {
		return pack(t, append(entries, file("sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.2.3\n"))...)
	}
	nested := subchart()
	for range budget.ChartNesting {
		nested = subchart(entry{header: tar.Header{Name: "sub/charts/sub.tgz"}, text: nested})
	}
	tests := map[string]struct {
		entries []entry
		want    string
	}{
		"a chart":                 {entries: []entry{chart}},
		"a bomb":                  {entries: []entry{chart, bomb}, want: "bytes in a chart's archive"},
		"many files":              {entries: append(many, chart), want: "files in a chart"},
		"a bomb in two archives":  {entries: []entry{chart, {header: tar.Header{Name: "app/charts/a.tgz"}, text: subchart(half)}, {header: tar.Header{Name: "app/charts/b.tgz"}, text: subchart(half)}}, want: "bytes in a chart's archive"},
		"a bomb in an archive":    {entries: []entry{chart, {header: tar.Header{Name: "app/charts/a.tgz"}, text: subchart(half)}}},
		"files in archives":       {entries: append(many[1:], entry{header: tar.Header{Name: "app/charts/a.tgz"}, text: subchart()}), want: "files in a chart"},
		"archives in archives":    {entries: []entry{chart, {header: tar.Header{Name: "app/charts/a.tgz"}, text: nested}}, want: "levels of archives"},
		"a link out":              {entries: []entry{chart, link("../../../etc/passwd", tar.TypeSymlink)}, want: "leads out of it: app/templates/a.yaml"},
		"a link to the root":      {entries: []entry{chart, link("/etc/passwd", tar.TypeSymlink)}, want: "leads out of it"},
		"a hard link out":         {entries: []entry{chart, link("../passwd", tar.TypeLink)}, want: "leads out of it"},
		"a link inside":           {entries: []entry{chart, link("../files/a.yaml", tar.TypeSymlink)}},
		"a file out":              {entries: []entry{chart, file("app/../../a", "")}, want: "illegally references parent directory"},
		"a damaged inner archive": {entries: []entry{chart, file("app/charts/a.tgz", "x")}, want: "not an archive"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := new(Charts).Render(&Input{Archive: pack(t, test.entries...)})
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := new(Charts).Render(&Input{Archive: make([]byte, budget.ChartBytes+1)}); !budget.IsExceeded(err) {
		t.Errorf("a large archive: %v", err)
	}
}

// A folder is packed as Flux would: without links and what is ignored.
func TestPack(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.2.3\n", "templates/a.yaml": pod("a", "a:1"), ".helmignore": "*.bak\n", "templates/b.bak": "{{ fail `b` }}",
	} {
		name = filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a.yaml", filepath.Join(folder, "templates", "link.yaml")); err != nil {
		t.Fatal(err)
	}
	archive, err := Pack(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := new(Charts).Render(&Input{Archive: archive})
	if err != nil || len(rendered.Objects) != 1 {
		t.Errorf("got %v, %v", rendered, err)
	}
	if c, err := ReadChart(archive); err != nil || c != (Chart{"app", "1.2.3", ""}) {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestPackRefuses(t *testing.T) {
	many := fstest.MapFS{}
	for i := range budget.ChartFiles + 1 {
		many[fmt.Sprint(i)] = &fstest.MapFile{}
	}
	large := fstest.MapFS{"a": {Data: make([]byte, budget.ChartUnpacked+1)}}
	for name, folder := range map[string]fstest.MapFS{"files": many, "bytes": large} {
		if _, err := Pack(folder); !budget.IsExceeded(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Pack(os.DirFS(filepath.Join(t.TempDir(), "none"))); err == nil {
		t.Error("a folder that does not exist is packed")
	}
}

func TestReadChart(t *testing.T) {
	for name, test := range map[string]struct {
		archive []byte
		want    Chart
		isError bool
	}{
		"a chart":       {archive: pack(t, file("app/values.yaml", "name: x"), file("app/Chart.yaml", "name: app\nversion: 1.2.3\nappVersion: v4"), file("app/x", "")), want: Chart{"app", "1.2.3", "v4"}},
		"a sub-chart's": {archive: pack(t, file("app/charts/sub/Chart.yaml", "name: sub"), file("app/Chart.yaml", "name: app")), want: Chart{Name: "app"}},
		"none":          {archive: pack(t, file("app/values.yaml", "name: x")), isError: true},
		"no YAML":       {archive: pack(t, file("app/Chart.yaml", "a: [")), isError: true},
		"no archive":    {archive: []byte("name: app"), isError: true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ReadChart(test.archive); got != test.want || (err != nil) != test.isError {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
