package main

import (
	"strings"
	"testing"
)

// Suspended releases that nobody protects are not shown, but counted: somebody may not know of the
// annotation on their namespace.
func TestStatusCountsDisabledReleases(t *testing.T) {
	e := newExports(t)
	e.publish("pinsync-system", "registry-pins", nil)
	e.report("pinsync-system", `{"pins":[],"releases":[],"problems":[],"unprotected":[`+
		`{"namespace":"kotkan","live":["a"],"disabled":["b","c"]},{"namespace":"other","disabled":["d"]},{"namespace":"live","live":["e"]}]}`)
	for args, want := range map[string]string{
		"":                  "\nNo protected release is suspended.\nNot protected: 3 suspended releases, disabled by annotation or namespaceDefault\n",
		"-n other":          "\nNot protected: 1 suspended release, disabled",
		"-n kotkan -o json": `"disabled": 2,`,
	} {
		code, out, errOut := pinsync(t, "", append([]string{"status", "--kubeconfig", e.kubeconfig}, strings.Fields(args)...)...)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%q: exit code %d, printed %q and %q, want %q", args, code, out, errOut, want)
		}
	}
	if _, out, _ := pinsync(t, "", "status", "--kubeconfig", e.kubeconfig, "-n", "live"); strings.Contains(out, "Not protected") {
		t.Errorf("printed %q", out)
	}
}
