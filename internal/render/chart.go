package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/render/engine"
)

// valuesFile is the file with a chart's defaults.
const valuesFile = "values.yaml"

// Chart identifies a chart.
type Chart struct {
	Name, Version, AppVersion string
}

// ReadChart returns what an archive's Chart.yaml says. It reads the archive up to that file.
func ReadChart(text []byte) (Chart, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return Chart{}, errNotZipped
	}
	files := tar.NewReader(io.LimitReader(unzipped, budget.ChartUnpacked))
	for {
		header, err := files.Next()
		if err != nil {
			return Chart{}, errors.New("the chart's archive has no Chart.yaml in its folder")
		}
		if folder, name := path.Split(path.Clean(header.Name)); name != "Chart.yaml" || strings.Count(folder, "/") != 1 {
			continue
		}
		file, err := io.ReadAll(io.LimitReader(files, budget.ChartBytes))
		if err != nil {
			return Chart{}, err
		}
		var metadata helmchart.Metadata
		if err := yaml.Unmarshal(file, &metadata); err != nil {
			return Chart{}, fmt.Errorf("the chart's Chart.yaml is not YAML: %w", err)
		}
		return Chart{metadata.Name, metadata.Version, metadata.AppVersion}, nil
	}
}

// loaded is a chart for a release, with the sub-charts that the release's values enable, and these values.
type loaded struct {
	chart     *helmchart.Chart
	values    map[string]any
	templates *engine.Templates
	// apis are those that the chart defines itself.
	apis []string
}

// load loads a chart, with its valuesFiles in the place of its own values. With an error, what is loaded is
// nil, unless only the dependencies could not be processed.
func (c *Charts) load(in *Input) (*loaded, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	kept, err := c.chart(in)
	if err != nil {
		return nil, err
	}
	chart := clone(kept.chart)
	// helm-controller installs no other type.
	if chart.Metadata.Type != "" && chart.Metadata.Type != "application" {
		return nil, fmt.Errorf("a chart of type %s cannot be installed", chart.Metadata.Type)
	}
	values, err := decodeValues(in.Values)
	if err != nil {
		return nil, err
	}
	return &loaded{chart, values, &kept.templates, kept.apis}, chartutil.ProcessDependencies(chart, common.Values(values))
}

// filesOf returns the files of a chart, with its valuesFiles in the place of its values.
func filesOf(in *Input) ([]*archive.BufferedFile, error) {
	if in.Folder != "" {
		files, source, err := fromSource(in)
		if err != nil {
			return nil, err
		}
		return withValuesFiles(files, in, func(name string) []byte { return source[inSource(name)] })
	}
	if err := checkArchive(in.Archive); err != nil {
		return nil, err
	}
	files, err := archive.LoadArchiveFiles(bytes.NewReader(in.Archive))
	if err != nil {
		return nil, err
	}
	return withValuesFiles(files, in, func(name string) []byte {
		if file := fileOf(files, name); file != nil {
			return file.Data
		}
		return nil
	})
}

// withValuesFiles returns a chart's files with one values.yaml that its valuesFiles are merged
// into, in order, as source-controller packages it. They are read by their cleaned names.
func withValuesFiles(files []*archive.BufferedFile, in *Input, read func(name string) []byte) ([]*archive.BufferedFile, error) {
	if len(in.ValuesFiles) == 0 {
		return files, nil
	}
	merged := map[string]any{}
	for _, name := range in.ValuesFiles {
		text := read(path.Clean(name))
		switch {
		case text == nil && in.IgnoreMissingValuesFiles:
			continue
		case text == nil:
			return nil, fmt.Errorf("the chart has no file %s, which valuesFiles names", name)
		}
		values := map[string]any{}
		if err := yaml.Unmarshal(text, &values); err != nil {
			return nil, fmt.Errorf("%s is not YAML: %w", name, err)
		}
		merged = loader.MergeMaps(merged, values)
	}
	text, err := yaml.Marshal(merged)
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(f *archive.BufferedFile) bool { return f.Name == valuesFile })
	return append(files, &archive.BufferedFile{Name: valuesFile, Data: text}), nil
}

func fileOf(files []*archive.BufferedFile, name string) *archive.BufferedFile {
	for _, file := range files {
		if file.Name == name {
			return file
		}
	}
	return nil
}

// missing returns the names of the enabled dependencies that are not in a chart or its sub-charts:
// what Helm leaves out without a word.
func missing(chart *helmchart.Chart) []string {
	names := map[string]bool{}
	for _, wanted := range chart.Metadata.Dependencies {
		isThere := slices.ContainsFunc(chart.Dependencies(), func(c *helmchart.Chart) bool { return c.Name() == wanted.Name })
		if !isThere {
			names[wanted.Name] = true
		}
	}
	for _, sub := range chart.Dependencies() {
		for _, name := range missing(sub) {
			names[sub.Name()+"/"+name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// dropNotes removes the notes of a chart and its sub-charts, unless other templates may use something that
// they define.
func dropNotes(chart *helmchart.Chart) {
	chart.Templates = slices.DeleteFunc(chart.Templates, func(f *common.File) bool {
		return isNotes(f.Name) && !bytes.Contains(f.Data, []byte("define")) && !bytes.Contains(f.Data, []byte("block"))
	})
	for _, sub := range chart.Dependencies() {
		dropNotes(sub)
	}
}

// isNotes reports whether a template is the text for people that Helm prints.
func isNotes(name string) bool {
	return strings.HasSuffix(name, "NOTES.txt")
}
