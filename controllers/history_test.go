package controllers_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// recorded is an event of the recorder's watch, and when it was seen.
type recorded struct {
	watch.Event
	at time.Time
}

// configMap returns the event's object.
func (r *recorded) configMap(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	configMap, ok := r.Object.(*corev1.ConfigMap)
	if !ok {
		t.Fatalf("the recorder has seen %v", r.Event)
	}
	return configMap
}

// record keeps every version of the ConfigMaps that the API server ever had, and checks
// each, and all together, when the test ends.
func (w *world) record() {
	ctx, cancel := context.WithCancel(context.Background())
	watcher, err := w.client.Watch(ctx, &corev1.ConfigMapList{}, client.InNamespace(w.own))
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range watcher.ResultChan() {
			if _, ok := event.Object.(*corev1.ConfigMap); !ok {
				if ctx.Err() == nil {
					w.t.Errorf("the recorder has seen %v", event)
				}
				continue
			}
			w.mu.Lock()
			w.events = append(w.events, recorded{event, time.Now()})
			w.mu.Unlock()
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		watcher.Stop()
		<-done
		h := &history{w: w, lists: map[string]*listHistory{}}
		for i := range w.events {
			h.check(&w.events[i])
		}
	})
}

// versions returns the versions of a list's or a report's ConfigMap of that name, and when
// each was seen.
func (w *world) versions(name string) []recorded {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.events), func(r recorded) bool {
		configMap, ok := r.Object.(*corev1.ConfigMap)
		return !ok || r.Type == watch.Deleted || configMap.Name != name || !hasOurs(configMap)
	})
}

func hasOurs(c *corev1.ConfigMap) bool {
	_, isList := c.Data["registry-pins.txt"]
	_, isReport := c.Data["report.json"]
	return isList || isReport
}

// between waits until the recorder has seen two versions of a ConfigMap, and returns those
// behind the first, as far as the last.
func (w *world) between(first, last *corev1.ConfigMap) []*corev1.ConfigMap {
	w.t.Helper()
	var between []*corev1.ConfigMap
	w.until(func(context.Context) (bool, string) {
		versions := w.versions(first.Name)
		of := func(version *corev1.ConfigMap) int {
			return slices.IndexFunc(versions, func(r recorded) bool {
				return r.configMap(w.t).ResourceVersion == version.ResourceVersion
			})
		}
		i, j := of(first), of(last)
		if i < 0 || j < i {
			return false, "the recorder has not seen versions " + first.ResourceVersion + " and " + last.ResourceVersion
		}
		for _, version := range versions[i+1 : j+1] {
			between = append(between, version.configMap(w.t))
		}
		return true, ""
	})
	return between
}

// history checks the versions of the ConfigMaps in the order in which they were written.
type history struct {
	w     *world
	lists map[string]*listHistory
}

// listHistory is how the ConfigMaps of a list and its report are at a moment.
type listHistory struct {
	list, report map[string]*corev1.ConfigMap
	// lines are the pins of the list's ConfigMaps.
	lines map[string]map[string]bool
	// edited are the ConfigMaps that are as the test left them.
	edited map[string]bool
	// plans are the pins and the images of the list for each plan that it ever had.
	plans map[string][2]string
	// needed are the pins that the last report has as needed, and missing those of them that
	// the list did not have for a while since, and the version of then.
	needed  []string
	missing map[string]string
}

var shardSuffix = regexp.MustCompile(`-\d+$`)

// of returns the list that a ConfigMap belongs to, and whether it is of the report.
func (h *history) of(name string) (l *listHistory, isReport bool) {
	list, isReport := strings.CutSuffix(shardSuffix.ReplaceAllString(name, ""), "-report")
	if h.lists[list] == nil {
		h.lists[list] = &listHistory{
			list: map[string]*corev1.ConfigMap{}, report: map[string]*corev1.ConfigMap{}, lines: map[string]map[string]bool{},
			edited: map[string]bool{}, plans: map[string][2]string{}, missing: map[string]string{},
		}
	}
	return h.lists[list], isReport
}

func (h *history) check(event *recorded) {
	c := event.configMap(h.w.t)
	l, isReport := h.of(c.Name)
	now := l.list
	if isReport {
		now = l.report
	}
	isEdit := h.w.edits[c.ResourceVersion]
	if event.Type == watch.Deleted || !hasOurs(c) {
		delete(now, c.Name)
		delete(l.lines, c.Name)
		// pinsync itself never deletes the first.
		l.edited[c.Name] = isEdit || h.w.removed[c.Name] || !shardSuffix.MatchString(c.Name)
		l.checkNeeded(c)
		return
	}
	now[c.Name], l.edited[c.Name] = c, isEdit
	switch {
	case isReport && !isEdit:
		checkReport(h.w.t, c)
		l.checkReport(h.w.t, c)
	case !isReport:
		if !isEdit {
			checkConfigMap(h.w.t, c)
		}
		l.addLines(c)
		l.addPlan(h.w.t, c, isEdit)
	}
	l.checkNeeded(c)
}

func (l *listHistory) addLines(c *corev1.ConfigMap) {
	lines := map[string]bool{}
	for line := range strings.Lines(c.Data["registry-pins.txt"]) {
		lines[line] = true
	}
	l.lines[c.Name] = lines
}

// addPlan notes the list of a plan, which is written in full once its first ConfigMap is.
func (l *listHistory) addPlan(t *testing.T, c *corev1.ConfigMap, isEdit bool) {
	t.Helper()
	plan := c.Annotations["pinsync.oleks.space/plan"]
	if plan == "" {
		return
	}
	var texts [2]string
	for i, key := range []string{"registry-pins.txt", "images.txt"} {
		texts[i] = joined(l.list, c, key)
	}
	known, ok := l.plans[plan]
	if ok && !isEdit && known != texts {
		t.Errorf("version %s: the plan %s has another list than before", c.ResourceVersion, plan)
	}
	if !ok {
		l.plans[plan] = texts
	}
}

// joined returns the sorted lines of a key in all the ConfigMaps that belong to a first one.
func joined(all map[string]*corev1.ConfigMap, first *corev1.ConfigMap, key string) string {
	var lines []string
	for _, c := range shardsOf(all, first) {
		lines = slices.AppendSeq(lines, strings.Lines(c.Data[key]))
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "")
}

func shardsOf(all map[string]*corev1.ConfigMap, first *corev1.ConfigMap) []*corev1.ConfigMap {
	shards := []*corev1.ConfigMap{first}
	var shard, n int
	_, _ = fmt.Sscanf(first.Annotations["pinsync.oleks.space/shard"], "%d/%d", &shard, &n) // checked elsewhere
	for i := 1; i < n; i++ {
		if c := all[fmt.Sprint(first.Name, "-", i)]; c != nil {
			shards = append(shards, c)
		}
	}
	return shards
}

// checkReport checks that a report is of a plan that the list has or had, once its first
// ConfigMap is written, and has the pins and images of that list.
func (l *listHistory) checkReport(t *testing.T, c *corev1.ConfigMap) {
	t.Helper()
	if shardSuffix.MatchString(c.Name) {
		return
	}
	r := joinReports(t, shardsOf(l.report, c))
	if r.List == nil {
		t.Errorf("version %s: the report does not have its list", c.ResourceVersion)
		return
	}
	texts, ok := l.plans[r.List.Plan]
	if !ok {
		t.Errorf("version %s: the report is of the plan %q, which the list never had", c.ResourceVersion, r.List.Plan)
		return
	}
	var pins, images []string
	l.needed = nil
	for i := range r.Pins {
		pins = append(pins, r.Pins[i].Pin+"\n")
		if image := r.Pins[i].Image; image != "" && !strings.HasPrefix(image, "helm://") { // charts are no images
			images = append(images, r.Pins[i].Image+"\n")
		}
		if r.Pins[i].State == v1alpha1.PinNeeded {
			l.needed = append(l.needed, r.Pins[i].Pin+"\n")
		}
	}
	for i, of := range [][]string{pins, images} {
		slices.Sort(of)
		if got := strings.Join(slices.Compact(of), ""); got != texts[i] {
			t.Errorf("version %s: the report has\n%.2000s, the list of its plan\n%.2000s", c.ResourceVersion, got, texts[i])
		}
	}
	if r.List.Checksum != sha256Of(texts[0]) {
		t.Errorf("version %s: the list's checksum is %s", c.ResourceVersion, r.List.Checksum)
	}
	for _, pin := range l.needed {
		if version := l.missing[pin]; version != "" {
			t.Errorf("version %s: %q is needed, and was before, and is not in the list of version %s", c.ResourceVersion, pin, version)
		}
	}
	clear(l.missing)
}

// checkNeeded notes which needed pins the list does not have after a version was written.
func (l *listHistory) checkNeeded(c *corev1.ConfigMap) {
	for name, edited := range l.edited {
		if edited && !strings.Contains(name, "-report") {
			return
		}
	}
	for _, pin := range l.needed {
		has := false
		for _, lines := range l.lines {
			has = has || lines[pin]
		}
		if !has && l.missing[pin] == "" {
			l.missing[pin] = c.ResourceVersion
		}
	}
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// joinReports returns the report that ConfigMaps have together.
func joinReports(t *testing.T, shards []*corev1.ConfigMap) *v1alpha1.PinReport {
	t.Helper()
	all := &v1alpha1.PinReport{}
	for i, c := range shards {
		var r v1alpha1.PinReport
		if err := json.Unmarshal([]byte(c.Data["report.json"]), &r); err != nil {
			t.Errorf("%s, version %s: %v", c.Name, c.ResourceVersion, err)
		}
		if i == 0 {
			all.List = r.List
		}
		all.Pins, all.Releases, all.Problems = append(all.Pins, r.Pins...), append(all.Releases, r.Releases...), append(all.Problems, r.Problems...)
		all.OwnersUnknown = all.OwnersUnknown || r.OwnersUnknown
	}
	return all
}

// checkConfigMap checks that everything in a ConfigMap of a list agrees.
func checkConfigMap(t *testing.T, configMap *corev1.ConfigMap) {
	t.Helper()
	pins, images := configMap.Data["registry-pins.txt"], configMap.Data["images.txt"]
	want := map[string]string{
		"pinsync.oleks.space/checksum":        sha256Of(pins),
		"pinsync.oleks.space/images-checksum": sha256Of(images),
		"pinsync.oleks.space/pins":            fmt.Sprint(strings.Count(pins, "\n")),
	}
	for key, value := range want {
		if got := configMap.Annotations[key]; got != value {
			t.Errorf("version %s: annotation %s is %q, want %q", configMap.ResourceVersion, key, got, value)
		}
	}
	shard := checkShard(t, configMap)
	if _, err := time.Parse(time.RFC3339, configMap.Annotations["pinsync.oleks.space/plan"]); (err == nil) != (shard == 0) {
		t.Errorf("version %s: the plan of shard %d is %q", configMap.ResourceVersion, shard, configMap.Annotations["pinsync.oleks.space/plan"])
	}
	if configMap.Labels["pinsync.oleks.space/pins"] != "true" || configMap.Labels["pinsync.oleks.space/report"] != "" {
		t.Errorf("version %s: labels are %v", configMap.ResourceVersion, configMap.Labels)
	}
	if _, err := time.Parse(time.RFC3339, configMap.Annotations["pinsync.oleks.space/synced-at"]); err != nil {
		t.Errorf("version %s: %v", configMap.ResourceVersion, err)
	}
	if _, ok := configMap.Data["report.json"]; ok {
		t.Errorf("version %s: the list has a report", configMap.ResourceVersion)
	}
}

// checkReport checks a ConfigMap of a report by itself.
func checkReport(t *testing.T, configMap *corev1.ConfigMap) {
	t.Helper()
	shard := checkShard(t, configMap)
	// Those who read the list by its label must not find the report.
	if configMap.Labels["pinsync.oleks.space/report"] != "true" || configMap.Labels["pinsync.oleks.space/pins"] != "" {
		t.Errorf("version %s: labels are %v", configMap.ResourceVersion, configMap.Labels)
	}
	_, hasPins := configMap.Data["registry-pins.txt"]
	if _, hasImages := configMap.Data["images.txt"]; hasPins || hasImages {
		t.Errorf("version %s: the report has a list", configMap.ResourceVersion)
	}
	var r v1alpha1.PinReport
	err := json.Unmarshal([]byte(configMap.Data["report.json"]), &r)
	if err != nil || r.Kind != "PinReport" || (r.List != nil) != (shard == 0) {
		t.Errorf("version %s: %v, kind %q, list %v, in shard %d", configMap.ResourceVersion, err, r.Kind, r.List, shard)
	}
}

// checkShard returns which shard a ConfigMap is.
func checkShard(t *testing.T, configMap *corev1.ConfigMap) (shard int) {
	t.Helper()
	var shards int
	text := configMap.Annotations["pinsync.oleks.space/shard"]
	if _, err := fmt.Sscanf(text, "%d/%d", &shard, &shards); err != nil || shard >= shards ||
		(shard > 0) != shardSuffix.MatchString(configMap.Name) {
		t.Errorf("version %s of %s: shard is %q", configMap.ResourceVersion, configMap.Name, text)
	}
	return shard
}
