package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// writeEarlier writes a list as the version before wrote it: with the report, which has these
// pins and a further field, in its own object.
func (w *world) writeEarlier(lines, images, pins, field string) {
	w.t.Helper()
	report := fmt.Sprintf(`{"apiVersion":"pinsync.oleks.space/v1alpha1","kind":"PinReport","pins":[%s],`+
		`"releases":[{"namespace":%q,"name":"other","state":"Suspended","policies":[],"pins":["container/app==v2"],"problems":[]}],%s"problems":[]}`,
		strings.ReplaceAll(pins, "APPS", w.apps), w.apps, field)
	written := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.own, Name: "registry-pins", Labels: map[string]string{"pinsync.oleks.space/pins": "true"},
			Annotations: map[string]string{
				"pinsync.oleks.space/synced-at": time.Now().UTC().Format(time.RFC3339), "pinsync.oleks.space/complete": "true",
				"pinsync.oleks.space/checksum": sha256Of(lines), "pinsync.oleks.space/pins": fmt.Sprint(strings.Count(lines, "\n")),
				"pinsync.oleks.space/shard": "0/1",
			},
		},
		Data: map[string]string{"registry-pins.txt": lines, "images.txt": images, "report.json": report},
	}
	w.create(written)
	w.edits[written.ResourceVersion] = true
}

const neededBefore = `{"pin":"container/app==v2","image":"git.example.com/team/app:v2","state":"Needed",` +
	`"neededBy":["APPS/other"],"via":["spec.values.image"],"heldSince":null,"heldBecause":null}`

// A list of the version before is continued: what was held stays held for its owners, since
// when it was.
func TestUpgrade(t *testing.T) {
	w := newWorld(t)
	w.suspend("web", app+":v1")
	w.resume()
	w.suspend("other", app+":v2")
	safe := time.Now().Add(-10 * time.Minute).UTC().Format(time.RFC3339)
	const held = `{"pin":"container/app==%s","image":"git.example.com/team/app:%[1]s","state":"Held","neededBy":[],"via":[],` +
		`"heldSince":"2026-01-02T03:04:05Z","heldBecause":"it was held","heldFor":[{"release":"APPS/%s","safeSince":%s}]}`
	w.writeEarlier("container/app==v0\ncontainer/app==v1\ncontainer/app==v2\n", app+":v0\n"+app+":v1\n"+app+":v2\n",
		strings.Join([]string{fmt.Sprintf(held, "v0", "gone", `"`+safe+`"`), fmt.Sprintf(held, "v1", "web", "null"), neededBefore}, ","), "")
	w.start(w.options())
	w.expect("v2")
	p := w.expectHeld("v0", "v1")
	if p.report.OwnersUnknown {
		t.Error("the owners are not known")
	}
	for i, want := range []string{"held for HelmRelease/" + w.apps + "/gone", "held for HelmRelease/" + w.apps + "/web"} {
		pin := &p.report.Pins[i]
		if got := p.owners(fmt.Sprint("v", i)); got != want || *pin.HeldSince != "2026-01-02T03:04:05Z" {
			t.Errorf("%s is %s since %s, want %s", pin.Pin, got, *pin.HeldSince, want)
		}
	}
	if hold := fmt.Sprintf(`{"owner":"HelmRelease/%s/gone","safeSince":%q}`, w.apps, safe); !strings.Contains(p.object.Data["report.json"], hold) {
		t.Errorf("the report has no %s: %s", hold, p.object.Data["report.json"])
	}
	if owners := p.owners("v2"); owners != "HelmRelease/"+w.apps+"/other" {
		t.Errorf("v2 is needed by %s", owners)
	}
	if len(p.list.Data) != 2 || p.list.Data["registry-pins.txt"] != "container/app==v0\ncontainer/app==v1\ncontainer/app==v2\n" {
		t.Errorf("the list is %v", p.list.Data)
	}
}

// Where the version before did not know the owners, they are searched for, and others may have been
// lost.
func TestUpgradeWithUnknownOwners(t *testing.T) {
	w := newWorld(t)
	w.suspend("other", app+":v2")
	w.writeEarlier("container/app==v2\n", app+":v2\n", neededBefore, `"forgotten":true,`)
	w.start(w.options())
	want := "HelmRelease/" + w.apps + "/other, held for +"
	if p := w.expect("v2"); p.report.OwnersUnknown || p.owners("v2") != want {
		t.Errorf("the report is %+v", p.report)
	}
}

// What the version before finds after a downgrade: by its label and its names the list alone,
// whole by the annotations that it knows, in the texts that it knows, and without a report, so
// that it holds each pin for owners that it does not know.
func TestDowngrade(t *testing.T) {
	w := newWorld(t)
	stop := w.start(w.options())
	w.suspendMany(4, 4000)
	w.spread(16_000)
	w.expectReports(16_000)
	stop()
	objects, lines := w.shards(t.Context())
	if len(lines) != 16_000 || len(objects) < 2 {
		t.Errorf("%d lines in %d objects", len(lines), len(objects))
	}
	var further string
	for i := range objects {
		o := &objects[i]
		want := "registry-pins"
		if shard := checkShard(t, o); shard > 0 {
			want = fmt.Sprint("registry-pins-", shard)
			for _, key := range []string{"registry-pins.txt", "images.txt", "report.json"} {
				further += fmt.Sprintf("%d %s", len(o.Data[key]), o.Data[key])
			}
		}
		for key, value := range map[string]string{
			"checksum": sha256Of(o.Data["registry-pins.txt"]), "pins": fmt.Sprint(strings.Count(o.Data["registry-pins.txt"], "\n")), "complete": "true",
		} {
			if got := o.Annotations["pinsync.oleks.space/"+key]; got != value {
				t.Errorf("%s: %s is %q, want %q", o.Name, key, got, value)
			}
		}
		if _, hasReport := o.Data["report.json"]; hasReport || o.Name != want {
			t.Errorf("the list has %s, want %s, with a report: %t", o.Name, want, hasReport)
		}
	}
	if len(objects) == 2 && w.list(t.Context()).Annotations["pinsync.oleks.space/shards"] != sha256Of(further) {
		t.Error("the shards do not fit together")
	}
}
