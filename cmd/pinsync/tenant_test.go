package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// tenantRights are what Flux gives those who may view a namespace.
const tenantRights = `
apiVersion: v1
kind: Namespace
metadata: {name: flux-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: kotkan}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tenant, namespace: kotkan}
rules:
- {apiGroups: [helm.toolkit.fluxcd.io, image.toolkit.fluxcd.io], resources: ["*"], verbs: [get, list]}
- {apiGroups: [""], resources: [namespaces], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant, namespace: kotkan}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: tenant}]
`

// tenantObjects are a release whose policy is in a namespace that the tenant may not read, and one
// whose chart chooses the tag.
const tenantObjects = `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: kotkan}
spec:
  suspend: true
  interval: 10m
  chartRef: {kind: OCIRepository, name: web}
  values: {image: "%[1]s/oleks/web:staging"}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: no-tag, namespace: kotkan}
spec:
  suspend: true
  interval: 10m
  chartRef: {kind: OCIRepository, name: web}
  values: {image: {repository: "%[1]s/oleks/other"}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: "%[1]s/oleks/web", interval: 5m}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec:
  imageRepositoryRef: {name: web}
  filterTags: {pattern: ^staging$}
  policy: {alphabetical: {}}
`

// serveImages serves every tag of every repository, as a registry does.
func serveImages(t *testing.T) (host string) {
	t.Helper()
	const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
		`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Content-Length", fmt.Sprint(len(manifest)))
		fmt.Fprint(w, manifest)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// A tenant who may read only their own namespace, and with the component explain-access the list,
// learns whether a resume would work. Status and why show what the list has.
func TestTenant(t *testing.T) {
	d := deploy(t)
	host := serveImages(t)
	d.configure(fmt.Sprintf("charts: Ignore\nregistries: [{host: '%s', type: generic}]", host))
	d.kubectl("apply", "-f", d.file("rights.yaml", tenantRights))
	d.kubectl("apply", "-f", d.file("objects.yaml", fmt.Sprintf(tenantObjects, host)))
	d.kubectl("-n", "flux-system", "patch", "imagepolicy", "web", "--subresource=status", "--type=merge", "-p", fmt.Sprintf(
		`{"status":{"latestRef":{"name":"%s/oleks/web","tag":"staging"},"conditions":[{"type":"Ready","status":"True","reason":"Succeeded","message":"",`+
			`"lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`, host))
	r := d.start()
	d.reported("generic/web==staging")
	d.report()
	as := func(user string, code int, args ...string) (out, errOut string) {
		t.Helper()
		args = append([]string{args[0], "--kubeconfig", d.plane.Kubeconfig, "--as", user}, args[1:]...)
		got, out, errOut := pinsync(t, "", args...)
		if got != code {
			t.Errorf("%v as %s: exit code %d, want %d; printed %s and %s", args, user, got, code, out, errOut)
		}
		return out, errOut
	}
	contains := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in:\n%s", part, text)
			}
		}
	}
	check := []string{"explain", "kotkan/web", "--check", "--insecure-registry", host}

	// Without the component the list is not known.
	out, _ := as("tenant", exitUnknown, check...)
	contains(out, "kotkan/web: suspended, unknown whether its tags are pinned\n", "tenant may not list configmaps in",
		"tenant may not list imagepolicies.image.toolkit.fluxcd.io in all")

	d.kubectl("apply", "-k", "config/components/explain-access")
	localtest.Until(t, func() (bool, string) {
		_, _, errOut := pinsync(t, "", "status", "--kubeconfig", d.plane.Kubeconfig, "--as", "tenant")
		return !strings.Contains(errOut, "forbidden"), errOut
	})
	// The configuration is known without --config, and the policy from the report.
	out, _ = as("tenant", exitUnknown, check...)
	contains(out, "kotkan/web: suspended, 1 of 1 tags pinned, list ", "generic/web==staging\n    Needed", "flux-system/web\n    not read",
		"NOT READ", "/oleks/web:staging: present", "unknown whether a resume would work now:\n    the configuration's charts is Ignore: images that only charts name are not\n        pinned (ChartNotRead)\n")
	if _, reasons, _ := strings.Cut(out, "would work now:\n"); strings.Count(reasons, "\n") != 2 {
		t.Errorf("something else is not known: %s", out)
	}
	// The first line and the exit code do not say more than is known.
	out, _ = as("tenant", exitUnknown, "explain", "kotkan/no-tag")
	contains(out, "kotkan/no-tag: suspended, and nothing is pinned, list ")
	out, errOut := as("tenant", exitUnknown, "explain", "helmrelease/web", "-n", "kotkan", "-o", "json")
	var explanation v1alpha1.ReleaseExplanation
	if err := json.Unmarshal([]byte(out), &explanation); err != nil || explanation.Resume.Verdict != v1alpha1.ResumeUnknown || explanation.List.Pins != 1 {
		t.Errorf("%v: %s, %s", err, out, errOut)
	}

	// What the report has of a policy that the tenant may not read blocks a resume.
	d.kubectl("-n", "flux-system", "patch", "imagepolicy", "web", "--subresource=status", "--type=merge", "-p",
		`{"status":{"conditions":[{"type":"Ready","status":"False","reason":"Failed","message":"version list argument cannot be empty",`+
			`"lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`)
	d.reported("version list argument cannot be empty")
	d.report()
	out, _ = as("tenant", exitMissing, check...)
	contains(out, "a resume would not work now:\n    ImagePolicy flux-system/web: is not ready")
	if strings.Count(out, "is not ready") != 1 {
		t.Errorf("a problem is there twice:\n%s", out)
	}

	out, _ = as("tenant", 0, "status")
	contains(out, "list pinsync-system/registry-pins of ", "\n  complete, and relied on for 15m0s after each sync\n  1 pin, synced ", "ago by the API server's clock",
		"protects suspended releases: pins all tags that they refer to", "kotkan/no-tag  Suspended  0     may lack tags: NoPin, NoTag\n",
		"kotkan/web     Suspended  1     all tags that were found\n", "kotkan/web: ImagePolicy flux-system/web: is not ready")
	for line := range strings.Lines(out) {
		if len(line) > defaultWidth+1 && strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("longer than %d columns: %s", defaultWidth, line)
		}
	}
	out, _ = as("tenant", 0, "status", "-n", "kotkan", "-o", "yaml")
	contains(out, "kind: PinStatus", "name: no-tag", "host: "+host)
	out, _ = as("tenant", 0, "why", "generic/web==staging")
	contains(out, "Needed, needed by HelmRelease/kotkan/web", "found in spec.values.image", "found in ImagePolicy flux-system/web")
	_, out, _ = pinsync(t, "", "__complete", "explain", "--kubeconfig", d.plane.Kubeconfig, "-n", "kotkan", "")
	contains(out, "no-tag\nweb\n")

	// A list that is not current is nothing to rely on, whatever it has.
	r.Stop()
	d.kubectl("-n", "pinsync-system", "annotate", "--overwrite", "configmap", "registry-pins", "pinsync.oleks.space/synced-at=2026-01-01T00:00:00Z")
	out, _ = as("tenant", exitUnknown, "status")
	contains(out, "DO NOT RELY ON IT: the list registry-pins was last known to be current at")
	out, _ = as("tenant", exitUnknown, check...)
	contains(out, "in a list that must not be relied on")
}
