package controllers

import (
	"maps"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// unprotected returns the releases that are not protected, as the cache has them now, sorted. It costs
// a look at every release, so it is for the report, which nobody waits for.
func (g *gatherer) unprotected() []v1alpha1.UnprotectedReleases {
	protector := pin.NewProtector(g.namespaces.Get(), g.options)
	byNamespace := map[string]*v1alpha1.UnprotectedReleases{}
	entry := func(namespace string) *v1alpha1.UnprotectedReleases {
		if byNamespace[namespace] == nil {
			byNamespace[namespace] = &v1alpha1.UnprotectedReleases{Namespace: namespace}
		}
		return byNamespace[namespace]
	}
	for _, kept := range informers.List[convert.KeptRelease](g.watches.releases) {
		if protector.Protects(&kept.Value.Release) {
			continue
		}
		switch r := &kept.Value.Release; {
		case r.Suspended:
			of := entry(kept.Namespace)
			of.Disabled = append(of.Disabled, kept.Name)
		case r.Ready: // one that is not does not show that it can do without its tags
			of := entry(kept.Namespace)
			of.Live = append(of.Live, kept.Name)
		}
	}
	result := make([]v1alpha1.UnprotectedReleases, 0, len(byNamespace))
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		of := byNamespace[namespace]
		slices.Sort(of.Live)
		slices.Sort(of.Disabled)
		result = append(result, *of)
	}
	return result
}
