package pinlist

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// ownedList is a list whose pins have these owners, and its report.
func ownedList(owners map[string][]string) Published {
	p := Published{List: &List{Name: "registry-pins", Plan: "1"}, Cluster: "east", Report: pin.NewReport()}
	p.Report.List = &v1alpha1.ListReference{Plan: "1"}
	for line, of := range owners {
		p.Pins = append(p.Pins, line)
		entry := v1alpha1.Pin{Pin: line, State: v1alpha1.PinHeld}
		for _, owner := range of {
			entry.HeldFor = append(entry.HeldFor, v1alpha1.Hold{Owner: owner})
		}
		p.Report.Pins = append(p.Report.Pins, entry)
	}
	slices.Sort(p.Pins)
	return p
}

// What is missing because its releases are live again is no loss, if the report on the list shows it;
// everything else is.
func TestPinsOfResumedReleasesAreNoLoss(t *testing.T) {
	evening := map[string][]string{
		"container/a==1": {"HelmRelease/a/web"}, "container/a==2": {"HelmRelease/a/web"},
		"container/shared==1": {"HelmRelease/a/web", "HelmRelease/b/web"},
		"container/b==1":      {"HelmRelease/b/web"},
	}
	live := func(namespaces ...string) func(*Published) {
		return func(p *Published) {
			for _, namespace := range namespaces {
				p.Report.Unprotected = append(p.Report.Unprotected, v1alpha1.UnprotectedReleases{Namespace: namespace, Live: []string{"other", "web"}})
			}
		}
	}
	resuming := func(p *Published) {
		live("b")(p)
		p.Report.Releases = []v1alpha1.Release{{Kind: "HelmRelease", Namespace: "a", Name: "web", State: v1alpha1.ReleaseResuming}}
	}
	suspended := func(p *Published) {
		live("b")(p)
		p.Report.Releases = []v1alpha1.Release{{Kind: "HelmRelease", Namespace: "a", Name: "web", State: v1alpha1.ReleaseSuspended}}
	}
	disabled := func(p *Published) {
		live("b")(p)
		p.Report.Unprotected = append(p.Report.Unprotected, v1alpha1.UnprotectedReleases{Namespace: "a", Disabled: []string{"web"}})
	}
	protected := func(p *Published) {
		live("b")(p)
		p.Report.Releases = []v1alpha1.Release{{Kind: "HelmRelease", Namespace: "a", Name: "web", State: v1alpha1.ReleaseLive}}
	}
	earlier := func(p *Published) {
		live("a", "b")(p)
		p.Plan = "2"
	}
	unknown := map[string][]string{"container/a==1": {"*", "HelmRelease/a/web"}}
	tests := map[string]struct {
		before, now map[string][]string
		change      func(*Published)
		want        string
	}{
		"all are live":                      {evening, nil, live("a", "b"), ""},
		"one has kept a pin":                {evening, map[string][]string{"container/a==1": {"HelmRelease/a/web"}}, resuming, ""},
		"the report has no release":         {evening, nil, live(), "namespace a had 3 pins and has 0 now, namespace b had 2 pins and has 0 now"},
		"one is not named":                  {evening, nil, live("b"), "namespace a had 3 pins and has 0 now, namespace b had 2 pins and has 1 now"},
		"one is suspended":                  {evening, nil, suspended, "namespace a had 3 pins"},
		"one is protected while it is live": {evening, nil, protected, "namespace a had 3 pins"},
		"one is disabled":                   {evening, nil, disabled, "namespace a had 3 pins"},
		"the report is of an earlier plan":  {evening, nil, earlier, "namespace a had 3 pins"},
		"there is no report":                {evening, nil, func(p *Published) { p.Report = nil }, "it had 4 pins and has 0 now"},
		"an owner is not known":             {unknown, nil, live("a"), "namespace a had 1 pin and has 0 now"},
		"no owner is known":                 {map[string][]string{"container/a==1": nil}, nil, live("a"), "it had 1 pin and has 0 now"},
	}
	for name, test := range tests {
		last := []Published{ownedList(test.before)}
		now := []Published{ownedList(test.now)}
		test.change(&now[0])
		before, after := State(Union(last, &Static{}), last, noon), State(Union(now, &Static{}), now, noon)
		recorded := fmt.Sprint(after.Lists)
		err := CheckShrink(before, after, now, 50)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if fmt.Sprint(after.Lists) != recorded {
			t.Errorf("%s: what is recorded was %s and is %v", name, recorded, after.Lists)
		}
	}
}

// The report has the names, however many they are and over however many objects they are spread, and
// not where it is truncated.
func TestReportNamesUnprotectedReleases(t *testing.T) {
	r := planOf(1, 1)
	many := v1alpha1.UnprotectedReleases{Namespace: "many", Disabled: []string{"disabled"}}
	for i := range 20_000 {
		many.Live = append(many.Live, fmt.Sprintf("release-with-a-name-%05d", i))
	}
	r.Unprotected = []v1alpha1.UnprotectedReleases{{Namespace: "few", Live: []string{"a", "b"}}, many}
	for room, objects := range map[int]int{900_000: 1, 400_000: 4, 20_000: 2} {
		list := publishList(t, r, 900_000)
		report := publishReport(t, r, room)
		_, decoded := decodeBoth(t, list, report)
		var got []string
		for _, u := range decoded.Unprotected {
			for _, name := range u.Live {
				got = append(got, u.Namespace+"/"+name)
			}
		}
		slices.Sort(got)
		want := 20_002
		if room == 20_000 {
			want = 0
		}
		if slices.ContainsFunc(decoded.Problems, func(p v1alpha1.Problem) bool { return p.Reason == v1alpha1.ReasonReportTruncated }) {
			t.Errorf("room for %d: the names leave no room for the problems of releases", room)
		}
		if len(report) != objects || len(got) != want || want > 0 && (got[1] != "few/b" || got[20_001] != "many/release-with-a-name-19999") {
			t.Errorf("room for %d: %d objects, %d names", room, len(report), len(got))
		}
	}
}

// The owners that a report has of an earlier list are not recorded: a pin may have more of them.
func TestOwnersOfAnEarlierReport(t *testing.T) {
	for plan, want := range map[string]int{"1": 1, "2": 0} {
		lists := []Published{ownedList(map[string][]string{"container/a==1": {"HelmRelease/a/web"}})}
		lists[0].Plan = plan
		recorded := State(Union(lists, &Static{}), lists, noon).Lists[0]
		if len(recorded.Owners) != want {
			t.Errorf("plan %s: recorded are %v, %v", plan, recorded.Owners, recorded.Namespaces)
		}
	}
}
