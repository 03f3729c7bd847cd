package fleet

import (
	"encoding/json"
	"slices"
	"testing"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// The plan for the fleet, for which the benchmark waits, pins the own tag of every suspended
// release, and of no other.
func TestPins(t *testing.T) {
	apps := Apps(1000)
	s := &pin.Snapshot{}
	suspended := 0
	for i := range apps {
		add(t, s, &apps[i])
		if apps[i].Suspended() {
			suspended++
		}
	}
	report := pin.Plan(s, pin.Options{})
	var lines []string
	for i := range report.Pins {
		lines = append(lines, report.Pins[i].Pin)
	}
	for i := range apps {
		if slices.Contains(lines, apps[i].Pin()) != apps[i].Suspended() {
			t.Errorf("%s, suspended %t: %s", apps[i].Key(), apps[i].Suspended(), apps[i].Pin())
		}
	}
	for _, release := range report.Releases {
		if len(release.Problems) > 0 {
			t.Errorf("%s/%s: %v", release.Namespace, release.Name, release.Problems)
		}
	}
	if suspended != len(apps)/perSuspended {
		t.Errorf("%d of %d are suspended", suspended, len(apps))
	}
}

// add adds an application's objects to a snapshot.
func add(t *testing.T, s *pin.Snapshot, app *App) {
	t.Helper()
	object, configMap, err := app.release()
	if err != nil {
		t.Fatal(err)
	}
	if size := len(object.Spec.Values.Raw); size < valuesSize || size > valuesSize*11/10 {
		t.Errorf("the values of %s have %d bytes", app.Key(), size)
	}
	whole := read[flux.HelmRelease](t, object)
	release := convert.Release(whole)
	release.Images = convert.ValuesOf(whole).Find(func(convert.ValuesRef) convert.ValuesObject {
		return convert.ValuesObject{Data: configMap.Data}
	})
	s.Releases = append(s.Releases, release)
	if app.hasPolicy() {
		repository, policy := app.repositoryAndPolicy()
		s.Repositories = append(s.Repositories, convert.Repository(read[flux.ImageRepository](t, repository)))
		s.Policies = append(s.Policies, convert.Policy(read[flux.ImagePolicy](t, policy)))
	}
}

// read decodes an object as pinsync does.
func read[T any](t *testing.T, object any) *T {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	result := new(T)
	if err := json.Unmarshal(text, result); err != nil {
		t.Fatal(err)
	}
	return result
}
