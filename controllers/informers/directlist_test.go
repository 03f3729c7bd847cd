package informers

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"git.oleks.space/oleks/pinsync/controllers/flux"
)

// pageServer answers requests for lists of HelmReleases with pages of objects of these sizes, in bytes.
type pageServer struct {
	sizes []int
	// limits and selectors are those of the requests.
	limits    []int
	selectors []string
	// answer answers a request in another way, and returns true; nil, it answers none.
	answer func(w http.ResponseWriter, request int) bool
}

func (s *pageServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit, _ := strconv.Atoi(query.Get("limit"))
	first, _ := strconv.Atoi(query.Get("continue"))
	s.limits, s.selectors = append(s.limits, limit), append(s.selectors, query.Get("labelSelector"))
	w.Header().Set("Content-Type", "application/json")
	if s.answer != nil && s.answer(w, len(s.limits)) {
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
	_ = json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmReleaseList", "items": items, "metadata": metadata,
	})
}

// lister returns a lister of the server's HelmReleases.
func (s *pageServer) lister(t *testing.T) *directLister {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	// net/http repeats a request itself where a connection is lost that was used before.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	gvk := schema.GroupVersionKind{Group: "helm.toolkit.fluxcd.io", Version: "v2", Kind: "HelmRelease"}
	resources, err := apiutil.RESTClientForGVK(gvk, true, false, &rest.Config{Host: server.URL, QPS: -1}, serializer.NewCodecFactory(scheme), client)
	if err != nil {
		t.Fatal(err)
	}
	l := &directLister{resources: resources, resource: "helmreleases", kind: gvk.GroupVersion().WithKind("HelmReleaseList"), empty: &flux.HelmReleaseList{}}
	l.limit.Store(unknownPage)
	return l
}

// names returns the names of all objects, and the version of the list.
func names(t *testing.T, list listFunc) (names []string, version string, err error) {
	t.Helper()
	version, err = each(t.Context(), list, func(o runtime.Object) error {
		names = append(names, o.(*flux.HelmRelease).Name) //nolint:forcetypeassert // a panic fails the test
		return nil
	})
	return names, version, err
}

func numbers(n int) []string {
	var texts []string
	for i := range n {
		texts = append(texts, strconv.Itoa(i))
	}
	return texts
}

// Pages become larger until they are half as long as they may be, and smaller where they are too long.
func TestPagesHaveALimit(t *testing.T) {
	const megabyte = 1 << 20
	s := &pageServer{sizes: make([]int, 600)}
	s.sizes[520], s.sizes[521], s.sizes[522], s.sizes[523] = 3*megabyte, 3*megabyte, 10*megabyte, 3*megabyte
	got, version, err := names(t, s.lister(t).list)
	if err != nil || version != "7" || !slices.Equal(got, numbers(600)) {
		t.Errorf("got %d objects of version %q, %v", len(got), version, err)
	}
	want := slices.Concat(
		[]int{50, 100, 200},                                               // from 0, 50 and 150
		[]int{400, 200, 100}, []int{200, 100, 50}, []int{100, 50, 25, 12}, // the last of each from 350, 450 and 500
		[]int{24, 12, 6}, []int{12, 6, 3}, []int{6, 3, 1}, []int{2, 1}, // from 512, 518, 521 and 522
		[]int{1, 2, 4, 8, 16, 32, 64}, // from 523, after the one that is too long for a page
	)
	if !slices.Equal(s.limits, want) {
		t.Errorf("limits %v", s.limits)
	}
}

// Objects that fill a page are not requested twice each.
func TestPagesOfLargeObjects(t *testing.T) {
	s := &pageServer{sizes: slices.Repeat([]int{20_000}, 2_000)}
	got, _, err := names(t, s.lister(t).list)
	if err != nil || !slices.Equal(got, numbers(2_000)) {
		t.Errorf("got %d objects, %v", len(got), err)
	}
	if !slices.Equal(s.limits, []int{50, 100, 200, 400, 400, 400, 400, 400}) {
		t.Errorf("limits %v", s.limits)
	}
}

// A request for one object is for one, and does not change how many the others are for.
func TestListOfOne(t *testing.T) {
	s := &pageServer{sizes: make([]int, 60)}
	lister := s.lister(t)
	if _, err := lister.list(t.Context(), metav1.ListOptions{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := names(t, lister.list); err != nil || !slices.Equal(s.limits, []int{1, 50, 100}) {
		t.Errorf("limits %v, %v", s.limits, err)
	}
}

// What is not the list that was asked for is an error, and not a list without objects.
func TestOtherAnswersAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"a failure":       `{"apiVersion":"v1","kind":"Status","metadata":{},"status":"Failure","code":504}`,
		"another version": `{"apiVersion":"helm.toolkit.fluxcd.io/v3","kind":"HelmReleaseList","metadata":{"resourceVersion":"7"},"items":[]}`,
		"another kind":    `{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"resourceVersion":"7"}}`,
		"no version":      `{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmReleaseList","metadata":{},"items":[]}`,
		"nothing":         `{}`,
		"null":            `null`,
		"cut off":         `{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmReleaseList","metadata":{"resourceVersion":"7"},"items":[`,
		"no JSON":         `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			s := &pageServer{sizes: make([]int, 60), answer: func(w http.ResponseWriter, request int) bool {
				if request < 2 {
					return false
				}
				_, _ = w.Write([]byte(text))
				return true
			}}
			if got, _, err := names(t, s.lister(t).list); err == nil {
				t.Errorf("got %d objects and no error", len(got))
			}
		})
	}
}

// The API server's refusal is one.
func TestRefusedList(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "helm.toolkit.fluxcd.io", Resource: "helmreleases"}, "", nil)
	s := &pageServer{answer: func(w http.ResponseWriter, _ int) bool {
		w.WriteHeader(int(forbidden.ErrStatus.Code))
		_ = json.NewEncoder(w).Encode(forbidden.ErrStatus)
		return true
	}}
	if _, _, err := names(t, s.lister(t).list); !apierrors.IsForbidden(err) || len(s.limits) != 1 {
		t.Errorf("got %v after %d requests", err, len(s.limits))
	}
}

// Fewer objects are requested where the API server takes too long for a page.
func TestSlowPages(t *testing.T) {
	s := &pageServer{sizes: make([]int, 60), answer: func(w http.ResponseWriter, request int) bool {
		if request == 2 {
			w.WriteHeader(http.StatusGatewayTimeout)
		}
		return request == 2
	}}
	lister := s.lister(t)
	if _, _, err := names(t, lister.list); !apierrors.IsTimeout(err) {
		t.Errorf("got %v", err)
	}
	if got, _, err := names(t, lister.list); err != nil || !slices.Equal(got, numbers(60)) {
		t.Errorf("the second time: got %d objects, %v", len(got), err)
	}
	if !slices.Equal(s.limits, []int{50, 100, 50, 100}) {
		t.Errorf("limits %v", s.limits)
	}
}

// A request that a lost connection has not answered is repeated once.
func TestLostConnection(t *testing.T) {
	lost := 1
	s := &pageServer{sizes: make([]int, 60), answer: func(_ http.ResponseWriter, request int) bool {
		if request > 1 && request <= 1+lost {
			panic(http.ErrAbortHandler)
		}
		return false
	}}
	if got, _, err := names(t, s.lister(t).list); err != nil || !slices.Equal(got, numbers(60)) {
		t.Errorf("got %d objects, %v", len(got), err)
	}
	s.limits, lost = nil, 2
	if got, _, err := names(t, s.lister(t).list); err == nil || len(s.limits) != 3 {
		t.Errorf("got %d objects after %d requests, although the connection was lost again", len(got), len(s.limits))
	}
}

// All requests are for the objects that the informer selects.
func TestRequestsSelect(t *testing.T) {
	s := &pageServer{sizes: make([]int, 60)}
	i := New(Options{Selector: labels.SelectorFromSet(labels.Set{"shard": "one"})})
	i.lister = s.lister(t)
	watched := ""
	requests := i.requestsOf(&toolscache.ListWatch{WatchFuncWithContext: func(_ context.Context, o metav1.ListOptions) (watch.Interface, error) {
		watched = o.LabelSelector
		return watch.NewFake(), nil
	}})
	if got, _, err := names(t, requests.ListWithContext); err != nil || len(got) != 60 {
		t.Errorf("got %d objects, %v", len(got), err)
	}
	if _, err := requests.WatchWithContext(t.Context(), metav1.ListOptions{}); err != nil || watched != "shard=one" {
		t.Errorf("watched %q, %v", watched, err)
	}
	if !slices.Equal(s.selectors, []string{"shard=one", "shard=one"}) {
		t.Errorf("selectors %q", s.selectors)
	}
}
