package pinlist

import (
	"fmt"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Doubt returns why a list that is whole may lack a pin all the same: it is incomplete, or
// older than maxAge; nil if it is neither. The report on it, if there is one, has the reason
// why it is incomplete.
func (l *List) Doubt(now time.Time, maxAge time.Duration, report *v1alpha1.PinReport) error {
	age := now.Sub(l.SyncedAt)
	at := l.SyncedAt.UTC().Format(time.RFC3339)
	switch {
	case !l.Complete:
		return fmt.Errorf("the list %s is incomplete: %s", l.Name, whyIncomplete(report))
	case age > maxAge:
		return fmt.Errorf("the list %s was last known to be current at %s, %s ago, which is more than %s: is pinsync running?",
			l.Name, at, age.Round(time.Second), maxAge)
	case age < -maxAhead:
		return fmt.Errorf("the list %s was last known to be current at %s, which is %s in the future: is the clock right?",
			l.Name, at, -age.Round(time.Second))
	default:
		return nil
	}
}

// DoubtSince returns why a list may not have been current yet at a time of this host's clock, or
// later; nil if it was. SyncedAt has no fractions, and the time may have none either, so a list of
// the same second may be of before it.
func (p *Published) DoubtSince(since time.Time) error {
	if needed := p.neededAt(since); p.SyncedAt.Before(needed) {
		return fmt.Errorf("the list %s was last known to be current at %s, and %s or later is needed, as the pods had been read at %s: is pinsync running?", p.Name,
			p.SyncedAt.UTC().Format(time.RFC3339), needed.UTC().Format(time.RFC3339), since.UTC().Format(time.RFC3339))
	}
	return nil
}

// DoubtLive returns an error if a list may lack the tags of releases that are not suspended. A
// cleaner that reads the pods after the list then misses a release that is suspended in between.
func (p *Published) DoubtLive() error {
	const remedy = "let the cleaner read the pods first and add --pods-first, or set releases: All in pinsync's configuration"
	switch {
	case p.Report == nil:
		return fmt.Errorf("%s: the report on the list %s cannot be read, so the list may have only the tags of suspended releases: %s",
			p.Cluster, p.Name, remedy)
	case p.Report.Protects != v1alpha1.ReleasesAll:
		return fmt.Errorf("%s: the list %s has only the tags of suspended releases: %s", p.Cluster, p.Name, remedy)
	default:
		return nil
	}
}

// CanRenew reports whether a renewal of now would remove the doubt whether the list was current at
// a time of this host's clock, and there is one.
func (p *Published) CanRenew(since time.Time) bool {
	return p.DoubtSince(since) != nil && !p.Read.At.Before(p.neededAt(since))
}

// neededAt returns the synced-at that a list needs at least to have been current at a time of
// this host's clock.
func (p *Published) neededAt(since time.Time) time.Time {
	return since.Add(p.Read.Ahead).Truncate(time.Second).Add(time.Second)
}

// CheckPast returns an error if the time when the pods had been read is to come.
func (t ReadTime) CheckPast(since time.Time) error {
	if early := since.Sub(t.At); early > maxAhead {
		return fmt.Errorf("the pods had been read at %s, which is %s after the time of the API server: is this host's clock right?",
			since.UTC().Format(time.RFC3339), early.Round(time.Second))
	}
	return nil
}

// whyIncomplete returns what a report has of an incomplete list.
func whyIncomplete(report *v1alpha1.PinReport) string {
	if report != nil {
		for i := range report.Problems {
			if p := &report.Problems[i]; p.Reason == v1alpha1.ReasonReadFailed {
				return p.Object + ": " + p.Message
			}
		}
	}
	return "not everything that releases need was read yet: if it stays so, the report has the reason"
}

// CheckImages returns an error if there is a pin whose image is not known, so that it is in
// no list of images. Charts of classic Helm repositories are no images.
func CheckImages(lists []Published) error {
	for _, l := range lists {
		index := newImageIndex(l.Images)
		for _, line := range l.Pins {
			p := unexplained(line, index, nil, v1alpha1.PinNeeded)
			if p[0].Image == "" && !strings.HasPrefix(line, pin.ChartType+"/") {
				return fmt.Errorf("the list %s has %s, whose registry is not known: only the format pins has it", l.Name, line)
			}
		}
	}
	return nil
}
