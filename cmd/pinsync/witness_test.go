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

// witness sees every version that the list's ConfigMaps ever have, and that no tag is
// missing from any that is needed.
type witness struct {
	t          *testing.T
	configMaps typedcorev1.ConfigMapInterface

	mu sync.Mutex
	// lists are the tags of each ConfigMap as it is now.
	lists map[string][]string
	// needed are the tags that must stay, and whether they have been seen.
	needed map[string]bool
	// versions counts what was seen.
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
			if err := w.follow(ctx); err != nil && ctx.Err() == nil {
				time.Sleep(100 * time.Millisecond) // before the API server is asked again
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
		if w.versions == 0 {
			t.Error("the witness has seen nothing")
		}
	})
	return w
}

// follow sees what there is, and then every change, across interruptions. It returns
// where an API server that was started again does not know the last version any more.
func (w *witness) follow(ctx context.Context) error {
	now, err := w.configMaps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range now.Items {
		w.see(watch.Event{Type: watch.Modified, Object: &now.Items[i]})
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
		w.see(event)
	}
	return nil
}

func (w *witness) see(event watch.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	configMap, isConfigMap := event.Object.(*corev1.ConfigMap)
	if !isConfigMap {
		w.t.Errorf("the witness has seen %v", event.Object)
		return
	}
	if !strings.HasPrefix(configMap.Name, "registry-pins") {
		return
	}
	if event.Type == watch.Deleted {
		delete(w.lists, configMap.Name)
		return // the test did it, or else the next version shows it
	}
	w.versions++
	w.lists[configMap.Name] = w.check(configMap)
	listed := slices.Concat(slices.Collect(maps.Values(w.lists))...)
	for tag, seen := range w.needed {
		if isListed := slices.Contains(listed, tag); isListed {
			w.needed[tag] = true
		} else if seen {
			w.t.Errorf("version %s of %s lacks %s, which is needed: %v; %s",
				configMap.ResourceVersion, configMap.Name, tag, listed, configMap.Data["report.json"])
		}
	}
}

// check checks that a ConfigMap's checksum and report fit, and returns its tags.
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

// needs says that tags must never be missing from any version, once one has had them.
func (w *witness) needs(tags ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, tag := range tags {
		if _, known := w.needed[tag]; !known {
			w.needed[tag] = false
		}
	}
}

// letsGo says that a tag may go.
func (w *witness) letsGo(tag string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.needed, tag)
}

// seen says which needed tags have not been seen yet.
func (w *witness) missing(context.Context) (bool, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var missing []string
	for tag, seen := range w.needed {
		if !seen {
			missing = append(missing, tag)
		}
	}
	return len(missing) == 0, fmt.Sprintf("not seen: %v, listed: %v", missing, w.lists)
}
