// Package published reads the published lists and their reports from a cluster.
package published

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// Read reads the lists of these names from a namespace of a cluster, with a single request,
// so that all their objects are of the same time. Its error names the cluster, and in one
// line what could not be read, is missing or is damaged.
func Read(ctx context.Context, cluster *rest.Config, namespace string, names []string) ([]pinlist.Published, error) {
	timed, clock := timed(cluster)
	objects, err := readLabelled(ctx, timed, namespace, v1alpha1.PinsLabel)
	if err != nil {
		return nil, err
	}
	lists, err := pinlist.Find(names, objects)
	if err != nil {
		return nil, fmt.Errorf("%s: namespace %s: %w", cluster.Host, namespace, err)
	}
	result := make([]pinlist.Published, len(lists))
	for i := range lists {
		result[i] = pinlist.Published{List: lists[i], Cluster: NameOf(cluster), Namespace: namespace, Read: *clock.Load()}
	}
	return result, nil
}

// NameOf returns the name of a cluster: the URL of its API server, with the name that its certificate has and
// the proxy, where they are configured. Behind those, several clusters can have the same URL.
func NameOf(cluster *rest.Config) string {
	name := cluster.Host
	if cluster.ServerName != "" {
		name += " as " + cluster.ServerName
	}
	if cluster.Proxy != nil {
		if proxy, err := cluster.Proxy(&http.Request{URL: &url.URL{}}); err == nil && proxy != nil {
			name += " through " + proxy.Host
		}
	}
	return name
}

// ReadReports sets the reports of the lists that were read from a namespace of a cluster. A
// report may be some seconds older than its list. One that is missing or damaged stays nil, and
// is in the error, as in that of Read.
func ReadReports(ctx context.Context, cluster *rest.Config, namespace string, lists []pinlist.Published) error {
	objects, err := readLabelled(ctx, cluster, namespace, v1alpha1.ReportLabel)
	if err != nil {
		return err
	}
	var errs []error
	for i := range lists {
		l := &lists[i]
		if l.Report, err = l.ReadReport(objects); err != nil {
			errs = append(errs, fmt.Errorf("%s: namespace %s: %w", cluster.Host, namespace, err))
		}
	}
	return errors.Join(errs...)
}

func readLabelled(ctx context.Context, cluster *rest.Config, namespace, label string) ([]pinlist.Object, error) {
	core, err := corev1client.NewForConfig(cluster)
	if err != nil {
		return nil, err
	}
	found, err := core.ConfigMaps(namespace).List(ctx, metav1.ListOptions{LabelSelector: label + "=true"})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cluster.Host, err)
	}
	if found.Continue != "" {
		return nil, fmt.Errorf("%s: the API server returned only a part of the ConfigMaps of namespace %s", cluster.Host, namespace)
	}
	objects := make([]pinlist.Object, len(found.Items))
	for i := range found.Items {
		o := &found.Items[i]
		objects[i] = pinlist.Object{Name: o.Name, Annotations: o.Annotations, Data: o.Data}
	}
	return objects, nil
}
