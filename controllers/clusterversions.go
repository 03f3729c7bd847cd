package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// versionsInterval is how often it is read what the cluster serves.
const versionsInterval = 10 * time.Minute

// clusterVersions are the versions of the cluster that charts are rendered for.
type clusterVersions struct {
	discovery discovery.DiscoveryInterfaceWithContext

	mu          sync.Mutex
	read        time.Time
	kubeVersion string
	apiVersions []string
	sum         string
	// failure is why they could not be read at all yet.
	failure string
}

// digest identifies the versions; empty, they were not read yet.
func (v *clusterVersions) digest() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sum
}

// notRead returns why no version could be read yet; empty, one was, or it was not tried.
func (v *clusterVersions) notRead() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sum != "" {
		return ""
	}
	return v.failure
}

// versions returns the versions as a chart gets them.
func (v *clusterVersions) versions() (kubeVersion string, apiVersions []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.kubeVersion, v.apiVersions
}

// due returns one entry if the versions are to be read.
func (v *clusterVersions) due() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	age := time.Since(v.read)
	if age < readRetry || v.sum != "" && age < versionsInterval {
		return nil
	}
	return []string{""}
}

// refresh reads the versions. What cannot be read stays as it was: the answer lacks an API whose server is
// away, perhaps for months, and has the others.
func (v *clusterVersions) refresh(ctx context.Context, _ string) {
	kubeVersion, apiVersions, err := readVersions(ctx, v.discovery)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.read = time.Now()
	if err != nil {
		log.FromContext(ctx).Info("What the cluster serves could not be read in full: the rest counts as it was read last", "reason", err.Error())
		failed, ok := discovery.GroupDiscoveryFailedErrorGroups(err)
		if !ok || len(apiVersions) == 0 {
			v.failure = err.Error()
			return
		}
		apiVersions = slices.Compact(slices.Sorted(slices.Values(append(apiVersions, ofGroups(v.apiVersions, failed)...))))
	}
	sum := sha256.Sum256([]byte(kubeVersion + "\n" + strings.Join(apiVersions, "\n")))
	if digest := hex.EncodeToString(sum[:]); digest != v.sum {
		v.kubeVersion, v.apiVersions, v.sum = kubeVersion, apiVersions, digest
	}
}

// ofGroups returns those of the versions that are of these groups.
func ofGroups(apiVersions []string, groups map[schema.GroupVersion]error) []string {
	return slices.DeleteFunc(slices.Clone(apiVersions), func(version string) bool {
		for group := range groups {
			if version == group.String() || strings.HasPrefix(version, group.String()+"/") {
				return false
			}
		}
		return true
	})
}

// readVersions returns what a chart's .Capabilities have, as Helm's GetVersionSet composes it. Some
// of it may be missing if there is an error.
func readVersions(ctx context.Context, d discovery.DiscoveryInterfaceWithContext) (kubeVersion string, apiVersions []string, err error) {
	version, err := d.ServerVersionWithContext(ctx)
	if err != nil {
		return "", nil, err
	}
	_, resources, err := d.ServerGroupsAndResourcesWithContext(ctx)
	for _, list := range resources {
		apiVersions = append(apiVersions, list.GroupVersion)
		for i := range list.APIResources {
			if kind := list.APIResources[i].Kind; kind != "" {
				apiVersions = append(apiVersions, list.GroupVersion+"/"+kind)
			}
		}
	}
	slices.Sort(apiVersions)
	return version.GitVersion, slices.Compact(apiVersions), err
}
