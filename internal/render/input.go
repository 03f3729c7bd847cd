// Package render computes what helm-controller would apply for a release, from the bytes of its
// chart and its effective values, with Helm's and kustomize's own packages. It is pure: nothing is
// read from a cluster, the network, the file system or a clock. A chart is a program, and Helm's
// engine has no limits, so charts of others are rendered in a process of their own: see package
// sandbox.
package render

import (
	"fmt"

	kustypes "sigs.k8s.io/kustomize/api/types"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// Input is everything that the manifests of a release depend on.
type Input struct {
	// Archive is the chart: a tar archive, compressed with gzip, with the chart in a folder. It is not a
	// part of the input as JSON.
	Archive []byte `json:"-"`
	// Folder is where the chart is, if Archive is that of a source with more than the chart, such as a
	// Git repository: then ValuesFiles are relative to the source.
	Folder string
	// ValuesFiles are files of the chart that replace its own values.yaml, merged in order. Those
	// that do not exist are left out if IgnoreMissingValuesFiles is set, else they are an error.
	ValuesFiles              []string
	IgnoreMissingValuesFiles bool
	// Values are the effective values of the release, encoded by EncodeValues.
	Values []byte

	// ReleaseName and Namespace are those of the Helm release.
	ReleaseName, Namespace string
	// IsUpgrade is set if the release was installed before.
	IsUpgrade bool
	// Tests includes the hooks of `helm test`.
	Tests bool

	// KubeVersion is the cluster's version, such as v1.37.2; empty, it is DefaultKubeVersion.
	KubeVersion string
	// APIVersions are all that the cluster serves, as group/version and group/version/Kind; empty, they are
	// KubernetesAPIs.
	APIVersions []string

	// PostRenderers are applied in order.
	PostRenderers []PostRenderer
	// Hooks is whether the post-renderers see hooks.
	Hooks HookStrategy
}

// DefaultKubeVersion is the version of Kubernetes that is assumed where none is known: that of the
// client-go which pinsync is built with, as Helm does it.
const DefaultKubeVersion = "v1.37.2"

// PostRenderer is an entry of a HelmRelease's spec.postRenderers.
type PostRenderer struct {
	Patches []kustypes.Patch
	Images  []kustypes.Image
}

// HookStrategy is how hooks are sent to post-renderers. The values are those of a HelmRelease's
// spec.postRenderStrategy.
type HookStrategy string

const (
	// HooksCombined sends hooks together with all else. It is the default of helm-controller since 1.6; before
	// that, and with its feature gate UseHelm3Defaults, HooksUntouched is.
	HooksCombined HookStrategy = "combined"
	// HooksSeparate sends hooks in a stream of their own.
	HooksSeparate HookStrategy = "separate"
	// HooksUntouched does not send hooks.
	HooksUntouched HookStrategy = "nohooks"
)

// check returns an error if the input is beyond the budget of a release.
func (in *Input) check() error {
	switch {
	case len(in.Archive) > budget.ChartBytes:
		return budget.Exceeded(budget.ChartBytes, "bytes of a chart's archive")
	case len(in.ValuesFiles) > budget.ValuesFiles:
		return budget.Exceeded(budget.ValuesFiles, "valuesFiles")
	case len(in.Values) > budget.ValuesBytes:
		return budget.Exceeded(budget.ValuesBytes, "bytes of values")
	case in.Hooks != "" && in.Hooks != HooksCombined && in.Hooks != HooksSeparate && in.Hooks != HooksUntouched:
		return fmt.Errorf("postRenderStrategy %q is not known", in.Hooks)
	default:
		return nil
	}
}
