package informers

import (
	"context"
	"errors"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	kjson "sigs.k8s.io/json"
)

// maxPageBytes is how long one page of a list may be, in bytes, unless it is a single object: each object may
// have more than a megabyte.
const maxPageBytes = 8 << 20

// errTooLarge is the error for a page of more bytes than that.
var errTooLarge = errors.New("too many objects in one page")

// directList returns requests that read a list of a kind at once into one like empty: client-go's decoder reads
// it a first time, only to find its kind, which takes as long.
func directList(c cluster.Cluster, gvk schema.GroupVersionKind, empty client.ObjectList) (listFunc, error) {
	mapping, err := c.GetRESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, err
	}
	resources, err := apiutil.RESTClientForGVK(gvk, true, false, c.GetConfig(), serializer.NewCodecFactory(c.GetScheme()), c.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	return listInto(resources, mapping.Resource.Resource, empty), nil
}

func listInto(resources rest.Interface, resource string, empty client.ObjectList) listFunc {
	return func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		body, err := resources.Get().Resource(resource).VersionedParams(&options, metav1.ParameterCodec).Stream(ctx)
		if err != nil {
			return nil, err
		}
		defer body.Close() //nolint:errcheck // it was read
		list := empty.DeepCopyObject()
		return list, readPage(body, options.Limit, list)
	}
}

// readPage reads a page of so many objects at most.
func readPage(body io.Reader, limit int64, list runtime.Object) error {
	if limit > 1 {
		body = io.LimitReader(body, maxPageBytes+1)
	}
	text, err := io.ReadAll(body)
	switch {
	case err != nil:
		return err
	case limit > 1 && len(text) > maxPageBytes:
		return errTooLarge
	default:
		return kjson.UnmarshalCaseSensitivePreserveInts(text, list)
	}
}
