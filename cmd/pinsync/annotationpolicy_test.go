package main

import (
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// With the component, the API server refuses values of the annotations that pinsync does not take, and
// no change of an object that has had such a value before.
func TestAnnotationPolicy(t *testing.T) {
	t.Parallel()
	plane := localtest.StartControlPlane(t)
	localtest.Must(t, plane.InstallFlux(t.Context()))
	kubectl := func(args ...string) error {
		_, err := plane.Kubectl(t.Context(), args...)
		return err
	}
	localtest.Must(t, kubectl("create", "namespace", "shop"))
	localtest.Must(t, kubectl("create", "namespace", "before"))
	localtest.Must(t, kubectl("annotate", "namespace", "before", "pinsync.oleks.space/sync=off", "pinsync.oleks.space/other=x"))
	localtest.Must(t, kubectl("apply", "-f", "config/samples/namespace.yaml", "-f", "config/samples/helmreleases.yaml"))
	localtest.Must(t, kubectl("apply", "-k", "config/components/annotation-policy"))
	set := func(kind, name, key, value string) error {
		args := []string{"annotate", "--overwrite", kind, name, "pinsync.oleks.space/" + key + "=" + value}
		if kind == "helmrelease" {
			args = append(args, "-n", "kotkan")
		}
		return kubectl(args...)
	}
	const release = "cms-plugins-staging"
	localtest.Until(t, func() (bool, string) { // the API server takes a policy up some time later
		// Only tried: an object that has had the value may keep it.
		err := kubectl("annotate", "--dry-run=server", "namespace", "shop", "pinsync.oleks.space/sync=off")
		return err != nil, "the policy is not in force"
	})
	for name, test := range map[string]struct{ kind, name, key, value, want string }{
		"namespace":          {"namespace", "shop", "sync", "Enabled", `pinsync.oleks.space/sync: want enabled or disabled, not "Enabled"`},
		"empty":              {"namespace", "shop", "sync", "", `want enabled or disabled, not ""`},
		"release":            {"helmrelease", release, "sync", "true", `want enabled or disabled, not "true"`},
		"another bad value":  {"namespace", "before", "sync", "on", `not "on"`},
		"enabled":            {"namespace", "shop", "sync", "enabled", ""},
		"disabled":           {"namespace", "shop", "sync", "disabled", ""},
		"disabled release":   {"helmrelease", release, "sync", "disabled", ""},
		"policies":           {"helmrelease", release, "image-policies", "flux-system/web, other,a.b", ""},
		"none":               {"helmrelease", release, "image-policies", "", ""},
		"separator":          {"helmrelease", release, "image-policies", "web;other", `image-policies: want name or namespace/name of ImagePolicies, separated by commas, not "web;other"`},
		"capital letters":    {"helmrelease", release, "image-policies", "web,Other", `not "web,Other"`},
		"kind":               {"helmrelease", release, "image-policies", "imagepolicy/flux-system/web", "want name or namespace/name"},
		"without a name":     {"helmrelease", release, "image-policies", "flux-system/", "want name or namespace/name"},
		"mistyped":           {"helmrelease", release, "snyc", "enabled", "want pinsync.oleks.space/sync or pinsync.oleks.space/image-policies, not pinsync.oleks.space/snyc"},
		"mistyped namespace": {"namespace", "shop", "Sync", "enabled", "not pinsync.oleks.space/Sync"},
		"of releases alone":  {"namespace", "shop", "image-policies", "web", "want pinsync.oleks.space/sync, not pinsync.oleks.space/image-policies"},
	} {
		err := set(test.kind, test.name, test.key, test.value)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	for _, change := range [][]string{{"label", "namespace", "before", "a=b"}, {"annotate", "namespace", "before", "pinsync.oleks.space/sync-"}} {
		if err := kubectl(change...); err != nil {
			t.Errorf("%v: %v", change, err)
		}
	}
}
