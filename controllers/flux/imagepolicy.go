package flux

import (
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ImagePolicy is an ImagePolicy of image-reflector-controller.
//
// +kubebuilder:object:root=true
type ImagePolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ImagePolicySpec   `json:"spec,omitempty"`
	Status ImagePolicyStatus `json:"status,omitempty"`
}

// ImagePolicySpec is how a tag is chosen.
type ImagePolicySpec struct {
	ImageRepositoryRef meta.NamespacedObjectReference `json:"imageRepositoryRef"`
	Policy             imagev1.ImagePolicyChoice      `json:"policy"`
	FilterTags         *imagev1.TagFilter             `json:"filterTags,omitempty"`
}

// ImagePolicyStatus is what was chosen.
type ImagePolicyStatus struct {
	ObservedGeneration int64             `json:"observedGeneration,omitempty"`
	LatestRef          *imagev1.ImageRef `json:"latestRef,omitempty"`
	Conditions         Conditions        `json:"conditions,omitempty"`
}

// ImagePolicyList is a list of ImagePolicies.
//
// +kubebuilder:object:root=true
type ImagePolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ImagePolicy `json:"items"`
}
