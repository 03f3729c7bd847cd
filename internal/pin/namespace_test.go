package pin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// crowd is a namespace whose releases want more than it may have, and a calm one.
type crowd struct {
	t       *testing.T
	planner *pin.Planner
	options pin.Options
	memory  pin.Memory
	now     time.Time
	greedy  []pin.Release
	// all is set if the plan knows all releases.
	all      bool
	policies []link.Policy
}

func newCrowd(t *testing.T, releases int) *crowd {
	t.Helper()
	c := &crowd{t: t, options: pin.Options{Grace: time.Hour}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	c.planner = pin.NewPlanner(c.options)
	for i := range releases {
		r := suspended(fmt.Sprint("r", i), "g.io/o/app:v1")
		r.Namespace, r.HasRun = "greedy", true
		c.greedy = append(c.greedy, r)
	}
	return c
}

// pass plans for the releases, and a new one of another namespace, which gets its pin. It returns how many pins the
// greedy ones have, each counted for each, and how many of them have the problem that there are too many.
func (c *crowd) pass() (pins, over int) {
	c.t.Helper()
	c.now = c.now.Add(time.Minute)
	calm := suspended("calm", fmt.Sprint("g.io/o/calm:", c.now.Unix()))
	s := &pin.Snapshot{
		Memory: c.memory, Taken: c.now, Since: c.now.Add(-24 * time.Hour), Releases: append([]pin.Release{calm}, c.greedy...), Confirmed: map[object.ID]bool{calm.ID: true},
		AllReleases: c.all, Policies: c.policies,
	}
	for i := range 100 {
		s.Confirmed[id("greedy", fmt.Sprint("r", i))] = true
	}
	report := c.planner.Plan(s)
	c.memory = pin.MemoryOf(report)
	for i := range report.Pins {
		for _, owner := range report.Pins[i].NeededBy {
			pins += strings.Count(owner, "/greedy/")
		}
		for j := range report.Pins[i].HeldFor {
			pins += strings.Count(report.Pins[i].HeldFor[j].Owner, "/greedy/")
		}
	}
	for i := range report.Releases {
		r := &report.Releases[i]
		if r.Namespace == "greedy" && slices.ContainsFunc(r.Problems, func(p v1alpha1.Problem) bool { return p.Reason == v1alpha1.ReasonOverBudget }) {
			over++
		}
	}
	if !strings.Contains(lines(report), fmt.Sprint("container/calm==", c.now.Unix())) {
		c.t.Error("the release of another namespace has no pin")
	}
	return pins, over
}

func (c *crowd) setSuspended(isSuspended bool) {
	for i := range c.greedy {
		c.greedy[i].Suspended = isSuspended
	}
}

// wantMuchInTurn has one release after the other want very many pins, and then few again: together they never have more
// than their namespace may have.
func (c *crowd) wantMuchInTurn() {
	c.t.Helper()
	most := budget.NamespacePins + len(c.greedy)*budget.PinsPerRelease
	for i := range c.greedy {
		c.greedy[i].Inputs = tagged(fmt.Sprint("r", i, "-"), 9_000)
		c.pass()
		c.greedy[i].Inputs = images([]any{map[string]any{"image": "g.io/o/app:v1"}})
		if pins, _ := c.pass(); pins > most {
			c.t.Errorf("%d pins after release %d", pins, i)
		}
	}
}

// expect expects that many pins for the greedy releases, and the problem for so many of them.
func (c *crowd) expect(when string, wantPins, wantOver int) {
	c.t.Helper()
	if pins, over := c.pass(); pins != wantPins || over != wantOver {
		c.t.Errorf("%s: %d pins, want %d; %d are over the budget, want %d", when, pins, wantPins, over, wantOver)
	}
}

// The releases of a namespace have no more pins together than it may have: one more has that problem, until there is
// room, after the grace of one that was deleted.
func TestNamespaceWithoutRoom(t *testing.T) {
	c := newCrowd(t, 6)
	for i := range c.greedy {
		c.greedy[i].Inputs = tagged(fmt.Sprint("r", i, "-"), 9_000)
	}
	c.expect("at first", 5*9_000, 1)
	c.expect("again", 5*9_000, 1)
	c.greedy = c.greedy[1:] // whichever was refused, there are 9,000 in the first five
	if pins, over := c.pass(); pins > budget.NamespacePins || over != 1 {
		t.Errorf("while some are held: %d pins, %d are over the budget", pins, over)
	}
	c.now = c.now.Add(2 * time.Hour)
	c.pass()
	c.expect("when none are held any more", 5*9_000, 0)
}

// What they ran, and keep, takes their room.
func TestNamespaceThatRanMuch(t *testing.T) {
	newCrowd(t, 8).wantMuchInTurn()
}

// And so does what is held for them once they are resumed, until they are live.
func TestNamespaceThatIsResumed(t *testing.T) {
	c := newCrowd(t, 8)
	c.pass()
	c.setSuspended(false)
	c.wantMuchInTurn()
}

// One that has room for all it wants is never refused any, whatever becomes of its releases: what they needed before is
// not counted any more.
func TestNamespaceWithRoom(t *testing.T) {
	c := newCrowd(t, 4)
	for i := range c.greedy {
		c.greedy[i].Inputs = tagged(fmt.Sprint("r", i, "-"), 9_000)
	}
	c.expect("at first", 4*9_000, 0)
	for step, change := range []func(){
		func() {
			c.policies = append(c.policies, link.Policy{Name: object.Name{Namespace: "greedy", Name: fmt.Sprint(c.now.Unix())}})
		},
		func() { c.greedy[0].Inputs = tagged("other-", 500) },
		func() { c.memory.OwnersUnknown, c.all = true, true },
		func() { c.setSuspended(false) },
		func() { c.policies = nil },
		func() { c.setSuspended(true) },
		func() { c.memory.OwnersUnknown, c.all = false, false },
	} {
		for range 3 {
			change()
			if _, over := c.pass(); over > 0 {
				t.Errorf("step %d: %d are over the budget", step, over)
			}
		}
	}
}

// Releases that have others' names now have room in the same plan, and those that are suspended again in the next, which
// follows at once.
func TestNamespaceOfOthers(t *testing.T) {
	c := newCrowd(t, 3)
	rename := func(name string) {
		for i := range c.greedy {
			c.greedy[i] = suspended(fmt.Sprint(name, i), "")
			c.greedy[i].Namespace, c.greedy[i].Inputs = "greedy", tagged(fmt.Sprint(name, i, "-"), 9_000)
		}
	}
	rename("a")
	c.expect("at first", 3*9_000, 0)
	rename("b")
	c.expect("renamed", 2*3*9_000, 0)
	c = newCrowd(t, 3)
	rename("a")
	c.pass()
	c.setSuspended(false)
	c.pass()
	c.setSuspended(true)
	c.greedy = append(c.greedy, suspended("small", "g.io/o/app:v1"))
	c.greedy[3].Namespace = "greedy"
	if _, over := c.pass(); over > 0 && !c.planner.HasRoom() {
		t.Error("no plan is to follow for one that has room now")
	}
	c.expect("suspended again", 3*9_000+1, 0)
	if c.planner.HasRoom() {
		t.Error("a plan is to follow for nothing")
	}
}

// A release that just fits with the part that it brings is not asked again and again, and one that does not is refused once.
func TestNamespaceThatIsFull(t *testing.T) {
	for wants, over := range map[int]int{50: 0, 55: 0, 60: 0, 61: 1} {
		c := newCrowd(t, 6)
		for i := range c.greedy[:5] {
			c.greedy[i].Inputs = tagged(fmt.Sprint("r", i, "-"), 10_000)
		}
		c.greedy[5].Inputs = tagged("last", wants)
		c.pass()
		if _, got := c.pass(); got != over || c.planner.HasRoom() {
			t.Errorf("%d tags: %d are over the budget, want %d; another plan is to follow: %t", wants, got, over, c.planner.HasRoom())
		}
	}
}

// Of a release that is suspended while its namespace has no room, what it ran is known once there is some.
func TestRanInANamespaceThatIsFull(t *testing.T) {
	c := newCrowd(t, 6)
	late := c.greedy[5]
	late.Inputs = tagged("late-", 9_000)
	c.greedy = c.greedy[:5]
	for i := range c.greedy {
		c.greedy[i].Inputs = tagged(fmt.Sprint("r", i, "-"), 9_000)
	}
	c.expect("at first", 5*9_000, 0)
	c.greedy = c.greedy[1:]
	c.expect("while one that is gone has some", 5*9_000, 0)
	c.greedy = append(c.greedy, late)
	c.expect("without room", budget.NamespacePins+5*budget.PinsPerRelease, 1)
	for range 2 {
		c.now = c.now.Add(2 * time.Hour)
		c.pass()
	}
	c.expect("with room", 5*9_000, 0)
	c.greedy[4].Inputs = tagged("changed-", 1)
	for range 2 {
		c.now = c.now.Add(2 * time.Hour)
		c.pass()
	}
	c.expect("changed", 5*9_000+1, 0)
}

// A new planner gives no room to releases that is taken by others which come later.
func TestNamespaceAfterARestart(t *testing.T) {
	c := newCrowd(t, 10)
	for i := range c.greedy {
		c.greedy[i].Inputs = tagged(fmt.Sprint("r", i, "-"), 10_000)
	}
	c.expect("at first", 5*10_000, 5)
	c.planner = pin.NewPlanner(c.options)
	slices.Reverse(c.greedy)
	if pins, _ := c.pass(); pins > budget.NamespacePins*101/100 {
		t.Errorf("after a restart there are %d pins", pins)
	}
}

// A release gets what there is room for, though it is not all that it wants.
func TestNamespaceWithSomeRoom(t *testing.T) {
	c := newCrowd(t, 7)
	for i := range c.greedy {
		c.greedy[i].Inputs = tagged(fmt.Sprint("r", i, "-"), 8_000)
	}
	c.pass()
	for i := range c.greedy {
		c.greedy[i].Inputs = tagged(fmt.Sprint("s", i, "-"), 7_000) // what it ran stays
	}
	for range 3 {
		c.pass()
	}
	c.expect("with some room", budget.NamespacePins+7*budget.PinsPerRelease, 7)
}
