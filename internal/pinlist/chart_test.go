package pinlist

import (
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// A chart of a classic Helm repository has a pin and no line among the images. It is read back with its
// owner, and every format can be had.
func TestChartOfHelmRepository(t *testing.T) {
	chart, ok := image.Chart("https://g.io/api/packages/o/helm", "web", "1.0.0+b")
	if !ok {
		t.Fatal("no chart")
	}
	s := &pin.Snapshot{Taken: noon, Releases: []pin.Release{{
		ID: object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "apps", Name: "web"}}, Suspended: true,
		Inputs: pin.Inputs{ChartRef: chart, Images: pin.FindImages([]pin.ReleasePart{{Path: "spec.values", Value: map[string]any{"image": "g.io/o/web:1.0.0"}}})},
	}}}
	report := pin.Plan(s, pin.Options{Registries: []pin.Registry{{Host: "g.io", Owner: "o", Type: "container"}}})
	list, reported := publish(t, report, 900_000)
	if got, want := list[0].Data[v1alpha1.PinsKey], "container/web==1.0.0\nhelm/web==1.0.0+b\n"; got != want {
		t.Errorf("the pins are %q, want %q", got, want)
	}
	if got, want := list[0].Data[v1alpha1.ImagesKey], "g.io/o/web:1.0.0\n"; got != want || Images(report.Pins) != want {
		t.Errorf("the images are %q and %q, want %q", got, Images(report.Pins), want)
	}
	memory := Load("registry-pins", list, reported)
	if memory.OwnersUnknown || len(memory.Pins) != 2 || memory.Pins[1].Image != "helm://g.io/o/web:1.0.0+b" || len(memory.Pins[1].NeededBy) != 1 {
		t.Errorf("read back: %+v", memory)
	}
	decoded, err := Decode("registry-pins", list)
	if err != nil {
		t.Fatal(err)
	}
	lists := []Published{{List: decoded}}
	if err := CheckImages(lists); err != nil {
		t.Error(err)
	}
	for _, format := range Formats() {
		text, err := Render(Union(lists, &Static{}), format)
		if err != nil || strings.Contains(text, "helm") != (format == FormatPins || format == FormatJSON) {
			t.Errorf("%s: %v, %s", format, err, text)
		}
	}
}

// Without the report, a chart is not taken for the image of a container that has its name and version.
func TestChartBesideImageOfTheSameName(t *testing.T) {
	chart, _ := image.Chart("https://g.io/api/packages/o/helm", "web", "1.0.0")
	s := &pin.Snapshot{Taken: noon, Releases: []pin.Release{{
		ID: object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "apps", Name: "web"}}, Suspended: true,
		Inputs: pin.Inputs{ChartRef: chart, Images: pin.FindImages([]pin.ReleasePart{{Path: "spec.values", Value: map[string]any{"image": "g.io/o/web:1.0.0"}}})},
	}}}
	list, _ := publish(t, pin.Plan(s, pin.Options{Registries: []pin.Registry{{Host: "g.io", Owner: "o", Type: "container"}}}), 900_000)
	images := map[string]string{}
	for _, p := range Load("registry-pins", list, nil).Pins {
		images[p.Pin] = p.Image
	}
	if len(images) != 2 || images["container/web==1.0.0"] != "g.io/o/web:1.0.0" || images["helm/web==1.0.0"] != "" {
		t.Errorf("read back: %v", images)
	}
}

// A chart is pinned if the registries include images of its owner.
func TestChartOutsideRegistries(t *testing.T) {
	chart, _ := image.Chart("https://g.io/api/packages/o/helm", "web", "1.0.0")
	for owner, want := range map[string]string{"": "helm/web==1.0.0\n", "o": "helm/web==1.0.0\n", "other": ""} {
		s := &pin.Snapshot{Taken: noon, Releases: []pin.Release{{
			ID:        object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "apps", Name: "web"}},
			Suspended: true, Inputs: pin.Inputs{ChartRef: chart, Images: &pin.ReleaseImages{}},
		}}}
		report := pin.Plan(s, pin.Options{Registries: []pin.Registry{{Host: "g.io", Owner: owner, Type: "container"}}})
		if got := Lines(report.Pins); got != want {
			t.Errorf("below %q: got %q, want %q", owner, got, want)
		}
	}
}
