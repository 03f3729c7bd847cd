package pinlist

import (
	"errors"
	"fmt"
	"slices"

	"git.oleks.space/oleks/pinsync/internal/pin"
)

// ErrEarlierReport is the error of a report that is of an earlier list: that on the list follows it within
// seconds.
var ErrEarlierReport = errors.New("is of an earlier list: that on this one is still to be written")

// HasEarlierReport reports whether the report on a list was read, and is of an earlier plan than it. Those
// of versions that had one object for both do not name it.
func (p *Published) HasEarlierReport() bool {
	return p.Report != nil && p.Report.List != nil && p.Report.List.Plan != p.Plan
}

// DoubtReport returns an error if the report on a list does not say yet what it protects, and the problems of
// the releases in it.
func (p *Published) DoubtReport() error {
	if !p.HasEarlierReport() {
		return nil
	}
	return fmt.Errorf("the report on the list %s %w", p.Name, ErrEarlierReport)
}

// CheckReleases returns an error if a list has a release of which images may be missing, or if that is
// not known.
func CheckReleases(lists []Published) error {
	for i := range lists {
		l := &lists[i]
		if l.Report == nil {
			return fmt.Errorf("%s: the report on the list %s, which has the problems of releases, cannot be read", l.Cluster, l.Name)
		}
		if err := l.DoubtReport(); err != nil {
			return fmt.Errorf("%s: %w", l.Cluster, err)
		}
		if IsTruncated(l.Report) {
			return fmt.Errorf("%s: the report on the list %s is too large to have the problems of releases: images may be missing", l.Cluster, l.Name)
		}
		if j := slices.IndexFunc(l.Report.Problems, pin.MayMissTag); j >= 0 {
			p := &l.Report.Problems[j]
			return fmt.Errorf("%s: images of releases may be missing from the list %s: %s %s", l.Cluster, l.Name, p.Object, p.Message)
		}
		for j := range l.Report.Releases {
			r := &l.Report.Releases[j]
			if k := slices.IndexFunc(r.Problems, pin.MayMissTag); k >= 0 {
				more := ""
				if others := MayLackImages(lists) - 1; others > 0 {
					more = fmt.Sprintf(" (and of %d more, see pinsync status)", others)
				}
				return fmt.Errorf("%s: images of %s/%s may be missing from the list %s%s: %s: %s",
					l.Cluster, r.Namespace, r.Name, l.Name, more, r.Problems[k].Reason, r.Problems[k].Message)
			}
		}
	}
	return nil
}

// MayLackImages counts the releases of lists of which images may be missing, as far as their reports
// are known.
func MayLackImages(lists []Published) int {
	count := 0
	for i := range lists {
		if lists[i].Report == nil {
			continue
		}
		for j := range lists[i].Report.Releases {
			if slices.ContainsFunc(lists[i].Report.Releases[j].Problems, pin.MayMissTag) {
				count++
			}
		}
	}
	return count
}
