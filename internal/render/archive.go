package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// unpacking is how much of an archive, and of those in it, may still be unpacked. Helm's own limit
// is for one archive, and it loads the archives of sub-charts one by one.
type unpacking struct{ bytes, files int }

// checkArchive returns an error unless an archive and those of sub-charts in it are within the
// budget, and no link in them leads out of them. Helm itself reads a link as an empty file, and
// checks the names of files.
func checkArchive(archive []byte) error {
	left := &unpacking{budget.ChartUnpacked, budget.ChartFiles}
	return left.check(archive, 0)
}

var errNotZipped = errors.New("the chart is not an archive that is compressed with gzip")

func (u *unpacking) check(archive []byte, depth int) error {
	if depth > budget.ChartNesting {
		return budget.Exceeded(budget.ChartNesting, "levels of archives in archives")
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return errNotZipped
	}
	// A header may be as long as all files, so the whole stream is limited.
	limited := &io.LimitedReader{R: unzipped, N: int64(u.bytes) + 1}
	files := tar.NewReader(limited)
	for {
		header, err := files.Next()
		switch {
		case limited.N <= 0:
			return budget.Exceeded(budget.ChartUnpacked, "bytes in a chart's archive")
		case errors.Is(err, io.EOF):
			u.bytes = int(limited.N) - 1
			return nil
		case err != nil:
			return fmt.Errorf("the chart's archive is damaged: %w", err)
		}
		if err := u.checkFile(header, files, limited, depth); err != nil {
			return err
		}
	}
}

// checkFile checks one file, and the archive of a sub-chart that it may be.
func (u *unpacking) checkFile(header *tar.Header, file io.Reader, limited *io.LimitedReader, depth int) error {
	if u.files--; u.files < 0 {
		return budget.Exceeded(budget.ChartFiles, "files in a chart")
	}
	switch header.Typeflag {
	case tar.TypeSymlink, tar.TypeLink:
		if leadsOut(header) {
			return fmt.Errorf("the chart's archive has a link that leads out of it: %s", header.Name)
		}
		return nil
	case tar.TypeReg:
	default:
		return nil
	}
	if !isSubchart(header.Name) {
		return nil
	}
	text, err := io.ReadAll(file)
	switch {
	case limited.N <= 0:
		return budget.Exceeded(budget.ChartUnpacked, "bytes in a chart's archive")
	case err != nil:
		return fmt.Errorf("the chart's archive is damaged: %w", err)
	}
	inner := &unpacking{int(limited.N), u.files}
	err = inner.check(text, depth+1)
	limited.N, u.files = int64(inner.bytes)+1, inner.files
	return err
}

// isSubchart reports whether a file is one that Helm loads as the archive of a sub-chart.
func isSubchart(name string) bool {
	return path.Ext(name) == ".tgz" && strings.Contains("/"+name, "/charts/")
}

// leadsOut reports whether a link has a target outside the archive. That of a hard link is a name
// in the archive, that of a symbolic link is relative to its folder.
func leadsOut(header *tar.Header) bool {
	target := header.Linkname
	if header.Typeflag == tar.TypeSymlink && !path.IsAbs(target) {
		target = path.Join(path.Dir(header.Name), target) //nolint:gosec // nothing is opened by this name
	}
	target = path.Clean(target)
	return path.IsAbs(target) || target == ".." || strings.HasPrefix(target, "../")
}
