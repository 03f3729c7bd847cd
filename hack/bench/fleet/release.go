package fleet

import (
	"encoding/json"
	"fmt"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// release returns the application's HelmRelease, with its status, and the ConfigMap of its
// valuesFrom, nil if there is none.
func (a *App) release() (*helmv2.HelmRelease, *corev1.ConfigMap, error) {
	own, from := a.values()
	values, err := json.Marshal(own)
	if err != nil {
		return nil, nil, err
	}
	release := &helmv2.HelmRelease{
		ObjectMeta: a.meta(a.namespace, a.name),
		Spec: helmv2.HelmReleaseSpec{
			Suspend:        a.Suspended(),
			Interval:       metav1.Duration{Duration: 30 * time.Minute},
			Timeout:        &metav1.Duration{Duration: 5 * time.Minute},
			Install:        &helmv2.Install{Remediation: &helmv2.InstallRemediation{Retries: 3}},
			Upgrade:        &helmv2.Upgrade{Remediation: &helmv2.UpgradeRemediation{Retries: 3}},
			DriftDetection: &helmv2.DriftDetection{Mode: helmv2.DriftDetectionEnabled},
			Values:         &apiextensionsv1.JSON{Raw: values},
		},
		Status: a.status(),
	}
	a.setChart(&release.Spec)
	release.Finalizers = []string{helmv2.HelmReleaseFinalizer}
	if from == nil {
		return release, nil, nil
	}
	text, err := yaml.Marshal(from)
	if err != nil {
		return nil, nil, err
	}
	configMap := &corev1.ConfigMap{
		ObjectMeta: a.meta(a.namespace, a.name+"-values"),
		Data:       map[string]string{"values.yaml": string(text)},
	}
	release.Spec.ValuesFrom = []helmv2.ValuesReference{{Kind: "ConfigMap", Name: configMap.Name}}
	return release, configMap, nil
}

// meta returns the metadata of an object that Flux has applied from Git.
func (a *App) meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{
		"app.kubernetes.io/name":                a.name,
		"app.kubernetes.io/part-of":             pick(domains(), a.index),
		"kustomize.toolkit.fluxcd.io/name":      a.namespace,
		"kustomize.toolkit.fluxcd.io/namespace": fluxNamespace,
	}}
}

func (a *App) setChart(spec *helmv2.HelmReleaseSpec) {
	if a.usesAppTemplate() {
		spec.ChartRef = &helmv2.CrossNamespaceSourceReference{Kind: "OCIRepository", Name: "app-template", Namespace: fluxNamespace}
		return
	}
	spec.Chart = &helmv2.HelmChartTemplate{Spec: helmv2.HelmChartTemplateSpec{
		Chart:     a.chart(),
		Version:   a.chartVersion(),
		Interval:  &metav1.Duration{Duration: time.Hour},
		SourceRef: helmv2.CrossNamespaceObjectReference{Kind: "HelmRepository", Name: "charts", Namespace: fluxNamespace},
	}}
}

// chart returns a chart of the application alone, or one that many share.
func (a *App) chart() string {
	if a.index%2 == 0 {
		return a.name
	}
	return "microservice"
}

func (a *App) chartVersion() string { return fmt.Sprintf("3.%d.%d", a.index%20, a.index%7) }

// status returns the status of a release that was upgraded once.
func (a *App) status() helmv2.HelmReleaseStatus {
	message := fmt.Sprintf("Helm upgrade succeeded for release %s/%s.v2 with chart %s@%s", a.namespace, a.name, a.chart(), a.chartVersion())
	condition := func(kind string) metav1.Condition {
		return metav1.Condition{
			Type: kind, Status: metav1.ConditionTrue, Reason: helmv2.UpgradeSucceededReason, Message: message,
			ObservedGeneration: 1, LastTransitionTime: metav1.NewTime(start()),
		}
	}
	return helmv2.HelmReleaseStatus{
		ObservedGeneration:         1,
		LastAttemptedGeneration:    1,
		LastAttemptedReleaseAction: helmv2.ReleaseActionUpgrade,
		LastAttemptedRevision:      a.chartVersion(),
		LastAttemptedConfigDigest:  digestOf(a.index),
		HelmChart:                  a.namespace + "/" + a.namespace + "-" + a.name,
		StorageNamespace:           a.namespace,
		Conditions:                 []metav1.Condition{condition(meta.ReadyCondition), condition(helmv2.ReleasedCondition)},
		History:                    helmv2.Snapshots{a.snapshot(2, "deployed"), a.snapshot(1, "superseded")},
		Inventory:                  a.inventory(),
	}
}

// snapshot returns the history entry of one version of the release.
func (a *App) snapshot(version int, status string) *helmv2.Snapshot {
	return &helmv2.Snapshot{
		Name: a.name, Namespace: a.namespace, Version: version, Status: status,
		Digest: digestOf(2*a.index + version), ConfigDigest: digestOf(a.index),
		ChartName: a.chart(), ChartVersion: a.chartVersion(), AppVersion: a.tag(),
		FirstDeployed: metav1.NewTime(start()), LastDeployed: metav1.NewTime(start().Add(time.Duration(version) * time.Hour)),
	}
}

// inventory returns the objects that helm-controller has applied.
func (a *App) inventory() *helmv2.ResourceInventory {
	inventory := &helmv2.ResourceInventory{}
	for _, kind := range []string{
		"_ConfigMap", "_Service", "_ServiceAccount", "_PersistentVolumeClaim", "apps_Deployment", "autoscaling_HorizontalPodAutoscaler",
		"networking.k8s.io_Ingress", "monitoring.coreos.com_ServiceMonitor",
	} {
		inventory.Entries = append(inventory.Entries, helmv2.ResourceRef{ID: a.namespace + "_" + a.name + "_" + kind, Version: "v1"})
	}
	return inventory
}
