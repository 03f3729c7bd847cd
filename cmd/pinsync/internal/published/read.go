// Package published reads the published lists from a cluster.
package published

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/list"
)

// Read reads the lists of these names from a namespace of a cluster, with a single request,
// so that all their objects are of the same time. Its error names the cluster, and in one
// line what could not be read, is missing or is damaged.
func Read(ctx context.Context, cluster *rest.Config, namespace string, names []string) ([]list.Published, error) {
	lists, err := read(ctx, cluster, namespace, names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cluster.Host, err)
	}
	result := make([]list.Published, len(lists))
	for i := range lists {
		result[i] = list.Published{List: lists[i], Cluster: cluster.Host, Namespace: namespace}
	}
	return result, nil
}

func read(ctx context.Context, cluster *rest.Config, namespace string, names []string) ([]*list.List, error) {
	core, err := corev1client.NewForConfig(cluster)
	if err != nil {
		return nil, err
	}
	found, err := core.ConfigMaps(namespace).List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.PinsLabel + "=true"})
	if err != nil {
		return nil, fmt.Errorf("reading the ConfigMaps of namespace %s: %w", namespace, err)
	}
	if found.Continue != "" {
		return nil, errors.New("the API server returned only a part of the ConfigMaps")
	}
	objects := make([]list.Object, len(found.Items))
	for i := range found.Items {
		o := &found.Items[i]
		objects[i] = list.Object{Name: o.Name, Annotations: o.Annotations, Data: o.Data}
	}
	lists, err := list.Find(names, objects)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", namespace, err)
	}
	return lists, nil
}
