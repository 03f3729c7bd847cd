package pinlist

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// AnyShrink is the percentage that a list may shrink by which allows everything.
const AnyShrink = 100

// State returns what the next export needs to know of this one.
func State(e *v1alpha1.PinExport, lists []Published, now time.Time) *v1alpha1.ExportState {
	s := &v1alpha1.ExportState{
		APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ExportStateKind,
		ExportedAt: now.UTC().Format(time.RFC3339), Lists: make([]v1alpha1.RecordedList, len(e.Lists)),
	}
	byKey := publishedByKey(lists)
	for i := range e.Lists {
		l := &s.Lists[i]
		l.ExportedList = e.Lists[i]
		if p := byKey[keyOf(l)]; p != nil && p.Report != nil {
			owners := p.owners()
			l.Namespaces, l.OwnersUnknown = countByNamespace(owners)
			if !p.HasEarlierReport() { // else a pin may have more of them
				l.Owners = owners
			}
		}
	}
	return s
}

// listKey identifies a list or a static file.
type listKey struct{ cluster, namespace, name string }

func keyOf(l *v1alpha1.RecordedList) listKey {
	return listKey{l.Cluster, l.Namespace, l.Name}
}

func publishedByKey(lists []Published) map[listKey]*Published {
	byKey := map[listKey]*Published{}
	for i := range lists {
		byKey[listKey{lists[i].Cluster, lists[i].Namespace, lists[i].Name}] = &lists[i]
	}
	return byKey
}

// owners returns the owners of each of the list's pins, sorted: those that the report has, which may be of
// an earlier plan than the list.
func (p *Published) owners() map[string][]string {
	owners := make(map[string][]string, len(p.Pins))
	for _, described := range p.Described() {
		of := slices.Concat(owners[described.Pin], described.NeededBy) // two images may have the same pin
		for _, hold := range described.HeldFor {
			of = append(of, hold.Owner)
		}
		owners[described.Pin] = sortedUnique(of)
	}
	return owners
}

// countByNamespace counts pins by the namespaces of their owners, and those of which no owner is known.
func countByNamespace(owners map[string][]string) (namespaces map[string]int, unknown int) {
	namespaces = map[string]int{}
	for _, of := range owners {
		own := namespacesOf(of)
		for _, namespace := range own {
			namespaces[namespace]++
		}
		if len(own) == 0 {
			unknown++
		}
	}
	return namespaces, unknown
}

// namespacesOf returns the namespaces of owners, each once.
func namespacesOf(owners []string) []string {
	var namespaces []string
	for _, owner := range owners {
		if id, ok := object.ParseID(owner); ok {
			namespaces = append(namespaces, id.Namespace)
		}
	}
	return sortedUnique(namespaces)
}

// withResumed returns a list with the pins that it had at the last export and does not have now, where
// the report shows of each of their owners that it is not suspended: a list without them is right. A
// release that the report does not name explains nothing, so a report that has lost everything does
// not either; nor does one that is not of the list's plan.
func withResumed(before, now *v1alpha1.RecordedList, p *Published) v1alpha1.RecordedList {
	counted := *now
	if p == nil || p.Report == nil || p.HasEarlierReport() {
		return counted
	}
	counted.Namespaces = maps.Clone(now.Namespaces)
	isLive := notSuspended(p.Report)
	for line, owners := range before.Owners {
		isSuspended := func(owner string) bool { return !isLive[owner] }
		if _, ok := slices.BinarySearch(p.Pins, line); ok || len(owners) == 0 || slices.ContainsFunc(owners, isSuspended) {
			continue
		}
		counted.Pins++
		for _, namespace := range namespacesOf(owners) {
			counted.Namespaces[namespace]++
		}
	}
	return counted
}

// notSuspended returns the releases that a report shows to exist and not to be suspended.
func notSuspended(r *v1alpha1.PinReport) map[string]bool {
	live := map[string]bool{}
	for i := range r.Unprotected {
		u := &r.Unprotected[i]
		for _, name := range u.Live {
			live[object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: u.Namespace, Name: name}}.String()] = true
		}
	}
	for i := range r.Releases {
		if r.Releases[i].State == v1alpha1.ReleaseResuming { // one that is protected while it is live needs its pins
			live[releaseKey(&r.Releases[i])] = true
		}
	}
	return live
}

// ReadState decodes the state of the last export.
func ReadState(text []byte) (*v1alpha1.ExportState, error) {
	s := &v1alpha1.ExportState{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	if s.APIVersion != v1alpha1.APIVersion || s.Kind != v1alpha1.ExportStateKind {
		return nil, fmt.Errorf("it is a %s of %s, want a %s of %s", strconv.Quote(s.Kind), strconv.Quote(s.APIVersion),
			v1alpha1.ExportStateKind, v1alpha1.APIVersion)
	}
	return s, nil
}

// CheckShrink returns an error if a list has lost this many percent of the pins that it had at the
// last export, or more. A list that is not exported any more has lost all.
//
// Each namespace counts the same, and none can make up for another: the loss is the average of
// what the namespaces have lost, each of its own pins. So a tenant with most of the pins cannot
// cause a refusal by removing them, and cannot hide a loss of the others by adding some. All pins
// are compared together where the owners are not known, of the last export or of this one, and,
// besides, where they were not known of some pins of the last export. Pins of this one whose
// owners are not known count in no namespace.
func CheckShrink(last, now *v1alpha1.ExportState, lists []Published, percent int) error {
	if percent >= AnyShrink {
		return nil
	}
	has, byKey := map[listKey]v1alpha1.RecordedList{}, publishedByKey(lists)
	for i := range now.Lists {
		has[keyOf(&now.Lists[i])] = now.Lists[i]
	}
	for i := range last.Lists {
		before := &last.Lists[i]
		after := has[keyOf(before)]
		after = withResumed(before, &after, byKey[keyOf(before)])
		if lost := lostPins(before, &after, percent); lost != "" {
			return fmt.Errorf("%s has lost pins since the last export, at %s: %s: if that is meant, export once with --max-shrink %d",
				describe(before.ExportedList), last.ExportedAt, lost, AnyShrink)
		}
	}
	return nil
}

// lostPins describes the loss of a list that has lost this many percent of its pins, or more; of
// others it is empty.
func lostPins(before, now *v1alpha1.RecordedList, percent int) string {
	isByNamespace := len(before.Namespaces) > 0 && now.Namespaces != nil
	if isByNamespace {
		if lost := lostNamespaces(before.Namespaces, now.Namespaces, percent); lost != "" {
			return lost
		}
	}
	if isByNamespace && before.OwnersUnknown == 0 || now.Pins >= before.Pins || (before.Pins-now.Pins)*100 < percent*before.Pins {
		return ""
	}
	return fmt.Sprintf("it had %s and has %d now", object.Amount(before.Pins, "pin"), now.Pins)
}

// maxNamed is how many namespaces a message names.
const maxNamed = 10

// lostNamespaces describes the namespaces that have lost pins if all have lost this many percent on
// average, or more; otherwise it is empty.
func lostNamespaces(before, now map[string]int, percent int) string {
	sum := new(big.Rat)
	var lost []string
	for _, namespace := range slices.Sorted(maps.Keys(before)) {
		had, has := before[namespace], now[namespace]
		if has < had {
			sum.Add(sum, big.NewRat(int64(100*(had-has)), int64(had)))
			lost = append(lost, fmt.Sprintf("namespace %s had %s and has %d now", namespace, object.Amount(had, "pin"), has))
		}
	}
	average := sum.Quo(sum, big.NewRat(int64(len(before)), 1))
	if len(lost) == 0 || average.Cmp(big.NewRat(int64(percent), 1)) < 0 {
		return ""
	}
	if more := len(lost) - maxNamed; more > 0 {
		lost = append(lost[:maxNamed], "and "+object.Amount(more, "more namespace"))
	}
	return fmt.Sprintf("%s; %s %% of the pins of its %s are lost on average",
		strings.Join(lost, ", "), average.FloatString(0), object.Amount(len(before), "namespace"))
}

func describe(l v1alpha1.ExportedList) string {
	if l.Cluster == "" {
		return "the static file " + l.Name
	}
	return "the list " + l.Name + " of " + l.Cluster
}
