package main

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/published"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// readLists reads the lists of all clusters concurrently.
func readLists(ctx context.Context, clusters []*rest.Config, o *clusterOptions) ([]pinlist.Published, error) {
	return readEach(ctx, clusters, func(ctx context.Context, cluster *rest.Config) ([]pinlist.Published, error) {
		return published.Read(ctx, cluster, o.pinsyncNamespace, o.names)
	})
}

// readEach reads lists of each cluster concurrently.
func readEach(
	ctx context.Context, clusters []*rest.Config, read func(context.Context, *rest.Config) ([]pinlist.Published, error),
) ([]pinlist.Published, error) {
	results := make([][]pinlist.Published, len(clusters))
	group, ctx := errgroup.WithContext(ctx)
	for i, cluster := range clusters {
		group.Go(func() (err error) {
			results[i], err = read(ctx, cluster)
			return err
		})
	}
	err := group.Wait()
	return slices.Concat(results...), err
}

// readReports reads the reports of lists, or sets why they could not be read.
func readReports(ctx context.Context, clusters []*rest.Config, namespace string, lists []pinlist.Published) {
	for _, cluster := range clusters {
		for i := range lists {
			if lists[i].Cluster == published.NameOf(cluster) {
				lists[i].ReportErr = published.ReadReports(ctx, cluster, namespace, lists[i:i+1])
			}
		}
	}
}
