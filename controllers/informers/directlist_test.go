package informers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/controllers/flux"
)

// pageServer answers requests for lists of HelmReleases with pages of objects of these sizes, in bytes.
type pageServer struct {
	sizes []int
	// limits and selectors are those of the requests.
	limits    []int
	selectors []string
	status    *metav1.Status
}

func (s *pageServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit, _ := strconv.Atoi(query.Get("limit"))
	first, _ := strconv.Atoi(query.Get("continue"))
	s.limits, s.selectors = append(s.limits, limit), append(s.selectors, query.Get("labelSelector"))
	w.Header().Set("Content-Type", "application/json")
	if s.status != nil {
		w.WriteHeader(int(s.status.Code))
		_ = json.NewEncoder(w).Encode(s.status)
		return
	}
	last := min(first+limit, len(s.sizes))
	var items []any
	for i, size := range s.sizes[first:last] {
		items = append(items, map[string]any{
			"metadata": map[string]any{"name": strconv.Itoa(first + i), "annotations": map[string]string{"text": strings.Repeat("x", size)}},
		})
	}
	metadata := map[string]any{"resourceVersion": "7"}
	if last < len(s.sizes) {
		metadata["continue"] = strconv.Itoa(last)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "HelmReleaseList", "items": items, "metadata": metadata})
}

// list returns the names of all objects of the server, and the version of the list.
func (s *pageServer) list(t *testing.T) (names []string, version string, err error) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	resources, err := rest.RESTClientFor(&rest.Config{Host: server.URL, APIPath: "/apis", QPS: -1, ContentConfig: rest.ContentConfig{
		GroupVersion:         &schema.GroupVersion{Group: "helm.toolkit.fluxcd.io", Version: "v2"},
		NegotiatedSerializer: serializer.NewCodecFactory(scheme).WithoutConversion(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	version, err = each(t.Context(), listInto(resources, "helmreleases", &flux.HelmReleaseList{}), func(o runtime.Object) error {
		names = append(names, o.(*flux.HelmRelease).Name) //nolint:forcetypeassert // a panic fails the test
		return nil
	})
	return names, version, err
}

// Pages that are too large are requested again with fewer objects, and the next ones may have more again.
func TestPagesHaveALimit(t *testing.T) {
	const megabyte = 1 << 20
	s := &pageServer{}
	var want []string
	for i := range 600 {
		s.sizes, want = append(s.sizes, 10), append(want, strconv.Itoa(i))
	}
	s.sizes[520], s.sizes[521], s.sizes[522], s.sizes[523] = 3*megabyte, 3*megabyte, 10*megabyte, 3*megabyte
	names, version, err := s.list(t)
	if err != nil || version != "7" || !slices.Equal(names, want) {
		t.Errorf("got %d objects of version %q, %v", len(names), version, err)
	}
	// The last page that begins before the large objects has 500 to 514, and then come 515 to 521, 522 alone, 523.
	if !slices.Equal(s.limits, []int{500, 500, 250, 125, 62, 31, 15, 30, 15, 7, 14, 7, 3, 1, 2, 4, 8, 16, 32, 64}) {
		t.Errorf("limits %v", s.limits)
	}
}

// The API server's refusal is one, and not that of something that cannot be read.
func TestListIsRefused(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "helm.toolkit.fluxcd.io", Resource: "helmreleases"}, "", nil)
	s := &pageServer{status: &forbidden.ErrStatus}
	if _, _, err := s.list(t); !apierrors.IsForbidden(err) || len(s.limits) != 1 {
		t.Errorf("got %v after %d requests", err, len(s.limits))
	}
}
