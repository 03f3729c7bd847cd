package main

import (
	"os"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/internal/configuration"
	"git.oleks.space/oleks/pinsync/internal/sandbox"
)

// readManifest reads a manifest of config.
func readManifest(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../config/" + name)
	localtest.Must(t, err)
	localtest.Must(t, yaml.UnmarshalStrict(text, into))
}

// The container's memory suffices for the controller and for the process that renders charts: where the
// kernel kills a container as a whole, a chart would else end the controller.
func TestMemoryLimit(t *testing.T) {
	var deployment appsv1.Deployment
	readManifest(t, "manager/deployment.yaml", &deployment)
	container := &deployment.Spec.Template.Spec.Containers[0]
	own := resource.MustParse(container.Env[0].Value[:len(container.Env[0].Value)-len("B")])
	if container.Env[0].Name != "GOMEMLIMIT" {
		t.Fatalf("%+v is not Go's memory limit", container.Env)
	}
	config, err := configuration.Parse([]byte("apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\n"))
	localtest.Must(t, err)
	needed := own.Value() + int64(config.RenderMemory+sandbox.ProgramMemory)
	if limit := container.Resources.Limits.Memory().Value(); limit < needed {
		t.Errorf("the container may take %d MiB, its processes %d", limit>>20, needed>>20)
	}
}

// A drain ends a replica that is not ready, whatever the other does: in a cluster without HelmReleases none
// becomes ready.
func TestEviction(t *testing.T) {
	d := deploy(t)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "pinsync-system", Name: "starting"}, Spec: d.podTemplate().Spec}
	pod.Labels, pod.Spec.NodeName = d.podTemplate().Labels, "node"
	localtest.Must(t, d.client.Create(t.Context(), pod))
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	localtest.Must(t, d.client.Status().Update(t.Context(), pod))
	localtest.Must(t, d.client.SubResource("eviction").Create(t.Context(), pod, &policyv1.Eviction{}))
}

// Whoever fetches artifacts reaches those that serve them, also where Flux was installed without
// policies: then no other policy allows anything.
func TestChartsNetworkPolicy(t *testing.T) {
	var policy networkingv1.NetworkPolicy
	readManifest(t, "components/read-charts/network-policy.yaml", &policy)
	flux, pinsync, other := "flux-system", "pinsync-system", "shop"
	for _, test := range []struct {
		to, namespace, from string
		port                int32
		want                bool
	}{
		{"source-controller", flux, "kustomize-controller", 9090, true},
		{"source-controller", flux, "helm-controller", 9090, true},
		{"source-watcher", flux, "kustomize-controller", 9090, true},
		{"source-controller", flux, "prometheus", 8080, true},
		{"source-controller", pinsync, "pinsync", 9090, true},
		{"source-watcher", pinsync, "pinsync", 9090, true},
		{"source-controller", pinsync, "pinsync", 8080, false},
		{"source-controller", pinsync, "another", 9090, false},
		{"source-controller", other, "pinsync", 9090, false},
	} {
		if !matches(t, &policy.Spec.PodSelector, "app", test.to) {
			t.Errorf("the policy does not select %s", test.to)
		}
		got := false
		for i := range policy.Spec.Ingress {
			got = got || allows(t, &policy, &policy.Spec.Ingress[i], test.namespace, test.from, test.port)
		}
		if got != test.want {
			t.Errorf("%s/%s reaches port %d of %s: %t, want %t", test.namespace, test.from, test.port, test.to, got, test.want)
		}
	}
	if matches(t, &policy.Spec.PodSelector, "app", "notification-controller") {
		t.Error("the policy selects notification-controller, which receives from others")
	}
}

// allows reports whether a rule allows what a Pod sends to a port.
func allows(t *testing.T, policy *networkingv1.NetworkPolicy, rule *networkingv1.NetworkPolicyIngressRule, namespace, name string, port int32) bool {
	t.Helper()
	onPort := len(rule.Ports) == 0
	for _, p := range rule.Ports {
		onPort = onPort || p.Port.IntVal == port
	}
	for _, peer := range rule.From {
		inNamespace := namespace == policy.Namespace
		if peer.NamespaceSelector != nil {
			inNamespace = matches(t, peer.NamespaceSelector, "kubernetes.io/metadata.name", namespace)
		}
		if onPort && inNamespace && matches(t, peer.PodSelector, "app.kubernetes.io/name", name) {
			return true
		}
	}
	return false
}

// matches reports whether a selector selects what has a label.
func matches(t *testing.T, selector *metav1.LabelSelector, key, value string) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	localtest.Must(t, err)
	return s.Matches(labels.Set{key: value})
}
