// Package bare has programs that pinsync is compared with: each does one part of its work with
// the same client library, and nothing else. Each runs as a process of its own, prints Done
// when its part is done, and exits when ctx is done.
package bare

import (
	"context"
	"fmt"
	"os"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The programs.
const (
	List      = "bare-list"
	Loop      = "bare-loop"
	Informers = "bare-informers"
)

// Done is the line that a program prints when its part is done.
const Done = "done"

// Is reports whether a name is that of a program.
func Is(name string) bool {
	return name == List || name == Loop || name == Informers
}

// Run runs a program on the cluster of a kubeconfig file.
func Run(ctx context.Context, name, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // like pinsync
	switch name {
	case List:
		return list(ctx, config)
	case Loop:
		return loop(ctx, config)
	default:
		return informers(ctx, config)
	}
}

// done prints Done.
func done() error {
	_, err := fmt.Fprintln(os.Stdout, Done)
	return err
}

// kinds are those that pinsync watches, except the ConfigMaps of its own namespace.
func kinds() []client.Object {
	return []client.Object{&corev1.Namespace{}, &helmv2.HelmRelease{}, &imagev1.ImagePolicy{}, &imagev1.ImageRepository{}}
}

// lists are empty lists of the kinds.
func lists() []client.ObjectList {
	return []client.ObjectList{&corev1.NamespaceList{}, &helmv2.HelmReleaseList{}, &imagev1.ImagePolicyList{}, &imagev1.ImageRepositoryList{}}
}
