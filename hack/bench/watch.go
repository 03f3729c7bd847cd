package main

import (
	"context"
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
	return &written{
		lines:    lines,
		complete: configMap.Annotations[v1alpha1.CompleteAnnotation],
		shard:    configMap.Annotations[v1alpha1.ShardAnnotation],
	}
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
