package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"

	"helm.sh/helm/v4/pkg/ignore"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// Pack packs the folder of a chart as an archive, as `helm package` does, without the files that
// its .helmignore names. Links are left out, as source-controller leaves them out of the artifacts
// of Git repositories. It returns an error beyond the budget of a chart.
func Pack(folder fs.FS) ([]byte, error) {
	rules, err := ignored(folder)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	files := tar.NewWriter(zipped)
	count, size := 0, 0
	err = fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case rules.Ignore(name, info) && entry.IsDir():
			return fs.SkipDir
		case rules.Ignore(name, info), !entry.Type().IsRegular():
			return nil
		}
		if count++; count > budget.ChartFiles {
			return budget.Exceeded(budget.ChartFiles, "files in a chart")
		}
		if size += int(info.Size()); size > budget.ChartUnpacked {
			return budget.Exceeded(budget.ChartUnpacked, "bytes in a chart's folder")
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		if err := files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "chart/" + name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		_, err = files.Write(text)
		return err
	})
	if err = errors.Join(err, files.Close(), zipped.Close()); err != nil {
		return nil, fmt.Errorf("packing the chart: %w", err)
	}
	return archive.Bytes(), nil
}

// ignored returns the rules of a chart's .helmignore.
func ignored(folder fs.FS) (*ignore.Rules, error) {
	rules := ignore.Empty()
	file, err := folder.Open(ignore.HelmIgnore)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		defer file.Close() //nolint:errcheck // nothing was written
		if rules, err = ignore.Parse(file); err != nil {
			return nil, fmt.Errorf("%s: %w", ignore.HelmIgnore, err)
		}
	}
	rules.AddDefaults()
	return rules, nil
}
