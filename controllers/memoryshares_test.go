package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// manyImages are values that name so many images.
func manyImages(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "a%d: {image: g.io/o/x:v%d}\n", i, i)
	}
	return text.String()
}

// hoarders are releases of a namespace that take very many images from a ConfigMap each, and the API server.
func hoarders() ([]*flux.HelmRelease, *valuesServer) {
	releases := make([]*flux.HelmRelease, 8)
	for i := range releases {
		name := fmt.Sprint("r", i)
		releases[i] = suspended("greedy", name, `{}`, name)
	}
	return releases, &valuesServer{values: manyImages(9900), byName: map[string]string{}, versions: map[string]string{}}
}

// room is for how many of n releases of a namespace that take so much there is room.
func room(n, bytes int) int {
	return (budget.NamespaceBytes + n*budget.NamespaceBytesPerRelease) / bytes
}

// refusedIn makes passes until no release waits for its share, and returns the names of those that are refused.
func (r *releaseImages) refusedIn(t *testing.T, goOn func(time.Duration), releases []*flux.HelmRelease) (refused []string) {
	t.Helper()
	s, waiting := &pin.Snapshot{}, true
	for waiting {
		goOn(time.Minute)
		refused, waiting = nil, false
		for i, found := range r.passOver(t, s, releases...) {
			switch {
			case found == r.waiting:
				waiting = true
			case found == r.refused:
				refused = append(refused, releases[i].Name)
			case found.Unknown || len(found.Mentions) == 0:
				t.Fatalf("%s: %+v", releases[i].Name, found)
			}
		}
	}
	if !s.Complete() {
		t.Errorf("failed reads: %v", s.FailedReads)
	}
	return refused
}

// isPassAsked reports whether a pass was asked for since it was called last.
func (r *releaseImages) isPassAsked() bool {
	select {
	case <-r.memory.passes.events:
		return true
	default:
		return false
	}
}

// Of tiny releases that take thousands of images from ConfigMaps, as many are found as their namespace has room for.
// The others keep their pins, cost nothing, and are not waited for; and those of another namespace have room.
func TestNamespaceHasRoomForSoManyImages(t *testing.T) {
	all, server := hoarders()
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	calm := suspended("calm", "web", `{"image":"g.io/o/app:v1"}`, "values")
	refused := r.refusedIn(t, goOn, append(all, calm))
	if len(refused) != len(all)-room(len(all), 9900*budget.MentionBytes) || slices.Contains(refused, "web") {
		t.Fatalf("%v are refused", refused)
	}
	if !r.refused.Unknown || !strings.Contains(r.refused.Problems[0].Message, "16 MiB of images and values in all releases of its namespace") {
		t.Errorf("one that is refused is %+v", r.refused)
	}
	server.requests()
	if again := r.refusedIn(t, goOn, append(all, calm)); !slices.Equal(again, refused) {
		t.Errorf("%v are refused now, %v were", again, refused)
	}
	if n := server.requests(); n > 0 || shares.accounts["greedy"].spent > 0 {
		t.Errorf("they cost %d requests, and %d bytes", n, shares.accounts["greedy"].spent)
	}
	if taken := r.memory.taken["calm"].bytes; taken != 9901*budget.MentionBytes {
		t.Errorf("%d bytes are counted for a release whose own values are small", taken)
	}
	if shares.isIncomplete() || shares.passIn() != never || r.isPassAsked() {
		t.Error("they are waited for")
	}
	if r.passOver(t, &pin.Snapshot{}); len(r.memory.taken) > 0 {
		t.Errorf("%+v is counted when all are gone", r.memory.taken)
	}
}

// Those that were accepted stay so. When one of them is removed, a pass follows in which another one is found.
func TestRoomIsUsedAgain(t *testing.T) {
	all, server := hoarders()
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	refused := r.refusedIn(t, goOn, all)
	isRefused := func(o *flux.HelmRelease) bool { return slices.Contains(refused, o.Name) }
	slices.SortFunc(all, func(a, b *flux.HelmRelease) int { return strings.Compare(b.Name, a.Name) }) // those come first
	first := slices.IndexFunc(all, func(o *flux.HelmRelease) bool { return !isRefused(o) })
	all = slices.Delete(all, first, first+1)
	before := len(r.refusedIn(t, goOn, all))
	if before != len(refused) || !r.isPassAsked() {
		t.Fatalf("%d are refused in the pass that has found that one was removed", before)
	}
	if refused = r.refusedIn(t, goOn, all); len(refused) != before-1 {
		t.Errorf("%v are refused when there is room for one more", refused)
	}
	if r.refusedIn(t, goOn, all); r.isPassAsked() {
		t.Error("passes are asked for on and on")
	}
	all = append(all, suspended("greedy", "late", `{}`, "late"))
	if again := r.refusedIn(t, goOn, all); !slices.Equal(again, append(refused, "late")) {
		t.Errorf("%v are refused after one more was suspended, %v were", again, refused)
	}
}

// What was accepted stays when it changes and takes as much as before, whoever was refused.
func TestAcceptedReleaseChanges(t *testing.T) {
	all, server := hoarders()
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	refused := r.refusedIn(t, goOn, all)
	slices.SortStableFunc(all, func(a, b *flux.HelmRelease) int {
		rank := map[bool]int{true: 0, false: 1} // those that were refused come first
		return cmp.Compare(rank[slices.Contains(refused, a.Name)], rank[slices.Contains(refused, b.Name)])
	})
	changed := all[len(all)-1]
	changed.Generation++
	if again := r.refusedIn(t, goOn, all); slices.Contains(again, changed.Name) || len(refused) == 0 {
		t.Errorf("%v are refused, %v were", again, refused)
	}
}

// A release that was refused is found when it takes less, because it has changed or its values have.
func TestRefusedReleaseThatTakesLess(t *testing.T) {
	all, server := hoarders()
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	refused := r.refusedIn(t, goOn, all)
	for _, o := range all {
		if o.Name == refused[0] {
			o.Generation, o.Spec.ValuesFrom[0].Name = 2, "few"
		}
	}
	server.byName["few"] = "image: g.io/o/few:v1"
	if again := r.refusedIn(t, goOn, all); !slices.Equal(again, refused[1:]) {
		t.Errorf("%v are refused, want %v", again, refused[1:])
	}
	change := func(name, values, version string) {
		server.byName[name], server.versions[name] = values, version
		r.changed("greedy", name, version)
	}
	change(refused[1], "image: g.io/o/few:v1", "2")
	if again := r.refusedIn(t, goOn, all); !slices.Equal(again, refused[2:]) {
		t.Errorf("%v are refused, want %v", again, refused[2:])
	}
	// And one that was accepted is refused when it takes more.
	change(refused[1], manyImages(9900), "3")
	if again := r.refusedIn(t, goOn, all); !slices.Equal(again, refused[1:]) {
		t.Errorf("%v are refused, want %v", again, refused[1:])
	}
	if r.passOver(t, &pin.Snapshot{}); len(r.memory.taken) > 0 {
		t.Errorf("%+v is counted when all are gone", r.memory.taken)
	}
}

// The values of a release that takes some from other objects are kept, and count.
func TestNamespaceHasRoomForSoManyValues(t *testing.T) {
	const size = 1 << 20
	server := &valuesServer{values: "image: g.io/o/app:v1", releases: map[string]*flux.HelmRelease{}}
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	var all []*flux.HelmRelease
	for i := range 20 {
		o := suspended("greedy", fmt.Sprint("r", i), `{"text":"`+strings.Repeat("x", size)+`"}`, "values")
		all, server.releases[o.Name] = append(all, o), o
	}
	refused := r.refusedIn(t, goOn, all)
	if want := len(all) - room(len(all), size); len(refused) != want {
		t.Errorf("%v are refused, want %d", refused, want)
	}
	server.requests()
	if again := r.refusedIn(t, goOn, all); !slices.Equal(again, refused) || server.requests() > 0 {
		t.Errorf("%v are refused in the next pass, %v were", again, refused)
	}
	for name, k := range r.known.All() {
		if k.refused > 0 && k.values != nil {
			t.Errorf("the values of %s are kept, which is refused", name)
		}
	}
}

// A release with so many images that the cache does not keep them is read when it is wanted, once, and counts.
func TestManyImagesAreReadOnce(t *testing.T) {
	const images = budget.CachedMentions + 1
	var list []string
	for i := range images {
		list = append(list, fmt.Sprintf(`"g.io/o/a:v%d"`, i))
	}
	many := suspended("apps", "web", `{"images":[`+strings.Join(list, ",")+`]}`)
	server := &valuesServer{releases: map[string]*flux.HelmRelease{"web": many}}
	shares, _ := stoppedShares()
	r := imagesFrom(server, shares)
	for _, requests := range []int{1, 0} {
		if found := r.passOver(t, &pin.Snapshot{}, many)[0]; len(found.Mentions) != images || server.requests() != requests {
			t.Errorf("found %d images", len(found.Mentions))
		}
	}
	if taken := r.memory.taken["apps"].bytes; taken != images*budget.MentionBytes {
		t.Errorf("%d bytes are counted", taken)
	}
	if spent := shares.accounts["apps"].spent; spent != budget.RequestBytes {
		t.Errorf("%d bytes are charged for reading it", spent)
	}
	// It was deleted, which the cache does not know yet: no read has failed, but nothing is known.
	delete(server.releases, "web")
	many.Generation++
	s := &pin.Snapshot{}
	if found := r.passOver(t, s, many)[0]; !found.Unknown || !s.Complete() {
		t.Errorf("found %+v, failed reads: %v", found, s.FailedReads)
	}
}

// A namespace has room for a dozen images of each of its releases, however many these are. What was accepted stays when
// they become fewer, as long as it takes no more.
func TestMemoryOfManyReleases(t *testing.T) {
	const releases, all = 1000, budget.NamespaceBytes + 1000*budget.NamespaceBytesPerRelease
	m, k := memoryShares{releases: map[string]int{"apps": releases}, passes: newRequests()}, knownRelease{namespace: "apps"}
	if m.fits("apps", all+1) || !m.take(&k, all) || m.fits("apps", 1) || !m.fits("other", 1) {
		t.Errorf("taken are %v", m.taken)
	}
	m.releases = nil
	if !m.take(&k, all) || !m.take(&k, all-1) || len(m.passes.events) > 0 {
		t.Error("it takes no more than before, and is refused, or a pass is asked for though nothing was")
	}
	if m.take(&k, all); k.refused != all || k.bytes > 0 {
		t.Errorf("it takes more, and is %+v", k)
	}
	if m.free(&k); len(m.taken) > 0 {
		t.Errorf("%v is counted for nothing", m.taken)
	}
}

// A tenant that has some releases changed does not have all of a large cluster read.
func TestReadAll(t *testing.T) {
	for _, test := range []struct {
		missing, all int
		want         bool
	}{{bulkThreshold - 1, 60, false}, {bulkThreshold, 60, true}, {bulkThreshold, 5000, false}, {500, 5000, true}} {
		if got := isBulk(test.missing, test.all); got != test.want {
			t.Errorf("%d of %d are read together: %t, want %t", test.missing, test.all, got, test.want)
		}
	}
}
