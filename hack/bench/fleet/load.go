package fleet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// applier and keeper are the field managers of Flux objects and of their status. Their
// managed fields are a large part of an object.
const (
	applier = client.FieldOwner("kustomize-controller")
	keeper  = client.FieldOwner("helm-controller")
)

// Load creates the applications' objects in a cluster with Flux's kinds, and returns their
// number.
func Load(ctx context.Context, c client.Client, apps []App) (objects int, err error) {
	names := []string{fluxNamespace}
	for team := range namespaces(len(apps)) {
		names = append(names, namespaceOf(team))
	}
	err = Each(ctx, len(names), func(ctx context.Context, i int) error {
		return c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names[i]}}, applier)
	})
	if err != nil {
		return 0, fmt.Errorf("creating namespaces: %w", err)
	}
	var created atomic.Int64
	err = Each(ctx, len(apps), func(ctx context.Context, i int) error {
		n, err := apps[i].create(ctx, c)
		created.Add(int64(n))
		return err
	})
	return len(names) + int(created.Load()), err
}

// create creates an application's objects, and sets their status as Flux's controllers
// would.
func (a *App) create(ctx context.Context, c client.Client) (int, error) {
	release, configMap, err := a.release()
	if err != nil {
		return 0, err
	}
	var objects []client.Object
	if configMap != nil {
		if err := c.Create(ctx, configMap, applier); err != nil {
			return 0, fmt.Errorf("creating ConfigMap %s: %w", configMap.Name, err)
		}
	}
	if a.hasPolicy() {
		repository, policy := a.repositoryAndPolicy()
		objects = append(objects, repository, policy)
	}
	objects = append(objects, release)
	for _, object := range objects {
		if err := createWithStatus(ctx, c, object); err != nil {
			return 0, fmt.Errorf("creating %T %s: %w", object, object.GetName(), err)
		}
	}
	if configMap != nil {
		return len(objects) + 1, nil
	}
	return len(objects), nil
}

// createWithStatus creates an object and then sets its status.
func createWithStatus(ctx context.Context, c client.Client, object client.Object) error {
	withStatus, ok := object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("the copy of %T is no object", object)
	}
	if err := c.Create(ctx, object, applier); err != nil {
		return err
	}
	withStatus.SetUID(object.GetUID())
	withStatus.SetResourceVersion(object.GetResourceVersion())
	return c.Status().Update(ctx, withStatus, keeper)
}

// workers is the number of concurrent requests, more than an API server on this machine
// handles.
const workers = 32

// Each calls f for 0 to n-1, concurrently, until a call fails.
func Each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(workers, n) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
