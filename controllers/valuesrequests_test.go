package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// stoppedShares are shares at a time that does not go on by itself.
func stoppedShares() (s *shares, goOn func(time.Duration)) {
	s, now := newShares(), time.Now()
	s.clock = func() time.Time { return now }
	return s, func(d time.Duration) { now = now.Add(d) }
}

// manyNames are names of ConfigMaps that nothing else has.
func manyNames(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(prefix, "-", i)
	}
	return names
}

// confirmed is a snapshot in which releases are confirmed.
func confirmed(releases ...*flux.HelmRelease) *pin.Snapshot {
	s := &pin.Snapshot{Confirmed: map[object.ID]bool{}}
	for _, release := range releases {
		s.Confirmed[convert.Release(release).ID] = true
	}
	return s
}

// changed notes that a ConfigMap of a namespace has another version, as its watch does.
func (r *releaseImages) changed(namespace, name, version string) bool {
	o := &corev1.ConfigMap{}
	o.Namespace, o.Name, o.ResourceVersion = namespace, name, version
	return r.valuesFrom.Change("ConfigMap", o, false)
}

// A namespace whose releases refer to very many objects has as many of them read in a pass as its share suffices for, in
// the next ones some more, and another namespace does not wait; nor does one that waits lose its pins.
func TestRequestsTakeFromTheShare(t *testing.T) {
	server := &valuesServer{values: "image: g.io/o/app:v1"}
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	const releases, refs = 200, 100
	var all []*flux.HelmRelease
	for i := range releases {
		all = append(all, suspended("greedy", fmt.Sprint("r", i), `{}`, manyNames(fmt.Sprint("v", i), refs)...))
	}
	all = append(all, suspended("calm", "web", `{}`, "values"))
	pass := func(least, most int) {
		t.Helper()
		found := r.passOver(t, &pin.Snapshot{}, all...)
		waiting := 0
		for _, images := range found[:releases] {
			if images == r.waiting {
				waiting++
			} else if images.Unknown || len(images.Mentions) != 1 {
				t.Fatalf("found %+v", images)
			}
		}
		if len(found[releases].Mentions) != 1 {
			t.Error("the release of another namespace waits")
		}
		if n := server.requests(); n > most || n < least || waiting == 0 {
			t.Errorf("%d requests in a pass, want %d to %d; %d releases wait", n, least, most, waiting)
		}
	}
	const atFirst, perSecond = (budget.ShareBytes + releases*budget.ShareBytesPerRelease) / budget.RequestBytes, budget.ShareBytesPerSecond / budget.RequestBytes
	pass(atFirst/2, atFirst+refs)
	pass(0, 0)
	goOn(10 * time.Second)
	pass(refs, 10*perSecond+refs)
}

// The releases of a namespace that wait for its share are found one after the other, and what was read for one is not read
// in vain.
func TestWaitingReleasesAreFound(t *testing.T) {
	server := &valuesServer{values: "image: g.io/o/app:v1\nx: " + strings.Repeat("x", 8<<10)}
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	const releases = 1000
	var all []*flux.HelmRelease
	for i := range releases {
		all = append(all, suspended("apps", fmt.Sprint("r", i), `{}`, fmt.Sprint("v", i), fmt.Sprint("w", i)))
	}
	requests := 0
	for seconds := range 120 {
		found := r.passOver(t, &pin.Snapshot{}, all...)
		requests += server.requests()
		isWaiting := func(images *pin.ReleaseImages) bool { return images == r.waiting }
		if !slices.ContainsFunc(found, isWaiting) {
			if seconds == 0 || requests > 2*releases {
				t.Errorf("all were found after %d s and %d requests", seconds, requests)
			}
			return
		}
		goOn(time.Second)
	}
	t.Error("some wait for ever")
}

// One release whose values are larger than the share is found all the same, once.
func TestReleaseLargerThanTheShare(t *testing.T) {
	server := &valuesServer{values: strings.Repeat("x", 1<<20), byName: map[string]string{"used": "image: g.io/o/app:v1"}}
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	web := suspended("apps", "web", `{}`, append([]string{"used"}, manyNames("v", 90)...)...)
	for i := range web.Spec.ValuesFrom[1:] {
		web.Spec.ValuesFrom[i+1].ValuesKey, web.Spec.ValuesFrom[i+1].Optional = "unused", true
	}
	for pass := range 3 {
		images := r.passOver(t, &pin.Snapshot{}, web)[0]
		if n := server.requests(); images == r.waiting || images.Unknown || (n > 0) != (pass == 0) {
			t.Errorf("pass %d: %d requests, found %+v", pass, n, images)
		}
		goOn(time.Minute)
	}
}

// Releases whose small values have changed, and that take large ones besides from objects that they share, overdraw the
// share of their namespace by no more than once and two releases.
func TestOverdraw(t *testing.T) {
	server := &valuesServer{values: "image: g.io/o/app:v1", byName: map[string]string{"shared": "x: " + strings.Repeat("x", 1<<20)}}
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	var all []*flux.HelmRelease
	for i := range readAhead {
		all = append(all, suspended("apps", fmt.Sprint("r", i), `{}`, "shared", fmt.Sprint("v", i)))
	}
	for range 2 {
		found := r.passOver(t, &pin.Snapshot{}, all...)
		if spent := shares.accounts["apps"].spent; spent > 2*shares.accounts["apps"].share()+2*budget.ValuesBytes {
			t.Errorf("%d bytes are spent in a pass", spent)
		}
		for slices.Contains(found, r.waiting) {
			goOn(10 * time.Second)
			found = r.passOver(t, &pin.Snapshot{}, all...)
		}
		goOn(time.Hour)
		for i := range all {
			r.changed("apps", fmt.Sprint("v", i), "2")
		}
	}
}

// A release that names a Secret costs nothing while nothing changes, where Secrets are not read.
func TestIgnoredSecretIsFree(t *testing.T) {
	server := &valuesServer{values: "image: g.io/o/app:v1"}
	shares, _ := stoppedShares()
	r := imagesFrom(server, shares)
	web := suspended("apps", "web", `{}`, "values", "secret")
	web.Spec.ValuesFrom[1].Kind = convert.SecretKind
	r.passOver(t, &pin.Snapshot{}, web)
	server.requests()
	if r.passOver(t, &pin.Snapshot{}, web); server.requests() > 0 {
		t.Error("it is read again though nothing has changed")
	}
}

// What an object has is charged, too, used or not.
func TestUnusedDataIsCharged(t *testing.T) {
	const size = 1 << 20
	server := &valuesServer{values: strings.Repeat(" ", size)}
	shares, _ := stoppedShares()
	r := imagesFrom(server, shares)
	release := suspended("apps", "web", `{}`, manyNames("v", 10)...)
	for i := range release.Spec.ValuesFrom {
		release.Spec.ValuesFrom[i].ValuesKey = "unused"
	}
	r.passOver(t, &pin.Snapshot{}, release)
	if spent := shares.accounts["apps"].spent; spent < 10*size/budget.ReadFactor {
		t.Errorf("%d bytes are charged", spent)
	}
}

// All that is read for a release is read at the same time: what is missing, what is wanted afresh, and what was dropped,
// and in a pass once, whoever refers to it.
func TestReadsAreParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const refs, each = 2 * parallelReads, 3 * parallelReads / 2
		server := &valuesServer{takes: time.Second, byName: map[string]string{}}
		r := imagesFrom(server, newShares())
		names := manyNames("v", refs)
		web, other := suspended("apps", "web", `{}`, names[:each]...), suspended("apps", "other", `{}`, names[refs-each:]...)
		expect := func(what string, want time.Duration, requests int, s *pin.Snapshot, releases ...*flux.HelmRelease) {
			t.Helper()
			began := time.Now()
			for _, images := range r.passOver(t, s, releases...) {
				if images == r.waiting || images.Unknown {
					t.Errorf("%s: found %+v", what, images)
				}
			}
			if took, n := time.Since(began), server.requests(); took != want || n != requests {
				t.Errorf("%s: %d requests take %s, want %d and %s", what, n, took, requests, want)
			}
		}
		expect("missing", 2*time.Second, refs, &pin.Snapshot{}, web, other)
		expect("known", 0, 0, &pin.Snapshot{}, web, other)
		expect("afresh", 2*time.Second, refs, confirmed(web, other), web, other)
		r.changed("apps", names[0], "2")
		server.versions = map[string]string{names[0]: "2"}
		expect("changed", 2*time.Second, each, &pin.Snapshot{}, web, other)

		late := suspended("apps", "late", `{}`, names...)
		r.valuesFrom.held = maxHeld + 1 // so that nothing is read for many releases together
		expect("dropped", 2*time.Second, refs, &pin.Snapshot{}, web, other, late)
	})
}

// However much the values of releases are, little more than maxHeld of it is in memory at a time.
func TestLittleDataIsHeld(t *testing.T) {
	const size, objects = 1 << 20, 2 * maxHeld >> 20
	server := &valuesServer{values: strings.Repeat(" ", size)}
	r := imagesFrom(server, newShares())
	server.reading = func(string) {
		r.valuesFrom.mu.Lock()
		defer r.valuesFrom.mu.Unlock()
		if held := r.valuesFrom.held; held > maxHeld+parallelReads*size {
			t.Errorf("%d bytes are held", held)
		}
	}
	var all []*flux.HelmRelease
	for i := range objects {
		all = append(all, suspended(fmt.Sprint("apps", i), "web", `{}`, "values"))
	}
	for _, images := range r.passOver(t, &pin.Snapshot{}, all...) {
		if images.Unknown {
			t.Fatalf("found %+v", images)
		}
	}
	if n := server.requests(); n != objects {
		t.Errorf("%d requests", n)
	}
}

// A confirmed release of a namespace whose share is used up keeps its pins, needs what it named, and nothing is read for
// it. An equal pointer means equal images.
func TestConfirmedReleaseWaits(t *testing.T) {
	server := &valuesServer{values: "image: g.io/o/app:v1"}
	shares, goOn := stoppedShares()
	r := imagesFrom(server, shares)
	web := suspended("apps", "web", `{}`, "values", "more")
	r.passOver(t, &pin.Snapshot{}, web)
	server.requests()
	shares.spend("apps", 2*budget.ShareBytes)
	var before *pin.ReleaseImages
	for range 2 {
		images := r.passOver(t, confirmed(web), web)[0]
		if !images.Unknown || len(images.Mentions) != 1 || len(images.Problems) != 1 || server.requests() > 0 || before != nil && images != before {
			t.Errorf("found %+v", images)
		}
		before = images
	}
	if images := r.passOver(t, &pin.Snapshot{}, web)[0]; len(images.Mentions) != 1 || server.requests() > 0 {
		t.Errorf("found %+v though nothing has changed", images)
	}
	goOn(time.Minute)
	if images := r.passOver(t, confirmed(web), web)[0]; len(images.Mentions) != 1 || server.requests() != 2 {
		t.Errorf("found %+v with its share", images)
	}
}

// Where an object is read again in a pass, and has changed, another pass follows: a release may have been looked at
// before. If the watch has noticed the change, it asks for one.
func TestChangeFoundByReading(t *testing.T) {
	server := &valuesServer{values: "image: g.io/o/app:v1", versions: map[string]string{}}
	r := imagesFrom(server, newShares())
	web, other := suspended("apps", "web", `{}`, "values"), suspended("apps", "other", `{}`, "values")
	tags := func(s *pin.Snapshot) string {
		var tags []string
		for _, images := range r.passOver(t, s, web, other) {
			tags = append(tags, images.Mentions[0].Tag)
		}
		return strings.Join(tags, " ")
	}
	isAsked := func() bool {
		asked := len(r.valuesFrom.passes.events) > 0
		for len(r.valuesFrom.passes.events) > 0 {
			<-r.valuesFrom.passes.events
		}
		return asked
	}
	change := func(version string) {
		server.values, server.versions["values"] = "image: g.io/o/app:v"+version, version
	}
	if tags(&pin.Snapshot{}) != "v1 v1" || isAsked() {
		t.Error("a first read asks for a pass")
	}
	change("2")
	if tags(confirmed(other)); !isAsked() {
		t.Error("no pass is asked for")
	}
	if r.changed("apps", "values", "2") {
		t.Error("the version that was read is taken for a change")
	}
	if got := tags(&pin.Snapshot{}); got != "v2 v2" || isAsked() {
		t.Errorf("found %s", got)
	}
	change("3")
	if !r.changed("apps", "values", "3") || r.changed("apps", "values", "3") {
		t.Error("the watch asks for no pass, or for two")
	}
	if got := tags(&pin.Snapshot{}); got != "v3 v3" || isAsked() {
		t.Errorf("found %s, after the watch has asked for a pass", got)
	}
	// One that comes while it is read: it is used as it was read, and read again.
	server.reading = func(string) {
		server.reading = nil
		change("4")
		r.changed("apps", "values", "4")
	}
	tags(confirmed(web))
	if got := tags(&pin.Snapshot{}); got != "v4 v4" {
		t.Errorf("found %s", got)
	}
}

// What cannot be read is tried once in a pass, fails for each release, and is read in the next pass.
func TestFailedValuesRead(t *testing.T) {
	server := &valuesServer{values: "image: g.io/o/app:v1", fails: map[string]error{"values": errors.New("no answer")}}
	r := imagesFrom(server, newShares())
	web, other := suspended("apps", "web", `{}`, "values"), suspended("apps", "other", `{}`, "values")
	s := &pin.Snapshot{}
	for _, images := range r.passOver(t, s, web, other) {
		if !images.Unknown {
			t.Errorf("found %+v", images)
		}
	}
	if n := server.requests(); n != 1 || len(s.FailedReads) == 0 {
		t.Errorf("%d requests, failed reads: %v", n, s.FailedReads)
	}
	server.fails = nil
	for _, images := range r.passOver(t, &pin.Snapshot{}, web, other) {
		if images.Unknown || len(images.Mentions) != 1 {
			t.Errorf("found %+v", images)
		}
	}
}
