package flux

import (
	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// HelmRelease is a HelmRelease of helm-controller.
//
// +kubebuilder:object:root=true
type HelmRelease struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   HelmReleaseSpec   `json:"spec,omitempty"`
	Status HelmReleaseStatus `json:"status,omitempty"`
}

// HelmReleaseSpec is the wanted state.
type HelmReleaseSpec struct {
	Suspend         bool                   `json:"suspend,omitempty"`
	Interval        string                 `json:"interval,omitempty"`
	Chart           *ChartTemplate         `json:"chart,omitempty"`
	ChartRef        *ChartReference        `json:"chartRef,omitempty"`
	ReleaseName     string                 `json:"releaseName,omitempty"`
	TargetNamespace string                 `json:"targetNamespace,omitempty"`
	KubeConfig      *RemoteCluster         `json:"kubeConfig,omitempty"`
	ValuesFrom      []meta.ValuesReference `json:"valuesFrom,omitempty"`
	Values          *apiextensionsv1.JSON  `json:"values,omitempty"`
	PostRenderers   []helmv2.PostRenderer  `json:"postRenderers,omitempty"`

	PostRenderStrategy helmv2.PostRenderStrategy `json:"postRenderStrategy,omitempty"`
	Test               *Test                     `json:"test,omitempty"`
	Upgrade            *Upgrade                  `json:"upgrade,omitempty"`
}

// Upgrade is how helm-controller upgrades the release.
type Upgrade struct {
	// PreserveValues adds the values of the revision before.
	PreserveValues bool `json:"preserveValues,omitempty"`
}

// Test is whether helm-controller runs the tests of the chart.
type Test struct {
	Enable bool `json:"enable,omitempty"`
}

// RemoteCluster is a reference to a kubeconfig, whatever it has.
type RemoteCluster struct{}

// ChartTemplate is what a HelmChart is made from.
type ChartTemplate struct {
	Spec ChartTemplateSpec `json:"spec,omitempty"`
}

// ChartTemplateSpec names the chart, and files with values beside it.
type ChartTemplateSpec struct {
	Chart             string          `json:"chart,omitempty"`
	Version           string          `json:"version,omitempty"`
	Interval          string          `json:"interval,omitempty"`
	SourceRef         SourceReference `json:"sourceRef"`
	ReconcileStrategy string          `json:"reconcileStrategy,omitempty"`
	ValuesFiles       []string        `json:"valuesFiles,omitempty"`

	IgnoreMissingValuesFiles bool `json:"ignoreMissingValuesFiles,omitempty"`
}

// SourceReference refers to the source of a chart.
type SourceReference struct {
	Kind      string `json:"kind,omitempty"`
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// ChartReference refers to an object that has the chart.
type ChartReference struct {
	Kind      string `json:"kind,omitempty"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// HelmReleaseStatus is the state that helm-controller has observed.
type HelmReleaseStatus struct {
	ObservedGeneration int64      `json:"observedGeneration,omitempty"`
	Conditions         Conditions `json:"conditions,omitempty"`

	// History has an entry for each installation and upgrade that is remembered.
	History []*Installation `json:"history,omitempty"`
}

// Installation is an installation or upgrade, whatever it has.
type Installation struct{}

// HelmReleaseList is a list of HelmReleases.
//
// +kubebuilder:object:root=true
type HelmReleaseList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []HelmRelease `json:"items"`
}
