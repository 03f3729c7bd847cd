package flux

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// SourceGroupVersion is source-controller's.
func SourceGroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: "source.toolkit.fluxcd.io", Version: "v1"}
}

// The kinds that a chart can come from.
const (
	HelmChartKind        = "HelmChart"
	OCIRepositoryKind    = "OCIRepository"
	GitRepositoryKind    = "GitRepository"
	BucketKind           = "Bucket"
	ExternalArtifactKind = "ExternalArtifact"
	HelmRepositoryKind   = "HelmRepository"
)

// Source is an object of one of these kinds.
//
// +kubebuilder:object:generate=false
type Source interface {
	client.Object
	// Observed returns the kind, and what was observed.
	Observed() (kind string, status *SourceStatus)
}

// HelmChart is a chart that source-controller fetches or packages.
//
// +kubebuilder:object:root=true
type HelmChart struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   HelmChartSpec `json:"spec,omitempty"`
	Status SourceStatus  `json:"status,omitempty"`
}

// HelmChartSpec names the chart. helm-controller copies it from a HelmRelease.
type HelmChartSpec struct {
	Chart             string             `json:"chart,omitempty"`
	Version           string             `json:"version,omitempty"`
	Interval          string             `json:"interval,omitempty"`
	SourceRef         HelmChartSourceRef `json:"sourceRef"`
	ReconcileStrategy string             `json:"reconcileStrategy,omitempty"`
	ValuesFiles       []string           `json:"valuesFiles,omitempty"`

	IgnoreMissingValuesFiles bool `json:"ignoreMissingValuesFiles,omitempty"`
	Suspend                  bool `json:"suspend,omitempty"`
}

// HelmChartSourceRef refers to a source in the namespace of the HelmChart.
type HelmChartSourceRef struct {
	Kind string `json:"kind,omitempty"`
	Name string `json:"name,omitempty"`
}

// OCIRepository is an artifact in an OCI registry.
//
// +kubebuilder:object:root=true
type OCIRepository struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   OCIRepositorySpec `json:"spec,omitempty"`
	Status SourceStatus      `json:"status,omitempty"`
}

// OCIRepositorySpec names the artifact.
type OCIRepositorySpec struct {
	URL       string            `json:"url,omitempty"`
	Reference *OCIRepositoryRef `json:"ref,omitempty"`
}

// OCIRepositoryRef is which of the versions is wanted.
type OCIRepositoryRef struct {
	Digest string `json:"digest,omitempty"`
	SemVer string `json:"semver,omitempty"`
	Tag    string `json:"tag,omitempty"`
}

// GitRepository is a folder of files out of Git.
//
// +kubebuilder:object:root=true
type GitRepository struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status SourceStatus `json:"status,omitempty"`
}

// Bucket is a folder of files out of an object store.
//
// +kubebuilder:object:root=true
type Bucket struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status SourceStatus `json:"status,omitempty"`
}

// ExternalArtifact is an artifact that another controller than Flux's provides.
//
// +kubebuilder:object:root=true
type ExternalArtifact struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Status SourceStatus `json:"status,omitempty"`
}

// HelmRepository is where charts come from: a classic repository, or an OCI registry.
//
// +kubebuilder:object:root=true
type HelmRepository struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   HelmRepositorySpec `json:"spec,omitempty"`
	Status SourceStatus       `json:"status,omitempty"`
}

// HelmRepositorySpec is where the repository is.
type HelmRepositorySpec struct {
	URL string `json:"url,omitempty"`
}

// SourceStatus is what was observed of a source.
type SourceStatus struct {
	ObservedGeneration int64      `json:"observedGeneration,omitempty"`
	Conditions         Conditions `json:"conditions,omitempty"`
	Artifact           *Artifact  `json:"artifact,omitempty"`
}

// Artifact is what was fetched last. It can be downloaded from within the cluster.
type Artifact struct {
	URL      string `json:"url"`
	Revision string `json:"revision"`
	Digest   string `json:"digest,omitempty"`
}

// Observed implements Source.
func (o *HelmChart) Observed() (kind string, status *SourceStatus) { return HelmChartKind, &o.Status }

// HelmChartList is a list of HelmCharts.
//
// +kubebuilder:object:root=true
type HelmChartList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []HelmChart `json:"items"`
}

// Observed implements Source.
func (o *OCIRepository) Observed() (kind string, status *SourceStatus) {
	return OCIRepositoryKind, &o.Status
}

// OCIRepositoryList is a list of OCIRepositories.
//
// +kubebuilder:object:root=true
type OCIRepositoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []OCIRepository `json:"items"`
}

// Observed implements Source.
func (o *GitRepository) Observed() (kind string, status *SourceStatus) {
	return GitRepositoryKind, &o.Status
}

// GitRepositoryList is a list of GitRepositories.
//
// +kubebuilder:object:root=true
type GitRepositoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []GitRepository `json:"items"`
}

// Observed implements Source.
func (o *Bucket) Observed() (kind string, status *SourceStatus) { return BucketKind, &o.Status }

// BucketList is a list of Buckets.
//
// +kubebuilder:object:root=true
type BucketList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []Bucket `json:"items"`
}

// Observed implements Source.
func (o *ExternalArtifact) Observed() (kind string, status *SourceStatus) {
	return ExternalArtifactKind, &o.Status
}

// ExternalArtifactList is a list of ExternalArtifacts.
//
// +kubebuilder:object:root=true
type ExternalArtifactList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ExternalArtifact `json:"items"`
}

// Observed implements Source.
func (o *HelmRepository) Observed() (kind string, status *SourceStatus) {
	return HelmRepositoryKind, &o.Status
}

// HelmRepositoryList is a list of HelmRepositories.
//
// +kubebuilder:object:root=true
type HelmRepositoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []HelmRepository `json:"items"`
}
