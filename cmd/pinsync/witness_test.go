package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
)

// witness watches every version of the list's ConfigMaps, and checks that none lacks a tag
// that is needed.
type witness struct {
	t          *testing.T
	configMaps typedcorev1.ConfigMapInterface

	mu sync.Mutex
	// lists are the tags of each ConfigMap as it is now.
	lists map[string][]string
	// needed are the tags that must stay, and whether they have been listed.
	needed map[string]bool
	// versions is the number of versions that were observed.
	versions int
}

func newWitness(t *testing.T, config *rest.Config) *witness {
	t.Helper()
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{
		t: t, configMaps: clients.CoreV1().ConfigMaps("pinsync-system"), lists: map[string][]string{}, needed: map[string]bool{},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			if err := w.observe(ctx); err != nil && ctx.Err() == nil {
				time.Sleep(100 * time.Millisecond) // between requests to the API server
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
		if w.versions == 0 {
			t.Error("the witness has observed nothing")
		}
	})
	return w
}

// observe lists the ConfigMaps and then watches them, across interruptions. It returns when
// an API server that was restarted does not know the last version any more.
func (w *witness) observe(ctx context.Context) error {
	now, err := w.configMaps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range now.Items {
		w.record(watch.Event{Type: watch.Modified, Object: &now.Items[i]})
	}
	watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, now.ResourceVersion, &toolscache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return w.configMaps.Watch(ctx, options)
		},
	})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		if event.Type == watch.Error {
			return apierrors.FromObject(event.Object)
		}
		w.record(event)
	}
	return nil
}

func (w *witness) record(event watch.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	configMap, ok := event.Object.(*corev1.ConfigMap)
	if !ok {
		w.t.Errorf("the witness has observed %v", event.Object)
		return
	}
	if !strings.HasPrefix(configMap.Name, "registry-pins") {
		return
	}
	if event.Type == watch.Deleted {
		delete(w.lists, configMap.Name)
		return // by the test; otherwise the next version lacks the tags
	}
	w.versions++
	w.lists[configMap.Name] = w.check(configMap)
	listed := slices.Concat(slices.Collect(maps.Values(w.lists))...)
	for tag, seen := range w.needed {
		if slices.Contains(listed, tag) {
			w.needed[tag] = true
		} else if seen {
			w.t.Errorf("version %s of %s lacks %s, which is needed: %v; %s",
				configMap.ResourceVersion, configMap.Name, tag, listed, configMap.Data["report.json"])
		}
	}
}

// check checks a ConfigMap's checksum and report, and returns its tags.
func (w *witness) check(configMap *corev1.ConfigMap) []string {
	text := configMap.Data["registry-pins.txt"]
	sum := sha256.Sum256([]byte(text))
	if got := configMap.Annotations["pinsync.oleks.space/checksum"]; got != "sha256:"+hex.EncodeToString(sum[:]) {
		w.t.Errorf("version %s has the checksum %q", configMap.ResourceVersion, got)
	}
	if !json.Valid([]byte(configMap.Data["report.json"])) {
		w.t.Errorf("version %s has the report %q", configMap.ResourceVersion, configMap.Data["report.json"])
	}
	var tags []string
	for line := range strings.Lines(text) {
		_, tag, _ := strings.Cut(strings.TrimSpace(line), "==")
		tags = append(tags, tag)
	}
	return tags
}

// needs declares that tags must not be missing from any version after one has had them.
func (w *witness) needs(tags ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, tag := range tags {
		if _, known := w.needed[tag]; !known {
			w.needed[tag] = false
		}
	}
}

// mayRemove declares that a tag may be removed.
func (w *witness) mayRemove(tag string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.needed, tag)
}

// allListed reports whether every needed tag has been listed.
func (w *witness) allListed() (bool, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var missing []string
	for tag, seen := range w.needed {
		if !seen {
			missing = append(missing, tag)
		}
	}
	return len(missing) == 0, fmt.Sprintf("not listed yet: %v, listed: %v", missing, w.lists)
}
