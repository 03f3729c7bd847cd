package flux

import (
	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ImageRepository is an ImageRepository of image-reflector-controller.
//
// +kubebuilder:object:root=true
type ImageRepository struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ImageRepositorySpec `json:"spec,omitempty"`
}

// ImageRepositorySpec is what is scanned, and which Secret that is logged in with.
type ImageRepositorySpec struct {
	Image     string                     `json:"image,omitempty"`
	SecretRef *meta.LocalObjectReference `json:"secretRef,omitempty"`
}

// ImageRepositoryList is a list of ImageRepositories.
//
// +kubebuilder:object:root=true
type ImageRepositoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ImageRepository `json:"items"`
}
