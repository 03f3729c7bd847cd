package pinlist

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

var update = flag.Bool("update", false, "write the golden files anew")

// inEarlierForm returns a report's text as the version before wrote it.
func inEarlierForm(text string) string {
	return strings.NewReplacer(`"ownersUnknown"`, `"forgotten"`, `"owner"`, `"release"`, "HelmRelease/", "", `"kind":"HelmRelease",`, "",
		"\n      \"kind\": \"HelmRelease\",", "", `"ran":[],`, "", "\n      \"ran\": [],", "",
		`"protects":"Suspended",`, "", "\n  \"protects\": \"Suspended\",", "").Replace(text)
}

// held is a report of a pin that is held and of one that is needed.
func held() *v1alpha1.PinReport {
	r := planOf(1, 1)
	since, because := "2026-06-02T11:00:00Z", "the cluster could not be read completely"
	r.Pins = append(r.Pins, v1alpha1.Pin{
		Pin: "container/web==V1", Image: "g.io/o/web:V1", State: v1alpha1.PinHeld, NeededBy: []string{}, Via: []string{"spec.values.image"},
		HeldSince: &since, HeldBecause: &because,
		HeldFor: []v1alpha1.Hold{{Owner: v1alpha1.UnknownOwner}, {Owner: "HelmRelease/apps/web", SafeSince: &since, Live: true}},
	})
	return r
}

// The files hold the form as it was published: they must be decoded and loaded for ever, and
// those of the current form are what is encoded.
func TestGoldens(t *testing.T) {
	for name, want := range map[string]*v1alpha1.PinReport{"empty": planOf(0, 0), "held": held()} {
		list, report := publish(t, want, 900_000)
		golden(t, "testdata/"+name+".json", slices.Concat(list, report))
	}
	golden(t, "testdata/held-report-in-list.json", publishBefore(t, held()))
	for name, test := range map[string]struct {
		report  *v1alpha1.PinReport
		objects int
	}{"empty": {planOf(0, 0), 1}, "held": {held(), 1}, "held-report-in-list": {held(), 1}} {
		text, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var objects []Object
		if err := json.Unmarshal(text, &objects); err != nil {
			t.Fatal(err)
		}
		list, report := objects[:test.objects], objects[test.objects:]
		l, decoded := decodeBoth(t, list, report)
		if !reflect.DeepEqual(l.Describe(decoded), describable(test.report)) {
			t.Errorf("%s: decoded %+v", name, decoded)
		}
		m := Load("registry-pins", list, report)
		if m.OwnersUnknown || !samePins(m.Pins, test.report.Pins) {
			t.Errorf("%s: loaded %+v", name, m)
		}
	}
}

func golden(t *testing.T, file string, objects []Object) {
	t.Helper()
	text, err := json.MarshalIndent(objects, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != string(text)+"\n" {
		t.Errorf("%s: %v, encoded\n%s", file, err, text)
	}
}

// describable returns the pins of a report as Describe does: nil, if there are none.
func describable(r *v1alpha1.PinReport) []v1alpha1.Pin {
	if len(r.Pins) == 0 {
		return nil
	}
	return r.Pins
}

// samePins reports whether two lists say the same, as JSON has it.
func samePins(a, b []v1alpha1.Pin) bool {
	text := func(pins []v1alpha1.Pin) string {
		pins = slices.Clone(pins)
		for i := range pins {
			pins[i].NeededBy = append([]string{}, pins[i].NeededBy...)
		}
		encoded, _ := json.Marshal(append([]v1alpha1.Pin{}, pins...))
		return string(encoded)
	}
	return text(a) == text(b)
}

// Whatever the report and the room, what was encoded is decoded and loaded again, and no
// object is too large.
func TestRoundTrip(t *testing.T) {
	spreads := map[int]bool{}
	rapid.Check(t, func(t *rapid.T) {
		r := drawReport(t)
		room := rapid.IntRange(5_000, 50_000).Draw(t, "room of the list")
		reportRoom := rapid.IntRange(120_000, 300_000).Draw(t, "room of the report")
		list, report := publishList(t, r, room), publishReport(t, r, reportRoom)
		spreads[len(list)*1000+len(report)] = true
		for i, o := range slices.Concat(list, report) {
			if i == len(list) {
				room = reportRoom
			}
			if size := len(o.Data[v1alpha1.PinsKey]) + len(o.Data[v1alpha1.ImagesKey]) + len(o.Data[v1alpha1.ReportKey]); size > room {
				t.Fatalf("%s has %d bytes where there is room for %d", o.Name, size, room)
			}
		}
		list, report = rapid.Permutation(list).Draw(t, "list"), rapid.Permutation(report).Draw(t, "report")
		l, err := Decode("registry-pins", list)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Join(l.Pins, "\n"), strings.Join(linesOf(Lines(r.Pins)), "\n"); got != want {
			t.Fatalf("decoded\n%s\nwant\n%s", got, want)
		}
		if got, want := strings.Join(l.Images, "\n"), strings.Join(linesOf(Images(r.Pins)), "\n"); got != want {
			t.Fatalf("decoded\n%s\nwant\n%s", got, want)
		}
		decoded, err := l.ReadReport(report)
		if err != nil || !sameReport(decoded, r) || *decoded.List != *Reference(r.Pins, l.Plan) {
			t.Fatalf("%v: decoded the report %+v", err, decoded)
		}
		if m := Load("registry-pins", list, report); m.OwnersUnknown != r.OwnersUnknown || !samePins(m.Pins, r.Pins) || m.Plan != l.Plan {
			t.Fatalf("loaded %+v, want %+v", m, r)
		}
	})
	if len(spreads) < 4 {
		t.Errorf("the test has tried only these numbers of objects: %v", spreads)
	}
}

func sameReport(a, b *v1alpha1.PinReport) bool {
	return samePins(a.Pins, b.Pins) && len(a.Releases) == len(b.Releases) && reflect.DeepEqual(a.Configuration, b.Configuration)
}

// drawReport draws a report of many pins.
func drawReport(t *rapid.T) *v1alpha1.PinReport {
	r := planOf(rapid.IntRange(0, 60).Draw(t, "releases"), rapid.IntRange(1, 10).Draw(t, "images"))
	r.OwnersUnknown = rapid.Bool().Draw(t, "owners unknown")
	r.Configuration = &v1alpha1.Configuration{Releases: v1alpha1.ReleasesAll}
	safe := "2026-01-01T00:00:00Z"
	for i := range r.Pins {
		r.Pins[i].Via = []string{}
		if rapid.IntRange(0, 9).Draw(t, "held") == 0 {
			r.Pins[i].HeldFor = []v1alpha1.Hold{{Owner: "HelmRelease/a/b", SafeSince: &safe, Live: true}}
		}
	}
	if len(r.Pins) > 0 && rapid.Bool().Draw(t, "shared") {
		for i := range rapid.IntRange(1, 5000).Draw(t, "owners") {
			r.Pins[0].NeededBy = append(r.Pins[0].NeededBy, fmt.Sprintf("HelmRelease/z/release-%04d", i))
		}
	}
	return r
}

// The report is all there in the text, each entry on a line of its own.
func TestReportIsWhole(t *testing.T) {
	report := planOf(1, 3)
	report.OwnersUnknown = true
	report.List = Reference(report.Pins, "plan")
	report.Problems = []v1alpha1.Problem{{Reason: v1alpha1.ReasonReadFailed, Message: `a "problem" & more`}}
	report.Unprotected = []v1alpha1.UnprotectedReleases{{Namespace: "a", Live: []string{"b"}, Disabled: []string{"c"}}}
	report.Configuration = &v1alpha1.Configuration{Kind: v1alpha1.ConfigurationKind, Releases: v1alpha1.ReleasesAll}
	for i := range reflect.TypeFor[v1alpha1.PinReport]().NumField() {
		if reflect.ValueOf(*report).Field(i).IsZero() {
			t.Fatalf("the test does not show that %s is there", reflect.TypeFor[v1alpha1.PinReport]().Field(i).Name)
		}
	}
	encoded, err := EncodeReport("registry-pins", report, layout(900_000))
	if err != nil || len(encoded.Objects) != 1 {
		t.Fatalf("%+v, %v", encoded, err)
	}
	text := encoded.Objects[0].Data[v1alpha1.ReportKey]
	var decoded v1alpha1.PinReport
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&decoded); err != nil || !reflect.DeepEqual(&decoded, report) {
		t.Errorf("%v: %s", err, text)
	}
	for line := range strings.Lines(text) {
		if n := strings.Count(line, `"image":`); n > 1 {
			t.Errorf("%d pins in a line: %s", n, line)
		}
	}
	if encoded.Size < len(text) || encoded.Size > len(text)+100 {
		t.Errorf("it has %d bytes, its size is %d", len(text), encoded.Size)
	}
}

// Five thousand pins are in one object, and their report is spread by itself.
func TestListStaysInOneObject(t *testing.T) {
	list, report := publish(t, planOf(500, 10), 900<<10)
	if len(list) != 1 || len(report) < 2 {
		t.Errorf("5,000 pins are in %d objects, and their report in %d", len(list), len(report))
	}
}

// An image that very many releases need fits, and no owner is lost; so does a release that
// needs very many images.
func TestLargeEntriesAreSplit(t *testing.T) {
	r := pin.NewReport()
	shared := v1alpha1.Pin{Pin: "container/shared==1", Image: "g.io/o/shared:1", State: v1alpha1.PinNeeded, Via: []string{}}
	for i := range 50_000 {
		shared.NeededBy = append(shared.NeededBy, fmt.Sprintf("HelmRelease/namespace-%05d/release-with-a-name", i))
		shared.HeldFor = append(shared.HeldFor, v1alpha1.Hold{Owner: fmt.Sprintf("HelmRelease/namespace-%05d/release-with-another-name", i)})
	}
	r.Pins = []v1alpha1.Pin{shared}
	everything := v1alpha1.Release{Kind: "HelmRelease", Namespace: "a", Name: "b", Policies: []string{}, Problems: []v1alpha1.Problem{}}
	everything.Chart = &v1alpha1.ReleaseChart{Source: "HelmChart a/b", Revision: "1.0.0"} // a large report has no inputs
	for i := range 40_000 {
		everything.Pins = append(everything.Pins, fmt.Sprintf("container/image-with-a-long-name==%05d", i))
	}
	everything.Ran, everything.Live = everything.Pins[:30_000], everything.Pins[20_000:]
	r.Releases = []v1alpha1.Release{everything}
	list, report := publish(t, r, 900_000)
	m := Load("registry-pins", list, report)
	if len(report) < 2 || !reflect.DeepEqual(m.Pins, r.Pins) || m.OwnersUnknown {
		t.Errorf("%d objects, %d pins, needed by %d and held for %d", len(report), len(m.Pins), len(m.Pins[0].NeededBy), len(m.Pins[0].HeldFor))
	}
	if len(m.Releases) != 1 || !slices.Equal(m.Releases[0].Ran, everything.Ran) || !slices.Equal(m.Releases[0].Live, everything.Live) || !reflect.DeepEqual(m.Releases[0].Chart, everything.Chart) {
		t.Errorf("%d releases, the first ran %d, is live on %d, and is of the chart %v", len(m.Releases), len(m.Releases[0].Ran), len(m.Releases[0].Live), m.Releases[0].Chart)
	}
}

// Where the places and problems would take too much they are left out, and the report has a
// problem for that; the owners are not left out.
func TestReportIsTruncated(t *testing.T) {
	r := planOf(100, 10)
	safe := "2026-01-01T00:00:00Z"
	for i := range r.Pins {
		r.Pins[i].Via = slices.Repeat([]string{"spec.values.image"}, 20)
		r.Pins[i].HeldFor = []v1alpha1.Hold{{Owner: "HelmRelease/a/b", SafeSince: &safe}}
	}
	list, report := publishList(t, r, 40_000), publishReport(t, r, 30_000)
	if !strings.Contains(report[0].Data[v1alpha1.ReportKey], string(v1alpha1.ReasonReportTruncated)) {
		t.Error("the report does not have the problem")
	}
	m := Load("registry-pins", list, report)
	for i := range m.Pins {
		if len(m.Pins[i].Via) > 0 {
			t.Fatalf("not truncated: %+v", m.Pins[i])
		}
		m.Pins[i].Via = r.Pins[i].Via
	}
	if !samePins(m.Pins, r.Pins) {
		t.Error("more was left out")
	}
}

func TestTooLarge(t *testing.T) {
	r := planOf(1, 100)
	if _, err := Encode("pins", r.Pins, Stamp{}, layout(10)); err == nil || !strings.Contains(err.Error(), "100 pins") {
		t.Errorf("got %v", err)
	}
	if _, err := EncodeReport("pins", r, layout(1000)); err == nil || !strings.Contains(err.Error(), "100 pins") {
		t.Errorf("got %v", err)
	}
}

// One report of suspended releases alone suffices for that not all are protected together.
func TestJoinedReportsProtectWhatEachProtects(t *testing.T) {
	for want, reports := range map[string][]string{"All": {"All", "All"}, "Suspended": {"All", "Suspended", "All"}, "": {""}} {
		var all []*v1alpha1.PinReport
		for _, protects := range reports {
			all = append(all, &v1alpha1.PinReport{Protects: protects})
		}
		if got := Join(all).Protects; got != want {
			t.Errorf("%q: %q, want %q", reports, got, want)
		}
	}
	if got := Join([]*v1alpha1.PinReport{{Protects: "All"}, {}}).Protects; got != "Suspended" {
		t.Errorf("with an earlier report: %q", got)
	}
}

// decodeBoth decodes a list and the report on it.
func decodeBoth(t *testing.T, list, report []Object) (*List, *v1alpha1.PinReport) {
	t.Helper()
	l, err := Decode("registry-pins", list)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := l.ReadReport(report)
	if err != nil {
		t.Fatal(err)
	}
	return l, decoded
}
