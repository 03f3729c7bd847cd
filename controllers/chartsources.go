package controllers

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/charts"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// chartSources are the objects that charts come from.
type chartSources struct {
	watches  map[string]*informers.Informer
	resolver charts.Resolver
	// noted are the kinds that were found not to be readable in this pass.
	noted map[string]bool
	// version changes with the objects; zero, some cannot be read.
	version uint64
}

func newChartSources(watches []*informers.Informer, ownNamespaceOnly bool) *chartSources {
	s := &chartSources{watches: map[string]*informers.Informer{}}
	for _, w := range watches {
		s.watches[w.GVK.Kind] = w
	}
	s.resolver = charts.Resolver{OwnNamespaceOnly: ownNamespaceOnly, LookUp: s.lookUp}
	return s
}

func (s *chartSources) lookUp(id object.ID) (convert.Source, bool) {
	w := s.watches[id.Kind]
	if w == nil {
		return convert.Source{}, false
	}
	cached, _ := w.Get(client.ObjectKey{Namespace: id.Namespace, Name: id.Name.Name})
	kept, ok := cached.(*convert.Kept[convert.Source])
	if !ok {
		return convert.Source{}, false
	}
	return kept.Value, true
}

// sourcesState is whether the kinds can be read that a chart comes from.
type sourcesState int

const (
	sourcesRead sourcesState = iota
	// sourcesSyncing means that they are still being read.
	sourcesSyncing
	// sourcesNotRead means that the cluster does not serve one of them, or that pinsync may not read it.
	sourcesNotRead
)

// resolve returns the chart that a release would be installed from, and a doubt if that is not known or
// may be another one. Kinds that cannot be read are a problem of the snapshot.
func (s *chartSources) resolve(snapshot *pin.Snapshot, spec *convert.ChartSpec) (chart charts.Chart, doubt string, state sourcesState) {
	for _, kind := range spec.Kinds() {
		if w := s.watches[kind]; w != nil {
			if state := s.check(snapshot, w); state != sourcesRead {
				return charts.Chart{}, "", state
			}
		}
	}
	chart, doubt = s.resolver.Resolve(spec)
	return chart, doubt, sourcesRead
}

// check returns whether a kind can be read.
func (s *chartSources) check(snapshot *pin.Snapshot, w *informers.Informer) sourcesState {
	state, detail := w.Progress()
	failure := w.Failure()
	isForbidden := failure != nil && apierrors.IsForbidden(failure)
	switch {
	case state == informers.InSync && failure == nil:
		return sourcesRead
	case state == informers.InSync && !isForbidden:
		s.note(w.GVK.Kind, func() { addFailedRead(snapshot, w.GVK.Kind, image.Shorten(failure.Error())) })
		return sourcesRead
	case state == informers.NotServed, isForbidden:
		why := detail
		if isForbidden {
			why = "pinsync may not read it: the component read-charts of its configuration is missing"
		}
		s.note(w.GVK.Kind, func() {
			snapshot.Notes = append(snapshot.Notes, v1alpha1.Problem{
				Reason: v1alpha1.ReasonChartNotRead, Object: w.GVK.Kind,
				Message: fmt.Sprintf("charts that come from this kind are not read, so images that only they name may be missing: %s", why),
			})
		})
		return sourcesNotRead
	default:
		return sourcesSyncing
	}
}

// note adds something about a kind once.
func (s *chartSources) note(kind string, add func()) {
	if !s.noted[kind] {
		s.noted[kind] = true
		add()
	}
}

// begin begins a pass.
func (s *chartSources) begin() {
	s.noted = map[string]bool{}
	s.version = 1
	for _, w := range s.watches {
		s.version += w.Changes()
	}
	for _, w := range s.watches {
		if !w.IsInSync() || w.Failure() != nil {
			s.version = 0
		}
	}
}
