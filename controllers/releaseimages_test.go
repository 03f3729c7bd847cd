package controllers

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// valuesServer is an API server with a ConfigMap of values.
type valuesServer struct{ emptyReader }

func (*valuesServer) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	if values, ok := o.(*corev1.ConfigMap); ok {
		values.ResourceVersion, values.Data = "1", map[string]string{"values.yaml": "replicas: 1"}
	}
	return nil
}

// A release of an older generation than the one that was known is what it is now: etcd was restored from a backup.
func TestOlderGeneration(t *testing.T) {
	server, shares := &valuesServer{}, newShares()
	r := &releaseImages{live: server, valuesFrom: &valuesFromCache{live: server}, shares: shares, waiting: pin.OverBudget(waitingForShare())}
	release := func(generation int64, tag string) *keptRelease {
		o := &flux.HelmRelease{}
		o.Namespace, o.Name, o.UID, o.Generation = "apps", "app", "uid", generation
		o.Spec.Suspend = true
		o.Spec.Values = &apiextensionsv1.JSON{}
		o.Spec.Values.Raw, _ = json.Marshal(map[string]any{"image": "g.io/o/app:" + tag})
		o.Spec.ValuesFrom = []meta.ValuesReference{{Kind: "ConfigMap", Name: "values"}}
		return convert.KeepWhole(o, shares.spend)
	}
	for _, step := range []struct {
		generation int64
		tag        string
	}{{9, "v9"}, {10, "v10"}, {8, "v8"}, {9, "other"}} {
		s := &pin.Snapshot{}
		images := r.find(t.Context(), release(step.generation, step.tag), s, false)
		r.known.Sweep()
		if len(s.FailedReads) > 0 || len(images.Mentions) != 1 || images.Mentions[0].Tag != step.tag {
			t.Errorf("generation %d: found %v, want %s", step.generation, images.Mentions, step.tag)
		}
	}
}
