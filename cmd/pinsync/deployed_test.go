package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// deployment is config/default on an API server of its own. Its pods' containers run as
// processes with the same permissions.
type deployment struct {
	t          *testing.T
	plane      *local.ControlPlane
	client     client.Client
	folder     string
	kubeconfig string // of the service account
	binary     string
	args       []string
}

// deploy deploys for a test that runs beside others.
func deploy(t *testing.T) *deployment {
	t.Helper()
	t.Parallel()
	return deployAlone(t)
}

// deployAlone deploys for a test that runs beside no other.
func deployAlone(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t, plane: localtest.StartControlPlane(t), folder: t.TempDir()}
	localtest.Must(t, d.plane.Deploy(t.Context()))
	var err error
	d.client, err = local.NewClient(d.plane.Config)
	localtest.Must(t, err)
	d.kubeconfig, err = d.plane.KubeconfigOf(t.Context(), "pinsync")
	localtest.Must(t, err)
	d.binary, err = build()
	localtest.Must(t, err)
	d.readArgs()
	return d
}

func (d *deployment) file(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.folder, name)
	localtest.Must(d.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// kubectl runs kubectl as the administrator and returns what it printed.
func (d *deployment) kubectl(args ...string) string {
	d.t.Helper()
	output, err := d.plane.Kubectl(d.t.Context(), args...)
	localtest.Must(d.t, err)
	return output
}

// readArgs reads the arguments of the Deployment's container, and replaces those that only
// work in a pod.
func (d *deployment) readArgs() {
	d.t.Helper()
	pods := d.podTemplate().Spec
	var config corev1.ConfigMap
	localtest.Must(d.t, d.client.Get(d.t.Context(), client.ObjectKey{Namespace: "pinsync-system", Name: pods.Volumes[0].ConfigMap.Name}, &config))
	for _, arg := range pods.Containers[0].Args {
		switch {
		case strings.HasPrefix(arg, "--config=/etc/pinsync/"):
			arg = "--config=" + d.file("config.yaml", config.Data[strings.TrimPrefix(arg, "--config=/etc/pinsync/")])
		case strings.Contains(arg, "-bind-address="):
			flag, _, _ := strings.Cut(arg, "=")
			arg = flag + "=127.0.0.1:0"
		}
		d.args = append(d.args, arg)
	}
	d.args = append(d.args, "--kubeconfig", d.kubeconfig)
}

// configure replaces the configuration.
func (d *deployment) configure(text string) {
	d.t.Helper()
	d.args = append(d.args, "--config", d.file("configured.yaml", "apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\n"+text+"\n"))
}

func (d *deployment) setSuspend(release string, suspend bool) {
	d.t.Helper()
	d.kubectl("-n", "kotkan", "patch", "helmrelease", release, "--type=merge", "-p", fmt.Sprintf(`{"spec":{"suspend":%t}}`, suspend))
}

// becomeReady sets the status that helm-controller sets after an installation.
func (d *deployment) becomeReady(release string) {
	d.t.Helper()
	generation := d.kubectl("-n", "kotkan", "get", "helmrelease", release, "-o", "jsonpath={.metadata.generation}")
	d.kubectl("-n", "kotkan", "patch", "helmrelease", release, "--subresource=status", "--type=merge", "-p", fmt.Sprintf(
		`{"status":{"observedGeneration":%[1]s,"conditions":[{"type":"Ready","status":"True","reason":"InstallSucceeded","message":"",`+
			`"observedGeneration":%[1]s,"lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`, generation))
}

// reported waits until the report contains a text.
func (d *deployment) reported(text string) {
	d.t.Helper()
	localtest.Until(d.t, func() (bool, string) {
		report := d.configMap("registry-pins-report").Data["report.json"]
		return strings.Contains(report, text), report
	})
}

// report waits for the report on the list that exists now, and returns its text.
func (d *deployment) report() string {
	d.t.Helper()
	_, text := localtest.Report(d.t, d.client, "pinsync-system")
	return text
}

func (d *deployment) podTemplate() corev1.PodTemplateSpec {
	d.t.Helper()
	var deployment appsv1.Deployment
	localtest.Must(d.t, d.client.Get(d.t.Context(), client.ObjectKey{Namespace: "pinsync-system", Name: "pinsync"}, &deployment))
	return deployment.Spec.Template
}

// start starts a replica.
func (d *deployment) start() *localtest.Replica {
	d.t.Helper()
	return localtest.StartReplica(d.t, d.binary, d.args...)
}

func (d *deployment) list() *corev1.ConfigMap { return d.configMap("registry-pins") }

// configMap returns a ConfigMap of pinsync's namespace, an empty one if it cannot be read.
func (d *deployment) configMap(name string) *corev1.ConfigMap {
	configMap := &corev1.ConfigMap{}
	if err := d.client.Get(d.t.Context(), client.ObjectKey{Namespace: "pinsync-system", Name: name}, configMap); err != nil {
		return &corev1.ConfigMap{}
	}
	return configMap
}

// expect waits for a list with these tags of container/cms-plugins, and no
// others.
func (d *deployment) expect(complete string, tags ...string) {
	d.t.Helper()
	want := ""
	for _, tag := range tags {
		want += "container/cms-plugins==" + tag + "\n"
	}
	localtest.Until(d.t, func() (bool, string) {
		configMap := d.list()
		got := configMap.Data["registry-pins.txt"]
		isComplete := configMap.Annotations["pinsync.oleks.space/complete"]
		return got == want && isComplete == complete, fmt.Sprintf("complete %q, %q", isComplete, got)
	})
}

// config/default grants all permissions that pinsync needs, and its pods satisfy the
// restricted Pod Security level.
func TestDeployed(t *testing.T) {
	d := deploy(t)
	d.configure("hold: {grace: 2s}")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "pinsync-system", Name: "pinsync"}, Spec: d.podTemplate().Spec}
	if err := d.client.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("the namespace rejects the Deployment's pods: %v", err)
	}
	pod.Spec.Containers[0].SecurityContext = nil
	if err := d.client.Create(t.Context(), pod, client.DryRunAll); err == nil {
		t.Error("the namespace accepts pods that are not restricted, so accepting pinsync's proves nothing")
	}

	first := d.start()
	var lease coordinationv1.Lease
	localtest.Until(d.t, func() (bool, string) {
		err := d.client.Get(t.Context(), client.ObjectKey{Namespace: "pinsync-system", Name: "pinsync"}, &lease)
		return err == nil, fmt.Sprint(err)
	})
	second := d.start()
	leader := fmt.Sprintf(`"leader":%q`, *lease.Spec.HolderIdentity)
	for _, replica := range []*localtest.Replica{first, second} {
		localtest.Until(d.t, func() (bool, string) {
			return strings.Contains(replica.Log.String(), leader), "a replica does not log " + leader
		})
	}
	localtest.Must(d.t, local.Load(t.Context(), d.client, "../../config/samples"))
	d.expect("true", "production", "staging")

	d.setSuspend("cms-plugins-staging", false)
	d.reported("kotkan/cms-plugins-staging is not Ready")
	d.kubectl("-n", "pinsync-system", "delete", "configmap", "registry-pins")
	d.expect("true", "production", "staging")
	d.report()
	d.kubectl("-n", "pinsync-system", "delete", "configmap", "registry-pins-report")
	d.reported("kotkan/cms-plugins-staging is not Ready")
	d.becomeReady("cms-plugins-staging")
	d.reported("no pod in kotkan runs it")
	if report := d.report(); strings.Contains(report, "WorkloadsNotRead") {
		t.Errorf("pinsync may not list some workloads: %s", report)
	}
	d.kubectl("-n", "kotkan", "run", "cms-plugins", "--image=git.oleks.space/oleks/cms-plugins:staging")
	d.kubectl("-n", "kotkan", "patch", "pod", "cms-plugins", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Running"}}`)
	d.expect("true", "production")
	d.kubectl("annotate", "namespace", "kotkan", "pinsync.oleks.space/sync=disabled")
	d.expect("true")
	d.kubectl("annotate", "--overwrite", "namespace", "kotkan", "pinsync.oleks.space/sync=off")
	d.expect("true", "production")
	localtest.Until(d.t, func() (bool, string) {
		messages := d.kubectl("-n", "kotkan", "events", "--for", "namespace/kotkan", "--types", "Warning")
		return strings.Contains(messages, `"off" is not a value of pinsync.oleks.space/sync`), messages
	})

	first.Stop()
	d.setSuspend("cms-plugins-staging", true)
	d.expect("true", "production", "staging")
	second.Stop()
	for name, log := range map[string]string{"first": first.Log.String(), "second": second.Log.String()} {
		for _, word := range []string{"forbidden", "is not written"} {
			if strings.Contains(log, word) {
				t.Errorf("the log of the %s replica contains %q:\n%s", name, word, log)
			}
		}
		if !strings.Contains(log, "Wrote the list") {
			t.Errorf("the %s replica has not written the list:\n%s", name, log)
		}
	}
}

// Without the permission to read policies the list is marked as incomplete, pins are added
// and none is removed. With the permission it is complete again.
func TestForbiddenRead(t *testing.T) {
	d := deploy(t)
	localtest.Must(d.t, local.Load(t.Context(), d.client, "../../config/samples"))
	r := d.start()
	d.expect("true", "production", "staging")
	r.Stop()

	var role rbacv1.ClusterRole
	localtest.Must(d.t, d.client.Get(t.Context(), client.ObjectKey{Name: "pinsync"}, &role))
	rules := role.Rules
	role.Rules = slices.DeleteFunc(slices.Clone(rules), func(rule rbacv1.PolicyRule) bool {
		return slices.Contains(rule.Resources, "imagepolicies")
	})
	if len(role.Rules) == len(rules) {
		t.Fatal("the ClusterRole has no rule about policies")
	}
	localtest.Must(d.t, d.client.Update(t.Context(), &role))
	d.setSuspend("cms-plugins-staging", false)
	d.kubectl("-n", "kotkan", "patch", "helmrelease", "cms-plugins-production", "--type=merge", "-p", `{"spec":{"values":{"image":{"tag":"new"}}}}`)
	r = d.start()
	d.expect("false", "new", "production", "staging")
	if report := d.report(); !strings.Contains(report, `"reason":"ReadFailed"`) || !strings.Contains(report, `"state":"Held"`) {
		t.Errorf("the report does not name the failed read: %s", report)
	}

	localtest.Must(d.t, d.client.Get(t.Context(), client.ObjectKey{Name: "pinsync"}, &role))
	role.Rules = rules
	localtest.Must(d.t, d.client.Update(t.Context(), &role))
	d.expect("true", "new", "production", "staging")
	r.Stop()
}

// Secrets are read with the component that grants the permission. Without it the list is
// marked as incomplete.
func TestReadSecrets(t *testing.T) {
	d := deploy(t)
	d.configure("secretValues: Read\nhold: {grace: 2s}")
	d.kubectl("create", "namespace", "kotkan")
	d.kubectl("-n", "kotkan", "create", "secret", "generic", "values",
		"--from-literal=values.yaml=image: git.oleks.space/oleks/cms-plugins:from-secret")
	d.kubectl("apply", "-f", d.file("release.yaml", `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: cms-plugins, namespace: kotkan}
spec:
  suspend: true
  interval: 10m
  chartRef: {kind: OCIRepository, name: cms-plugins}
  valuesFrom: [{kind: Secret, name: values}]
  values: {sidecar: {image: "git.oleks.space/oleks/cms-plugins:from-values"}}
`))
	r := d.start()
	d.expect("false", "from-values")
	if report := d.report(); !strings.Contains(report, "Secret kotkan/values") {
		t.Errorf("the report does not name the Secret: %s", report)
	}
	d.kubectl("apply", "-k", "config/components/read-secrets")
	d.expect("true", "from-secret", "from-values")
	d.kubectl("-n", "kotkan", "patch", "secret", "values", "-p",
		`{"stringData":{"values.yaml":"image: git.oleks.space/oleks/cms-plugins:changed"}}`)
	d.expect("true", "changed", "from-values")
	r.Stop()
}

func TestControllerRefuses(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("heartbeat: x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args []string
		want []string
	}{
		"no cluster":         {nil, []string{"--kubeconfig", "KUBECONFIG"}},
		"missing kubeconfig": {[]string{"--kubeconfig", "/nowhere"}, []string{"/nowhere"}},
		"broken kubeconfig":  {[]string{"--kubeconfig", broken}, []string{broken, "no cluster"}},
		"configuration":      {[]string{"--config", broken}, []string{broken, "heartbeat", `"x"`}},
		"namespace":          {[]string{"--pinsync-namespace", "A_b"}, []string{"--pinsync-namespace", `"A_b"`}},
		"log level":          {[]string{"--log-level", "warn"}, []string{"--log-level", `"warn"`, "trace, debug, info or error"}},
		"log encoding":       {[]string{"--log-encoding", "text"}, []string{"--log-encoding", `"text"`, "json or console"}},
		"flag":               {[]string{"--leaderelect"}, []string{"--leaderelect", "did you mean --leader-elect?"}},
		"argument":           {[]string{"now"}, []string{"now"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := pinsync(t, "", append([]string{"controller"}, test.args...)...)
			if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 {
				t.Errorf("exit code %d, printed %q and %q", code, out, errOut)
			}
			for _, part := range test.want {
				if !strings.Contains(errOut, part) {
					t.Errorf("%q does not name %q", errOut, part)
				}
			}
		})
	}
}
