package localtest

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

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Witness watches every version of the ConfigMaps of the list and its report. It checks that
// no version of the list lacks a pin that is needed, and that every version of the report is
// of a list that there was.
type Witness struct {
	t          testing.TB
	configMaps typedcorev1.ConfigMapInterface

	mu sync.Mutex
	// lists are the pins of each ConfigMap as it is now.
	lists map[string][]string
	// plans are the plans that the list has had, and the checksum of its pins with each.
	plans map[string]string
	// needed are the pins that must stay, and whether they have been listed.
	needed map[string]bool
	// versions and reports are the numbers of observed versions of the list and of its report.
	versions, reports int
}

// StartWitness starts a witness of what is published in pinsync's own namespace, which watches
// until the test ends.
func StartWitness(t testing.TB, config *rest.Config) *Witness {
	t.Helper()
	clients, err := kubernetes.NewForConfig(config)
	Must(t, err)
	w := &Witness{
		t: t, configMaps: clients.CoreV1().ConfigMaps(v1alpha1.DefaultNamespace), lists: map[string][]string{},
		plans: map[string]string{}, needed: map[string]bool{},
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
		// What the test has seen itself, the watch may still have to deliver.
		for end := time.Now().Add(Timeout); !t.Failed() && !w.hasObserved() && time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond) // between looks at what was observed
		}
		cancel()
		done.Wait()
		if w.versions == 0 || w.reports == 0 {
			t.Errorf("the witness has observed %d versions of the list and %d of the report", w.versions, w.reports)
		}
	})
	return w
}

// hasObserved reports whether a version of the list and one of the report were observed.
func (w *Witness) hasObserved() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.versions > 0 && w.reports > 0
}

// observe lists the ConfigMaps and then watches them, across interruptions. It returns when
// an API server that was restarted does not know the last version any more.
func (w *Witness) observe(ctx context.Context) error {
	now, err := w.configMaps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	w.catchUp(now.Items)
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

func (w *Witness) record(event watch.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	configMap, ok := event.Object.(*corev1.ConfigMap)
	if !ok {
		w.t.Errorf("the witness has observed %v", event.Object)
		return
	}
	switch {
	case !strings.HasPrefix(configMap.Name, "registry-pins"):
		return
	case configMap.Labels["pinsync.oleks.space/report"] == "true":
		if event.Type != watch.Deleted {
			w.checkReport(configMap)
		}
		return
	}
	if event.Type == watch.Deleted {
		delete(w.lists, configMap.Name)
		return // by the test; otherwise the next version lacks the pins
	}
	w.versions++
	w.lists[configMap.Name] = w.check(configMap)
	listed := slices.Concat(slices.Collect(maps.Values(w.lists))...)
	for pin, seen := range w.needed {
		if slices.Contains(listed, pin) {
			w.needed[pin] = true
		} else if seen {
			w.t.Errorf("version %s of %s lacks %s, which is needed: %v",
				configMap.ResourceVersion, configMap.Name, pin, listed)
		}
	}
}

// check checks the form of a version of the list, and returns its pins.
func (w *Witness) check(configMap *corev1.ConfigMap) []string {
	text, annotations := configMap.Data["registry-pins.txt"], configMap.Annotations
	sum := sumOf(text)
	for key, want := range map[string]string{
		"checksum": sum, "images-checksum": sumOf(configMap.Data["images.txt"]), "shard": "0/1",
	} {
		if got := annotations["pinsync.oleks.space/"+key]; got != want {
			w.t.Errorf("version %s has the %s %q, want %q", configMap.ResourceVersion, key, got, want)
		}
	}
	if _, ok := configMap.Data["report.json"]; ok || configMap.Labels["pinsync.oleks.space/pins"] != "true" {
		w.t.Errorf("version %s is not of a list alone: %v, %v", configMap.ResourceVersion, configMap.Labels, configMap.Data)
	}
	plan := annotations["pinsync.oleks.space/plan"]
	if before, ok := w.plans[plan]; plan == "" || ok && before != sum {
		w.t.Errorf("version %s has the plan %q, which other pins had, too", configMap.ResourceVersion, plan)
	}
	w.plans[plan] = sum
	return strings.Fields(text)
}

// checkReport checks a version of the report: it belongs to a plan that the list has had, and
// has the pins of that plan.
func (w *Witness) checkReport(configMap *corev1.ConfigMap) {
	w.reports++
	var report v1alpha1.PinReport
	if err := json.Unmarshal([]byte(configMap.Data["report.json"]), &report); err != nil || report.List == nil {
		w.t.Errorf("version %s of the report is damaged: %v, %s", configMap.ResourceVersion, err, configMap.Data["report.json"])
		return
	}
	lines := map[string]bool{}
	for i := range report.Pins {
		lines[report.Pins[i].Pin+"\n"] = true
	}
	sum := sumOf(strings.Join(slices.Sorted(maps.Keys(lines)), ""))
	if listed, ok := w.plans[report.List.Plan]; !ok || listed != sum || report.List.Checksum != sum {
		w.t.Errorf("version %s of the report is of the list %+v; with that plan the list had %q, and the report has %s",
			configMap.ResourceVersion, *report.List, listed, sum)
	}
}

// catchUp takes the plan of a report that there is when a watch begins anew as one that the
// list had: it may be of a version of the list that was not observed.
func (w *Witness) catchUp(objects []corev1.ConfigMap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range objects {
		var report v1alpha1.PinReport
		if json.Unmarshal([]byte(objects[i].Data["report.json"]), &report) == nil && report.List != nil {
			w.plans[report.List.Plan] = report.List.Checksum
		}
	}
}

// sumOf returns the value of a checksum annotation.
func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Needs declares that pins must not be missing from any version after one has had them.
func (w *Witness) Needs(pins ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pin := range pins {
		if _, known := w.needed[pin]; !known {
			w.needed[pin] = false
		}
	}
}

// MayRemove declares that pins may be removed.
func (w *Witness) MayRemove(pins ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pin := range pins {
		delete(w.needed, pin)
	}
}

// AllListed reports whether every needed pin has been listed.
func (w *Witness) AllListed() (bool, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var missing []string
	for pin, seen := range w.needed {
		if !seen {
			missing = append(missing, pin)
		}
	}
	return len(missing) == 0, fmt.Sprintf("not listed yet: %v, listed: %v", missing, w.lists)
}
