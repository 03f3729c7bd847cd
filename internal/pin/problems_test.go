package pin_test

import (
	"fmt"
	"slices"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Very many broken policies of a namespace, or of very many, hide neither that of another one nor which
// read has failed.
func TestProblemsOfOthers(t *testing.T) {
	for name, namespaceOf := range map[string]func(i int) string{
		"of one":  func(int) string { return "evil" },
		"of many": func(i int) string { return fmt.Sprint("evil-", i) },
	} {
		s := &pin.Snapshot{FailedReads: []v1alpha1.Problem{{Reason: v1alpha1.ReasonReadFailed, Object: "Pods in calm", Message: "forbidden"}}}
		add := func(namespace, name string) {
			s.Policies = append(s.Policies, link.Policy{Name: object.Name{Namespace: namespace, Name: name}, Repository: object.Name{Namespace: namespace, Name: "none"}})
		}
		add("web", "web")
		for i := range 60 {
			add(namespaceOf(i), fmt.Sprint("p-", i))
		}
		problems := pin.Plan(s, pin.Options{}).Problems
		has := func(object string) bool {
			return slices.ContainsFunc(problems, func(p v1alpha1.Problem) bool { return p.Object == object })
		}
		if !has("Pods in calm") || name == "of one" && !has("ImagePolicy web/web") {
			t.Errorf("%s: got %+v", name, problems)
		}
	}
}
