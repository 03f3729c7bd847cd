package convert

import (
	"encoding/json"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"

	"git.oleks.space/oleks/pinsync/controllers/flux"
)

// oldRelease is what versions of HelmRelease before v2 had elsewhere. The API server
// converts it, manifests may still have it.
type oldRelease struct {
	Spec struct {
		PostRenderers []struct {
			Kustomize struct {
				PatchesStrategicMerge []json.RawMessage `json:"patchesStrategicMerge"`
				PatchesJSON6902       []struct {
					Patch  json.RawMessage     `json:"patch"`
					Target *kustomize.Selector `json:"target"`
				} `json:"patchesJson6902"`
			} `json:"kustomize"`
		} `json:"postRenderers"`
	} `json:"spec"`
}

// fromOldRelease moves the patches of old fields to where v2 has them; JSON is YAML.
func fromOldRelease(raw json.RawMessage, o *flux.HelmRelease) {
	var old oldRelease
	_ = json.Unmarshal(raw, &old) // a field of the wrong type was reported already
	for i := range min(len(o.Spec.PostRenderers), len(old.Spec.PostRenderers)) {
		from := &old.Spec.PostRenderers[i].Kustomize
		var patches []kustomize.Patch
		for _, patch := range from.PatchesStrategicMerge {
			patches = append(patches, kustomize.Patch{Patch: string(patch)})
		}
		for _, patch := range from.PatchesJSON6902 {
			patches = append(patches, kustomize.Patch{Patch: string(patch.Patch), Target: patch.Target})
		}
		if len(patches) > 0 && o.Spec.PostRenderers[i].Kustomize == nil {
			o.Spec.PostRenderers[i].Kustomize = &helmv2.Kustomize{}
		}
		if into := o.Spec.PostRenderers[i].Kustomize; into != nil {
			into.Patches = append(into.Patches, patches...)
		}
	}
}

// fromOldPolicy reads the image that an ImagePolicy resolved to where versions before
// v1beta2, or early ones of it, had it: host/path:tag in one text.
func fromOldPolicy(raw json.RawMessage, o *flux.ImagePolicy) {
	var old struct {
		Status struct {
			LatestImage string `json:"latestImage"`
		} `json:"status"`
	}
	if json.Unmarshal(raw, &old) != nil || o.Status.LatestRef != nil {
		return
	}
	if colon := strings.LastIndexByte(old.Status.LatestImage, ':'); colon > 0 {
		o.Status.LatestRef = &imagev1.ImageRef{Name: old.Status.LatestImage[:colon], Tag: old.Status.LatestImage[colon+1:]}
	}
}

// mayBeSuspended reports whether a HelmRelease has a spec.suspend that is neither true nor
// false, such as a variable that Flux replaces: then it counts as suspended.
func mayBeSuspended(raw json.RawMessage) bool {
	var o struct {
		Spec struct {
			Suspend any `json:"suspend"`
		} `json:"spec"`
	}
	_ = json.Unmarshal(raw, &o) // a field of the wrong type was reported already
	_, isBool := o.Spec.Suspend.(bool)
	return o.Spec.Suspend != nil && !isBool
}
