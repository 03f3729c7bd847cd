package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// watcher watches the ConfigMaps of one writer. Every time is the arrival of an event.
type watcher struct {
	stop func()
	// follows is the watcher of the list, if this one is of the report on it.
	follows *watcher

	mu      sync.Mutex
	objects map[string]*written
	// writes is the number of changes since the watch began.
	writes int
	// condition is what a caller waits for, and met receives the time.
	condition func() bool
	met       chan time.Time
}

// written is the content of a ConfigMap.
type written struct {
	lines           map[string]bool
	complete, shard string
	// plan is that of the list which the first ConfigMap is of, or reports on.
	plan  string
	bytes int
}

// watchPublished watches the ConfigMaps of pinsync's list, and those of the report on it.
func (b *bench) watchPublished(ctx context.Context) (list, report *watcher, err error) {
	own := client.InNamespace(v1alpha1.DefaultNamespace)
	if list, err = b.watch(ctx, own, client.MatchingLabels{v1alpha1.PinsLabel: "true"}); err != nil {
		return nil, nil, err
	}
	if report, err = b.watch(ctx, own, client.MatchingLabels{v1alpha1.ReportLabel: "true"}); err != nil {
		list.stop()
		return nil, nil, err
	}
	report.follows = list
	return list, report, nil
}

// watch starts a watch of the ConfigMaps that options select.
func (b *bench) watch(ctx context.Context, options ...client.ListOption) (*watcher, error) {
	w := &watcher{objects: map[string]*written{}}
	var list corev1.ConfigMapList
	if err := b.client.List(ctx, &list, options...); err != nil {
		return nil, err
	}
	for i := range list.Items {
		w.objects[list.Items[i].Name] = read(&list.Items[i])
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}}
	ctx, cancel := context.WithCancel(ctx)
	events, err := b.client.Watch(ctx, &list, append(options, from)...)
	if err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event := range events.ResultChan() {
			if !w.handle(event, time.Now()) {
				break
			}
		}
		if ctx.Err() == nil {
			b.fail(errors.New("the watch of ConfigMaps has ended unexpectedly"))
		}
	}()
	w.stop = func() {
		cancel()
		<-ended
	}
	return w, nil
}

func read(configMap *corev1.ConfigMap) *written {
	text := configMap.Data[v1alpha1.PinsKey]
	lines := make(map[string]bool, strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		lines[strings.TrimSuffix(line, "\n")] = true
	}
	object := &written{
		lines:    lines,
		complete: configMap.Annotations[v1alpha1.CompleteAnnotation],
		shard:    configMap.Annotations[v1alpha1.ShardAnnotation],
		plan:     configMap.Annotations[v1alpha1.PlanAnnotation],
	}
	for _, text := range configMap.Data {
		object.bytes += len(text)
	}
	var report struct{ List *v1alpha1.ListReference }
	if json.Unmarshal([]byte(configMap.Data[v1alpha1.ReportKey]), &report) == nil && report.List != nil {
		object.plan = report.List.Plan
	}
	return object
}

// handle handles an event, and reports whether it is about a ConfigMap.
func (w *watcher) handle(event watch.Event, at time.Time) bool {
	configMap, ok := event.Object.(*corev1.ConfigMap)
	if !ok {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	w.objects[configMap.Name] = read(configMap)
	if event.Type == watch.Deleted {
		delete(w.objects, configMap.Name)
	}
	w.check(at)
	return true
}

// check sends the time if the condition is met.
func (w *watcher) check(at time.Time) {
	if w.condition != nil && w.condition() {
		w.met <- at
		w.condition = nil
	}
}

// when returns a channel that receives the time at which a condition is first met.
func (w *watcher) when(condition func() bool) <-chan time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.condition, w.met = condition, make(chan time.Time, 1)
	w.check(time.Now())
	return w.met
}

// count returns the number of writes.
func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes
}

// plan returns the plan of the list, or of that which the report is on.
func (w *watcher) plan() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, object := range w.objects {
		if object.plan != "" {
			return object.plan
		}
	}
	return ""
}

// isBehind reports whether the list is newer than the report on it, which is still to be
// written then.
func (w *watcher) isBehind() bool { return w.follows != nil && w.follows.plan() != w.plan() }

// size returns the bytes of the ConfigMaps' data, and their number.
func (w *watcher) size() size {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := size{Objects: len(w.objects)}
	for _, object := range w.objects {
		s.Bytes += object.bytes
	}
	return s
}

// The methods below are for conditions, and need the lock.

func (w *watcher) has(line string) bool {
	for _, object := range w.objects {
		if object.lines[line] {
			return true
		}
	}
	return false
}

// isComplete reports whether all ConfigMaps of pinsync's list exist and are marked as
// complete.
func (w *watcher) isComplete() bool {
	first := w.objects[v1alpha1.DefaultConfigMapName]
	if first == nil || first.shard != fmt.Sprintf("0/%d", len(w.objects)) {
		return false
	}
	for _, object := range w.objects {
		if object.complete != "true" {
			return false
		}
	}
	return true
}

// mustHave returns an error unless pinsync's list is complete and has all lines.
func (w *watcher) mustHave(lines []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.isComplete() {
		return errors.New("pinsync's list is not complete")
	}
	var missing []string
	for _, line := range lines {
		if !w.has(line) {
			missing = append(missing, line)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("pinsync's list lacks %d of %d pins, such as %s", len(missing), len(lines), missing[0])
	}
	return nil
}
