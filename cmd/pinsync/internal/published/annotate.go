package published

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// RequestRenewal asks pinsync to renew a list at once.
func RequestRenewal(ctx context.Context, cluster *rest.Config, list *pinlist.Published) error {
	return annotate(ctx, cluster, list, v1alpha1.RequestedAtAnnotation, time.Now().UTC().Format(time.RFC3339Nano))
}

// RecordCheck records what a check of a list has found.
func RecordCheck(ctx context.Context, cluster *rest.Config, list *pinlist.Published, checked *v1alpha1.RecordedCheck) error {
	text, err := json.Marshal(checked)
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	return annotate(ctx, cluster, list, v1alpha1.CheckedAnnotation, string(text))
}

// annotate sets an annotation of a list.
func annotate(ctx context.Context, cluster *rest.Config, list *pinlist.Published, name, value string) error {
	core, err := corev1client.NewForConfig(cluster)
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{name: value}}})
	if err != nil {
		return fmt.Errorf("encoding the patch: %w", err)
	}
	first := pinlist.ObjectName(list.Name, 0)
	_, err = core.ConfigMaps(list.Namespace).Patch(ctx, first, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
