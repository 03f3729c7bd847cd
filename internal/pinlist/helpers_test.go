package pinlist

import (
	"fmt"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

var noon = time.Date(2026, 6, 2, 12, 0, 0, 0, time.UTC)

// planOf is a report of suspended releases, each with as many images.
func planOf(releases, images int) *v1alpha1.PinReport {
	s := &pin.Snapshot{Taken: noon}
	for i := range releases {
		var values []any
		for j := range images {
			values = append(values, map[string]any{"image": fmt.Sprint("g.io/o/app-", i, ":v", strconv.Itoa(j))})
		}
		s.Releases = append(s.Releases, pin.Release{
			ID:        object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "apps", Name: fmt.Sprint("app-", i)}},
			Suspended: true,
			Inputs:    pin.Inputs{Images: pin.FindImages([]pin.ReleasePart{{Path: "spec.values", Value: values}})},
		})
	}
	return pin.Plan(s, pin.Options{})
}

// layout gives every object the same room.
func layout(room int) *Layout {
	return &Layout{Salt: "salt", Objects: 1, Room: func(int) int { return room }}
}

// publish returns the objects of the list registry-pins and of its report, as the controller
// writes them.
func publish(t rapid.TB, r *v1alpha1.PinReport, room int) (list, report []Object) {
	t.Helper()
	return publishList(t, r, room), publishReport(t, r, room)
}

func publishList(t rapid.TB, r *v1alpha1.PinReport, room int) []Object {
	t.Helper()
	list, err := Encode("registry-pins", r.Pins, Stamp{Complete: true, Plan: "2026-06-02T12:00:00.5Z"}, layout(room))
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].Annotations[v1alpha1.SyncedAtAnnotation] = noon.Format(time.RFC3339)
		list[i].Data["theirs"] = "x"
	}
	return list
}

func publishReport(t rapid.TB, r *v1alpha1.PinReport, room int) []Object {
	t.Helper()
	of := *r
	of.List = Reference(r.Pins, "2026-06-02T12:00:00.5Z")
	encoded, err := EncodeReport("registry-pins", &of, layout(room))
	if err != nil {
		t.Fatal(err)
	}
	return encoded.Objects
}

// publishBefore returns the objects as the version before wrote them, with the report in the
// list's own object.
func publishBefore(t rapid.TB, r *v1alpha1.PinReport) []Object {
	t.Helper()
	list, _ := publish(t, r, 900_000)
	text, err := JSON(r)
	if err != nil || len(list) != 1 {
		t.Fatal(err, len(list))
	}
	delete(list[0].Annotations, v1alpha1.ImagesChecksumAnnotation)
	delete(list[0].Annotations, v1alpha1.PlanAnnotation)
	list[0].Data[v1alpha1.ReportKey] = inEarlierForm(text)
	return list
}
