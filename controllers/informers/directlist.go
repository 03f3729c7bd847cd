package informers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	kjson "sigs.k8s.io/json"
)

// maxPageBytes is how long a page of several objects may be, in bytes: each object may have more than a megabyte.
const maxPageBytes = 8 << 20

// errTooLarge is the error for a page that is longer.
var errTooLarge = errors.New("the page is too long")

// directLister lists a kind whose objects come as JSON, and reads an answer once: client-go's decoder reads it a
// first time only to find its kind, which takes as long.
type directLister struct {
	resources rest.Interface
	resource  string
	// kind is that of the list, and empty one without objects.
	kind  schema.GroupVersionKind
	empty client.ObjectList
	// limit is how many objects are requested at once: as many as came in time and were not too long.
	limit atomic.Int64
}

// newDirectLister returns the lister of a kind that the cluster serves.
func newDirectLister(c cluster.Cluster, gvk schema.GroupVersionKind, empty client.ObjectList) (*directLister, error) {
	mapping, err := c.GetRESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, err
	}
	resources, err := apiutil.RESTClientForGVK(gvk, true, false, c.GetConfig(), serializer.NewCodecFactory(c.GetScheme()), c.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	l := &directLister{resources: resources, resource: mapping.Resource.Resource, kind: gvk.GroupVersion().WithKind(gvk.Kind + "List"), empty: empty}
	l.limit.Store(unknownPage)
	return l, nil
}

// list returns a page, of fewer objects than the options' limit where they would be too long. It requests once
// more what a lost connection has not answered, as client-go does.
func (l *directLister) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	most := options.Limit
	for isRepeated := false; ; {
		options.Limit = min(most, l.limit.Load())
		list, size, err := l.request(ctx, &options)
		l.adapt(options.Limit, size, err)
		switch {
		case errors.Is(err, errTooLarge):
		case !isRepeated && (utilnet.IsConnectionReset(err) || utilnet.IsProbableEOF(err) || utilnet.IsHTTP2ConnectionLost(err)):
			isRepeated = true
		default:
			return list, err
		}
	}
}

// adapt decides how many objects the next page may have, after a page of so many at most.
func (l *directLister) adapt(limit int64, size int, err error) {
	switch {
	case err == nil && size <= maxPageBytes/2:
		l.limit.Store(max(l.limit.Load(), min(2*limit, maxPage)))
	case errors.Is(err, errTooLarge), errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		l.limit.Store(max(limit/2, 1))
	}
}

// request requests a page, and returns how long it was, in bytes.
func (l *directLister) request(ctx context.Context, options *metav1.ListOptions) (list client.ObjectList, size int, err error) {
	body, err := l.resources.Get().Resource(l.resource).VersionedParams(options, metav1.ParameterCodec).Stream(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer body.Close() //nolint:errcheck // what is not read is not needed
	var reader io.Reader = body
	if options.Limit > 1 {
		reader = io.LimitReader(body, maxPageBytes+1)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		return nil, 0, err
	}
	if options.Limit > 1 && len(text) > maxPageBytes {
		return nil, 0, errTooLarge
	}
	list, err = l.decode(text)
	return list, len(text), err
}

// decode decodes an answer. Whatever is not the list that was asked for is an error: it would be taken for one
// without objects.
func (l *directLister) decode(text []byte) (client.ObjectList, error) {
	list, err := newList(l.empty)
	if err != nil {
		return nil, err
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, list); err != nil {
		return nil, err
	}
	if kind := list.GetObjectKind().GroupVersionKind(); kind != l.kind || list.GetResourceVersion() == "" {
		return nil, fmt.Errorf("the API server has answered with a %s of %s and resource version %q, not with a list that is a %s of %s",
			kind.Kind, kind.GroupVersion(), list.GetResourceVersion(), l.kind.Kind, l.kind.GroupVersion())
	}
	return list, nil
}
