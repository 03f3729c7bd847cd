package pinlist

import (
	"fmt"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// AllowEmpty records which empty lists are accepted: all, or those that were at the last export.
func AllowEmpty(last, now *v1alpha1.ExportState, all bool) {
	wasAllowed := map[listKey]bool{}
	for i := range last.Lists {
		wasAllowed[keyOf(&last.Lists[i])] = last.Lists[i].EmptyAllowed
	}
	for i := range now.Lists {
		l := &now.Lists[i]
		l.EmptyAllowed = l.Pins == 0 && l.Cluster != "" && (all || wasAllowed[keyOf(l)])
	}
}

// CheckEmpty returns an error if a list is empty although releases are protected, or although that
// is not known, unless it is accepted: the configuration may name a registry that has no image.
func CheckEmpty(now *v1alpha1.ExportState, lists []Published) error {
	isAllowed := map[listKey]bool{}
	for i := range now.Lists {
		isAllowed[keyOf(&now.Lists[i])] = now.Lists[i].EmptyAllowed
	}
	for i := range lists {
		l := &lists[i]
		if len(l.Pins) > 0 || isAllowed[listKey{l.Cluster, l.Namespace, l.Name}] {
			continue
		}
		if doubt := l.whyNotEmpty(); doubt != "" {
			return fmt.Errorf("%s: the list %s is empty, %s: if that is meant, export once with --allow-empty and --state", l.Cluster, l.Name, doubt)
		}
	}
	return nil
}

// whyNotEmpty returns why an empty list should have pins; empty if there is no reason.
func (p *Published) whyNotEmpty() string {
	if p.Report == nil {
		return "and its report, which has the protected releases, cannot be read"
	}
	if len(p.Report.Releases) == 0 {
		return ""
	}
	first := &p.Report.Releases[0]
	text := fmt.Sprintf("but should have the tags of %s, such as %s/%s", object.Amount(len(p.Report.Releases), "release"), first.Namespace, first.Name)
	if len(first.Problems) > 0 {
		text += " (" + first.Problems[0].Message + ")"
	}
	return text
}
