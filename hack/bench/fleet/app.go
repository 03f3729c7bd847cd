// Package fleet makes up the Flux objects of a cluster, in the shapes that public
// GitOps repositories have. It makes the same ones for the same size every time.
package fleet

import (
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fluxNamespace is where Flux's controllers and most policies are.
const fluxNamespace = "flux-system"

// Of each perNamespace releases there is one namespace, of each perPolicy one policy, and
// of each perSuspended one is suspended.
const (
	perNamespace = 50
	perPolicy    = 5
	perSuspended = 10
)

// App is an application: a HelmRelease, and what belongs to it. Its tag is that of no
// other application.
type App struct {
	index     int
	namespace string
	name      string
}

// Apps are the applications of a cluster with so many HelmReleases.
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

// Key is the name of the application's HelmRelease.
func (a *App) Key() client.ObjectKey {
	return client.ObjectKey{Namespace: a.namespace, Name: a.name}
}

// Suspended says whether the application's release is suspended from the start: one of
// each ten, and in turn one of each shape.
func (a *App) Suspended() bool {
	return a.index%perSuspended == a.index/perSuspended%perSuspended
}

// Pin is the line of the list that keeps the application's own image.
func (a *App) Pin() string {
	return "container/" + a.name + "==" + a.tag()
}

func (a *App) hasPolicy() bool { return a.index%perPolicy == 3 }

func (a *App) registry() string { return pick(registries(), a.index/3) }

func (a *App) repository() string { return pick(owners(), a.index/11) + "/" + a.name }

func (a *App) image() string { return a.registry() + "/" + a.repository() }

// isReleased says that the application's tags are versions, not builds of a branch.
func (a *App) isReleased() bool { return a.index%3 > 0 }

func (a *App) tag() string { return a.tagOf(0) }

// latest is the tag that the application's policy has found: of some of them a build that
// the release does not have yet.
func (a *App) latest() string {
	if a.index%4 == 0 {
		return a.tagOf(1)
	}
	return a.tag()
}

// tagOf is the tag of the application's n-th build.
func (a *App) tagOf(n int) string {
	if a.isReleased() {
		return fmt.Sprintf("v%d.%d.%d", 1+n, a.index/100, a.index%100)
	}
	built := start().Add(time.Duration(a.index+n) * time.Minute).Unix()
	return fmt.Sprintf("main-%s-%d", hexOf(a.index+n, 7), built)
}

// start is when the first application was built.
func start() time.Time { return time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC) }

// hexOf is a checksum of so many digits.
func hexOf(seed, digits int) string {
	var text strings.Builder
	for state := uint64(seed) + 1; text.Len() < digits; {
		state = state*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&text, "%016x", state)
	}
	return text.String()[:digits]
}

func digestOf(seed int) string { return "sha256:" + hexOf(seed, 64) }

// pick takes the i-th of some words, which begin anew behind the last.
func pick(words []string, i int) string { return words[i%len(words)] }
