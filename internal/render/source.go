package render

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// sourceFiles are the files of a source by their cleaned names.
type sourceFiles map[string][]byte

// fromSource returns the files of the chart in a folder of a source's archive, as source-controller
// packages them: without those that .helmignore names, and with its dependencies that are other
// folders of the source. Of the source nothing else is kept but the release's valuesFiles.
func fromSource(in *Input) ([]*archive.BufferedFile, sourceFiles, error) {
	files, err := unpackSource(in.Archive)
	if err != nil {
		return nil, nil, err
	}
	folder := cmp.Or(inSource(in.Folder), ".")
	chart, err := files.chart(folder)
	if err != nil {
		return nil, nil, err
	}
	chart, err = files.withLocalDependencies(chart, folder)
	return chart, files, err
}

// inSource returns a path of a release or a chart as the name of a file of the source: nothing is above the source, as
// source-controller has it with SecureJoin. Only the folder of a chart it does not take with a slash before it.
func inSource(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// unpackSource returns the regular files of a source's archive.
func unpackSource(text []byte) (sourceFiles, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, errNotZipped
	}
	limited := &io.LimitedReader{R: unzipped, N: budget.ChartUnpacked + 1}
	archived, files := tar.NewReader(limited), sourceFiles{}
	for {
		header, err := archived.Next()
		switch {
		case limited.N <= 0:
			return nil, budget.Exceeded(budget.ChartUnpacked, "bytes in the archive of a chart's source")
		case errors.Is(err, io.EOF):
			return files, nil
		case err != nil:
			return nil, fmt.Errorf("the archive of the chart's source is damaged: %w", err)
		case header.Typeflag != tar.TypeReg:
			continue
		case len(files) == budget.SourceFiles:
			return nil, budget.Exceeded(budget.SourceFiles, "files in a chart's source")
		}
		content, err := io.ReadAll(archived)
		if err != nil {
			continue // the next header returns why
		}
		files[path.Clean(header.Name)] = content
	}
}

// chart returns the files of the chart in a folder, under their names in it.
func (s sourceFiles) chart(folder string) ([]*archive.BufferedFile, error) {
	rules := ignore.Empty()
	if text, ok := s[path.Join(folder, ignore.HelmIgnore)]; ok {
		var err error
		if rules, err = ignore.Parse(bytes.NewReader(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", ignore.HelmIgnore, err)
		}
	}
	rules.AddDefaults()
	prefix := folder + "/"
	if folder == "." {
		prefix = ""
	}
	var files []*archive.BufferedFile
	for name, content := range s {
		below, ok := strings.CutPrefix(name, prefix)
		if !ok || isIgnored(rules, below, len(content)) {
			continue
		}
		files = append(files, &archive.BufferedFile{Name: below, Data: content})
	}
	return files, nil
}

// isIgnored reports whether a file, or a folder that it is in, is ignored.
func isIgnored(rules *ignore.Rules, name string, size int) bool {
	for i, c := range name {
		folder := tar.Header{Name: name[:i], Typeflag: tar.TypeDir, Mode: 0o755}
		if c == '/' && rules.Ignore(name[:i], folder.FileInfo()) {
			return true
		}
	}
	file := tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(size)}
	return rules.Ignore(name, file.FileInfo())
}

// withLocalDependencies adds the charts that a chart refers to by file:// to those in it, unless they are in it. Those
// that these refer to are not added: source-controller does not, either.
func (s sourceFiles) withLocalDependencies(files []*archive.BufferedFile, folder string) ([]*archive.BufferedFile, error) {
	metadata := fileOf(files, "Chart.yaml")
	if metadata == nil {
		return nil, fmt.Errorf("the chart's source has no %s", path.Join(folder, "Chart.yaml"))
	}
	var chart helmchart.Metadata
	if err := yaml.Unmarshal(metadata.Data, &chart); err != nil {
		return nil, fmt.Errorf("the chart's Chart.yaml is not YAML: %w", err)
	}
	isLocal := func(d *helmchart.Dependency) bool { return d != nil && strings.HasPrefix(d.Repository, fileScheme) }
	if !slices.ContainsFunc(chart.Dependencies, isLocal) {
		return files, nil
	}
	missing, err := notIncluded(files)
	if err != nil {
		return nil, err
	}
	for _, dependency := range missing {
		local := strings.TrimPrefix(dependency.Repository, fileScheme)
		if !isLocal(dependency) {
			continue
		}
		below, err := s.chart(cmp.Or(inSource(path.Join(folder, local)), "."))
		if err != nil {
			return nil, fmt.Errorf("dependency %s: %w", dependency.Name, err)
		}
		for _, file := range below {
			file.Name = path.Join("charts", dependency.Name, file.Name)
		}
		if files = append(files, below...); len(files) > budget.ChartFiles {
			return nil, budget.Exceeded(budget.ChartFiles, "files in a chart")
		}
	}
	return files, nil
}

// fileScheme is what the repository of a dependency begins with that is another folder.
const fileScheme = "file://"

// notIncluded returns the dependencies of a chart that are not among its files, as Build and collectMissing in
// source-controller's internal/helm/chart do: what is committed in the folder charts is installed, whatever
// else the chart refers to.
func notIncluded(files []*archive.BufferedFile) ([]*helmchart.Dependency, error) {
	chart, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	included, dependencies := chart.Dependencies(), chart.Metadata.Dependencies
	if chart.Lock != nil {
		dependencies = chart.Lock.Dependencies
	}
	if len(included) == len(dependencies) {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(dependencies), func(d *helmchart.Dependency) bool {
		return d == nil || slices.ContainsFunc(included, func(sub *helmchart.Chart) bool { return sub.Name() == cmp.Or(d.Alias, d.Name) })
	}), nil
}
