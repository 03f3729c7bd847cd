// Package fleet generates the Flux objects of a cluster, in the shapes of public GitOps
// repositories. The same size always gives the same objects.
package fleet

import (
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fluxNamespace is where Flux's controllers and most policies are.
const fluxNamespace = "flux-system"

// There is one namespace for each perNamespace releases, one policy for each perPolicy, and
// one release of each perSuspended is suspended.
const (
	perNamespace = 50
	perPolicy    = 5
	perSuspended = 10
)

// App is an application: a HelmRelease and its other objects. No two applications have the
// same tag.
type App struct {
	index     int
	namespace string
	name      string
}

// Apps returns the applications of a cluster with this number of HelmReleases.
func Apps(releases int) []App {
	apps := make([]App, releases)
	for i := range apps {
		apps[i] = App{
			index:     i,
			namespace: namespaceOf(i % namespaces(releases)),
			name:      fmt.Sprintf("%s-%s-%05d", pick(domains(), i), pick(roles(), i/7), i),
		}
	}
	return apps
}

func namespaces(releases int) int { return max(1, releases/perNamespace) }

func namespaceOf(team int) string { return fmt.Sprintf("team-%04d", team) }

// Key returns the name of the application's HelmRelease.
func (a *App) Key() client.ObjectKey {
	return client.ObjectKey{Namespace: a.namespace, Name: a.name}
}

// Suspended reports whether the application's release is suspended from the start: one of
// ten, in turn one of each shape.
func (a *App) Suspended() bool {
	return a.index%perSuspended == a.index/perSuspended%perSuspended
}

// Pin returns the line of the list for the application's own image.
func (a *App) Pin() string {
	return "container/" + a.name + "==" + a.tag()
}

func (a *App) hasPolicy() bool { return a.index%perPolicy == 3 }

func (a *App) registry() string { return pick(registries(), a.index/3) }

func (a *App) repository() string { return pick(owners(), a.index/11) + "/" + a.name }

func (a *App) image() string { return a.registry() + "/" + a.repository() }

// isReleased reports whether the application's tags are versions, not builds of a branch.
func (a *App) isReleased() bool { return a.index%3 > 0 }

func (a *App) tag() string { return a.tagOf(0) }

// latest returns the latest tag of the application's policy, for some a newer one than the
// release's.
func (a *App) latest() string {
	if a.index%4 == 0 {
		return a.tagOf(1)
	}
	return a.tag()
}

// tagOf returns the tag of the application's n-th build.
func (a *App) tagOf(n int) string {
	if a.isReleased() {
		return fmt.Sprintf("v%d.%d.%d", 1+n, a.index/100, a.index%100)
	}
	built := start().Add(time.Duration(a.index+n) * time.Minute).Unix()
	return fmt.Sprintf("main-%s-%d", hexOf(a.index+n, 7), built)
}

// start returns the time of the first build.
func start() time.Time { return time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC) }

// hexOf returns a checksum with this number of digits.
func hexOf(seed, digits int) string {
	var text strings.Builder
	for state := uint64(seed) + 1; text.Len() < digits; {
		state = state*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&text, "%016x", state)
	}
	return text.String()[:digits]
}

func digestOf(seed int) string { return "sha256:" + hexOf(seed, 64) }

// pick returns the i-th word, modulo the number of words.
func pick(words []string, i int) string { return words[i%len(words)] }
