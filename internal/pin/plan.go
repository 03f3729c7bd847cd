package pin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// Options are what the configuration says about pins.
type Options struct {
	// Registries are those whose images are pinned; none: every image is.
	Registries []Registry

	// NamespacesDisabled says that releases are left alone where no annotation
	// enables them.
	NamespacesDisabled bool

	// AllReleases says that releases that are not suspended are protected, too.
	AllReleases bool

	// FloatingOnly says that only tags are pinned that a policy follows.
	FloatingOnly bool

	// Grace is how long all that had needed a pin must have been safe before it
	// goes.
	Grace time.Duration

	// ReadyIsProof says that a release that is ready is live, whatever pods run.
	ReadyIsProof bool
}

// maxVia, maxPolicies and maxProblems are how many places the report names for a pin,
// and how many policies and problems for a release; maxMessage is how long one may be.
// More tell nobody more, and one tenant could fill the report for all.
const (
	maxVia      = 20
	maxPolicies = 1000
	maxProblems = 50
	maxMessage  = 2000
)

// Plan decides once what a Planner decides again and again.
func Plan(s *Snapshot, o Options) *v1alpha1.PinReport {
	return NewPlanner(o).Plan(s)
}

// planner makes one plan.
type planner struct {
	*Planner
	snapshot  *Snapshot
	protector *Protector
	// previous are the pins of the last list by the releases that they were listed
	// for, once somebody has asked.
	previous map[string][]*v1alpha1.Pin
	releases map[Name]*Release
	// holders are those that were looked at because pins are held for them.
	holders map[string]*holder
	// carried are the images that pods carry, and since when, by namespace.
	carried map[string]map[string]time.Time
	pins    map[line]*v1alpha1.Pin
	report  *v1alpha1.PinReport
}

func newPlanner(s *Snapshot, k *Planner) *planner {
	p := &planner{
		Planner:   k,
		snapshot:  s,
		protector: NewProtector(s.Namespaces, k.options),
		releases:  make(map[Name]*Release, len(s.Releases)),
		holders:   map[string]*holder{},
		carried:   map[string]map[string]time.Time{},
		pins:      map[line]*v1alpha1.Pin{},
		report: &v1alpha1.PinReport{
			APIVersion: v1alpha1.APIVersion,
			Kind:       v1alpha1.PinReportKind,
			Releases:   []v1alpha1.Release{},
		},
	}
	for i := range s.Releases {
		p.releases[s.Releases[i].Name] = &s.Releases[i]
	}
	p.report.Problems = slices.Concat(s.Unanswered, s.Notes, p.protector.problems, p.linker.problems)
	return p
}

// release adds a protected release to the report, and its pins. The problem is
// that of its annotation, nil where there is none.
func (p *planner) release(r *Release, problem *v1alpha1.Problem) {
	y := p.yieldOf(r)
	problems := slices.Clone(y.problems)
	if problem != nil {
		problems = append(problems, *problem)
	}
	pins := p.need(r.Name, y)
	if r.Found != nil && r.Found.Unknown {
		pins = p.keep(r.Name, pins)
	}
	if len(pins) == 0 {
		problems = append(problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonNoPin, Message: "nothing is pinned for this release: " + whyNone(y),
		})
	}
	p.report.Releases = append(p.report.Releases, v1alpha1.Release{
		Namespace: r.Namespace,
		Name:      r.Name.Name,
		State:     stateOf(r),
		Policies:  few(y.names(), maxPolicies),
		Pins:      pins,
		Problems:  sortedProblems(problems),
	})
}

func stateOf(r *Release) v1alpha1.ReleaseState {
	if r.Suspended {
		return v1alpha1.ReleaseSuspended
	}
	return v1alpha1.ReleaseLive
}

// keep adds the pins that a release had, whose contents cannot be had now, to those
// that it has.
func (p *planner) keep(release Name, pins []string) []string {
	if p.previous == nil {
		p.previous = byRelease(p.snapshot.Memory.Pins)
	}
	for _, previous := range p.previous[release.String()] {
		pin := p.pin(line{pin: previous.Pin, image: previous.Image})
		pin.NeededBy = append(pin.NeededBy, release.String())
		pin.Via = append(pin.Via, places(previous.Via)...)
		pins = append(pins, previous.Pin)
	}
	return sortedSet(pins)
}

// pin returns the entry of a line, a new one where there is none.
func (p *planner) pin(l line) *v1alpha1.Pin {
	pin, found := p.pins[l]
	if !found {
		pin = &v1alpha1.Pin{Pin: l.pin, Image: l.image, State: v1alpha1.PinNeeded}
		p.pins[l] = pin
	}
	return pin
}

// byRelease sorts pins by the releases that need them or had needed them.
func byRelease(pins []v1alpha1.Pin) map[string][]*v1alpha1.Pin {
	result := map[string][]*v1alpha1.Pin{}
	for i := range pins {
		for _, h := range holdsOf(&pins[i]) {
			result[h.Release] = append(result[h.Release], &pins[i])
		}
	}
	return result
}

// need adds the pins of what a release needs, and returns them.
func (p *planner) need(release Name, y *yield) []string {
	pins := []string{}
	for _, n := range y.needs {
		for _, l := range lines(p.options.Registries, n.ref.Repository, n.ref.Tag) {
			pin := p.pin(l)
			pin.NeededBy = append(pin.NeededBy, release.String())
			pin.Via = append(pin.Via, n.via)
			pins = append(pins, l.pin)
		}
	}
	return sortedSet(pins)
}

// whyNone says why a release needs no pin at all.
func whyNone(y *yield) string {
	switch {
	case len(y.needs) == 0 && y.left > 0:
		return "no ImagePolicy follows the tags that it names"
	case len(y.needs) == 0:
		return "no image with a tag was found in it"
	}
	var repositories []string
	for _, n := range y.needs {
		repositories = append(repositories, image.Shorten(n.ref.Repository.String()))
	}
	return "the configured registries do not include " + strings.Join(few(sortedSet(repositories), 5), ", ")
}

// places leaves out of a list that was cut how much more there was.
func places(via []string) []string {
	return slices.DeleteFunc(slices.Clone(via), func(s string) bool {
		return strings.HasPrefix(s, "and ") && strings.HasSuffix(s, " more")
	})
}

// few cuts a list that is longer than most, and says by how much.
func few(list []string, most int) []string {
	if len(list) <= most {
		return list
	}
	return append(list[:most:most], fmt.Sprintf("and %d more", len(list)-most))
}

// finish puts the report in order.
func (p *planner) finish() *v1alpha1.PinReport {
	p.report.Pins = make([]v1alpha1.Pin, 0, len(p.pins))
	for _, l := range slices.SortedFunc(maps.Keys(p.pins), compareLines) {
		pin := p.pins[l]
		pin.NeededBy = sortedSet(pin.NeededBy)
		pin.Via = few(sortedVia(pin.Via), maxVia)
		p.report.Pins = append(p.report.Pins, *pin)
	}
	slices.SortFunc(p.report.Releases, func(a, b v1alpha1.Release) int {
		return compareNames(Name{a.Namespace, a.Name}, Name{b.Namespace, b.Name})
	})
	p.report.Problems = sortedProblems(p.report.Problems)
	return p.report
}

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(a.pin, b.pin), cmp.Compare(a.image, b.image))
}

// sortedSet sorts and removes what is there twice. It never returns nil, so that
// JSON has an empty list.
func sortedSet(list []string) []string {
	slices.Sort(list)
	return append([]string{}, slices.Compact(list)...)
}

// sortedVia puts the fields of releases before the policies.
func sortedVia(via []string) []string {
	set := sortedSet(via)
	slices.SortStableFunc(set, func(a, b string) int {
		return cmp.Compare(strings.Index(a, policyObject), strings.Index(b, policyObject))
	})
	return set
}

func sortedProblems(problems []v1alpha1.Problem) []v1alpha1.Problem {
	slices.SortFunc(problems, func(a, b v1alpha1.Problem) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Field, b.Field),
			cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
	set := append([]v1alpha1.Problem{}, slices.Compact(problems)...)
	for i := range set {
		if p := &set[i]; len(p.Message) > maxMessage {
			p.Message = strings.ToValidUTF8(p.Message[:maxMessage], "") + " …"
		}
	}
	if len(set) <= maxProblems {
		return set
	}
	more := v1alpha1.Problem{
		Reason: v1alpha1.ReasonMoreProblems, Message: fmt.Sprintf("and %d more problems", len(set)-maxProblems),
	}
	return append(set[:maxProblems:maxProblems], more)
}
