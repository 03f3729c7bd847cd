package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// Whatever somebody does to the list and the report, both are restored, and no owner is lost:
// not even those that only the report had.
func TestSomebodyEditsTheReport(t *testing.T) {
	w := newWorld(t)
	w.knownOwners(w.options())
	stop := w.start(w.options())
	t.Cleanup(func() { stop() })
	w.resume()
	p := w.expectHeld("v1")
	since, owner := *p.report.Pins[0].HeldSince, p.owners("v1")
	edit := func(name string, mutate func(*corev1.ConfigMap)) func() {
		return func() { change(w, &corev1.ConfigMap{}, w.own, name, mutate) }
	}
	const list, report = "registry-pins", "registry-pins-report"
	for name, does := range map[string]func(){
		"empties the report":            edit(report, func(c *corev1.ConfigMap) { c.Data = nil }),
		"breaks the report":             edit(report, func(c *corev1.ConfigMap) { c.Data["report.json"] = `{"pins":[` }),
		"removes the report's pins":     edit(report, func(c *corev1.ConfigMap) { c.Data["report.json"] = `{"kind":"PinReport","pins":[]}` }),
		"removes the report's label":    edit(report, func(c *corev1.ConfigMap) { c.Labels = nil }),
		"removes its annotations":       edit(report, func(c *corev1.ConfigMap) { c.Annotations = nil }),
		"labels the report as a list":   edit(report, func(c *corev1.ConfigMap) { c.Labels["pinsync.oleks.space/pins"] = "true" }),
		"removes the plan":              edit(list, func(c *corev1.ConfigMap) { delete(c.Annotations, "pinsync.oleks.space/plan") }),
		"changes the plan":              edit(list, func(c *corev1.ConfigMap) { c.Annotations["pinsync.oleks.space/plan"] = "2001-01-01T00:00:00Z" }),
		"removes the images' checksum":  edit(list, func(c *corev1.ConfigMap) { delete(c.Annotations, "pinsync.oleks.space/images-checksum") }),
		"puts a report into the list":   edit(list, func(c *corev1.ConfigMap) { c.Data["report.json"] = `{"kind":"PinReport","pins":[]}` }),
		"deletes the report":            func() { w.remove(w.configMap(t.Context(), report)) },
		"deletes the list":              func() { w.remove(w.configMap(t.Context(), list)) },
		"removes the pins and the plan": edit(list, func(c *corev1.ConfigMap) { c.Data, c.Annotations = nil, nil }),
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			does()
			w.report(func(p *published) (bool, string) {
				return p.isRestored() && strings.Contains(p.owners("v1"), owner) && *p.report.Pins[0].HeldSince == since && !p.report.OwnersUnknown,
					fmt.Sprintf("the owners are %q, want %q; list %v, report %v", p.owners("v1"), owner, p.list.ObjectMeta, p.object.ObjectMeta)
			})
		})
	}
	w.t = t
}

// isRestored reports whether the ConfigMaps have all that is pinsync's, and nothing else of it.
func (p *published) isRestored() bool {
	list, report := p.list, p.object
	_, hasReport := list.Data["report.json"]
	return !hasReport && list.Data["registry-pins.txt"] == "container/app==v1\n" && list.Data["images.txt"] == app+":v1\n" &&
		list.Labels["pinsync.oleks.space/pins"] == "true" && list.Annotations["pinsync.oleks.space/images-checksum"] == sha256Of(app+":v1\n") &&
		list.Annotations["pinsync.oleks.space/plan"] != "" && len(report.Labels) == 1 && report.Labels["pinsync.oleks.space/report"] == "true" &&
		report.Annotations["pinsync.oleks.space/shard"] == "0/1"
}
