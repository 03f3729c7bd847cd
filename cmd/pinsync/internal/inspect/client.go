// Package inspect reads one release, with all that its pins depend on, from a cluster.
package inspect

import (
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
)

func newClient(cluster *rest.Config) (client.Client, error) {
	scheme, err := convert.Scheme()
	if err != nil {
		return nil, err
	}
	return client.New(cluster, client.Options{Scheme: scheme})
}
