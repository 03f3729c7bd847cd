package controllers

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch

// sourceKind is a kind that values come from.
type sourceKind string

const (
	configMapSource sourceKind = "ConfigMap"
	secretSource    sourceKind = convert.SecretKind
)

// resource is the kind's name in URLs.
func (k sourceKind) resource() string {
	if k == secretSource {
		return "secrets"
	}
	return "configmaps"
}

// sources keeps the ConfigMaps and Secrets that the releases take values from whose
// contents matter, and no others: each is read when a release first names it, again when it
// changed, and forgotten when no release names it any more.
type sources struct {
	live client.Reader
	// readSecrets says whether Secrets are read at all.
	readSecrets bool

	mu      sync.Mutex
	entries map[sourceKey]*sourceEntry
	// unread is why those could not be read that the pass that goes on has asked for. It does
	// not ask twice.
	unread map[sourceKey]error
}

type sourceKey struct {
	kind sourceKind
	name types.NamespacedName
}

// sourceEntry is a ConfigMap or Secret as it was read last.
type sourceEntry struct {
	// data is nil where it does not exist.
	data    map[string]string
	version string
	// named says that the pass that goes on has asked for it.
	named bool
}

func newSources(live client.Reader, readSecrets bool) *sources {
	return &sources{live: live, readSecrets: readSecrets, entries: map[sourceKey]*sourceEntry{}, unread: map[sourceKey]error{}}
}

// readers is how many sources are read at the same time: enough that a start does not wait
// for one answer after the other, and few for an API server.
const readers = 8

// prepare reads the sources that are not known, before they are looked up.
func (s *sources) prepare(ctx context.Context, refs []convert.SourceRef) {
	missing := map[sourceKey]bool{}
	s.mu.Lock()
	for _, ref := range refs {
		if key := keyOf(ref); s.reads(key) && s.entries[key] == nil {
			missing[key] = true
		}
	}
	s.mu.Unlock()
	var group errgroup.Group
	group.SetLimit(readers)
	for key := range missing {
		group.Go(func() error {
			_, err := s.get(ctx, key, false)
			return err
		})
	}
	_ = group.Wait() // whoever looks it up gets the error again, and knows for whom
}

func keyOf(ref convert.SourceRef) sourceKey {
	return sourceKey{sourceKind(ref.Kind), types.NamespacedName{Namespace: ref.Name.Namespace, Name: ref.Name.Name}}
}

// reads says whether a source is read at all.
func (s *sources) reads(key sourceKey) bool {
	return key.kind != secretSource || s.readSecrets
}

// lookUp returns what looks up sources in one pass; afresh, it reads those that it knows
// again. What cannot be read goes to the snapshot as unanswered.
func (s *sources) lookUp(ctx context.Context, unanswered *[]v1alpha1.Problem, afresh bool) convert.Sources {
	return func(ref convert.SourceRef) convert.Source {
		key := keyOf(ref)
		if !s.reads(key) {
			return convert.Source{NotRead: convert.SecretsIgnored}
		}
		entry, err := s.get(ctx, key, afresh)
		if err != nil {
			*unanswered = append(*unanswered, v1alpha1.Problem{
				Reason: v1alpha1.ReasonUnanswered, Object: ref.Kind + " " + ref.Name.String(), Message: err.Error(),
			})
			return convert.Source{NotRead: "could not be read: " + err.Error()}
		}
		return convert.Source{Data: entry.data, Version: entry.version}
	}
}

// get returns an entry, from the API server where it is not known or wanted afresh.
func (s *sources) get(ctx context.Context, key sourceKey, afresh bool) (*sourceEntry, error) {
	s.mu.Lock()
	if err := s.unread[key]; err != nil {
		s.mu.Unlock()
		return nil, err
	}
	entry, found := s.entries[key]
	if !found {
		entry = &sourceEntry{}
		s.entries[key] = entry
	}
	entry.named = true
	s.mu.Unlock()
	if found && !afresh {
		return entry, nil
	}
	// A change that is told while the object is being read removes the entry, so
	// that what was read is used once and then read again.
	data, version, err := convert.ReadSource(ctx, s.live, convert.SourceRef{
		Kind: string(key.kind), Name: pin.Name{Namespace: key.name.Namespace, Name: key.name.Name},
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.entries, key)
		s.unread[key] = err
		return nil, err
	}
	entry.data, entry.version = data, version
	return entry, nil
}

// sweep forgets what no release named since the last sweep, and returns the kinds
// that any did name.
func (s *sources) sweep() map[sourceKind]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.unread)
	kinds := map[sourceKind]bool{}
	for key, entry := range s.entries {
		if !entry.named {
			delete(s.entries, key)
			continue
		}
		entry.named = false
		kinds[key.kind] = true
	}
	return kinds
}

// changed forgets a source that is not of that version any more, so that it is
// read again, and says whether it was known.
func (s *sources) changed(kind sourceKind, object any, deleted bool) bool {
	o, err := apimeta.Accessor(object)
	if err != nil {
		return false
	}
	key := sourceKey{kind, types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}}
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, found := s.entries[key]
	if !found || !deleted && entry.version == o.GetResourceVersion() {
		return false
	}
	delete(s.entries, key)
	return true
}

// replaced forgets the sources of a kind that are not among all objects that
// there are, or not of that version.
func (s *sources) replaced(kind sourceKind, objects []any) bool {
	versions := make(map[types.NamespacedName]string, len(objects))
	for _, object := range objects {
		if o, err := apimeta.Accessor(object); err == nil {
			versions[types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}] = o.GetResourceVersion()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	anyChanged := false
	for key, entry := range s.entries {
		if key.kind == kind && versions[key.name] != entry.version {
			delete(s.entries, key)
			anyChanged = true
		}
	}
	return anyChanged
}
