// Package object names Kubernetes objects.
package object

import (
	"cmp"
	"fmt"
	"strings"
)

// HelmRelease is the kind of Flux's HelmReleases.
const HelmRelease = "HelmRelease"

// Name identifies a namespaced object among those of its kind.
type Name struct {
	Namespace, Name string
}

// String returns namespace/name.
func (n Name) String() string {
	return n.Namespace + "/" + n.Name
}

// Amount returns a number of objects for people: 1 pin, 2 pins.
func Amount(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Compare orders names by namespace, then by name.
func Compare(a, b Name) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// ID identifies a namespaced object among those of all kinds.
type ID struct {
	Kind string
	Name
}

// String returns Kind/namespace/name.
func (id ID) String() string {
	return id.Kind + "/" + id.Name.String()
}

// ParseID parses Kind/namespace/name, and namespace/name for a HelmRelease: earlier versions
// of the report had no kinds.
func ParseID(s string) (id ID, ok bool) {
	kind, rest, _ := strings.Cut(s, "/")
	namespace, name, hasKind := strings.Cut(rest, "/")
	if !hasKind {
		kind, namespace, name = HelmRelease, kind, rest
	}
	if kind == "" || namespace == "" || name == "" || strings.Contains(name, "/") {
		return ID{}, false
	}
	return ID{Kind: kind, Name: Name{Namespace: namespace, Name: name}}, true
}
