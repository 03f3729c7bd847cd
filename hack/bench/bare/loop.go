package bare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local"
)

// Namespace and Name are those of the ConfigMap that the loop writes to.
const (
	Namespace = "bare"
	Name      = "bare"
)

// loop writes the name of each suspended release to a ConfigMap: one watch, and one merge
// patch per event, which is the minimum for publishing it.
func loop(ctx context.Context, config *rest.Config) error {
	c, err := local.NewClient(config)
	if err != nil {
		return err
	}
	// Any page of a list has a resource version to start a watch from.
	page := &helmv2.HelmReleaseList{}
	if err := c.List(ctx, page, client.Limit(1)); err != nil {
		return err
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: page.ResourceVersion}}
	changes, err := c.Watch(ctx, page, from)
	if err != nil {
		return err
	}
	defer changes.Stop()
	if err := done(); err != nil {
		return err
	}
	for event := range changes.ResultChan() {
		release, ok := event.Object.(*helmv2.HelmRelease)
		if !ok {
			return fmt.Errorf("the watch failed: %v", event.Object)
		}
		if !release.Spec.Suspend {
			continue
		}
		if err := write(ctx, c, client.ObjectKeyFromObject(release).String()); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.New("the watch has ended")
}

func write(ctx context.Context, c client.Client, line string) error {
	patch, err := json.Marshal(map[string]any{"data": map[string]any{v1alpha1.PinsKey: line + "\n"}})
	if err != nil {
		return err
	}
	target := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: Name}}
	return c.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch))
}
