package pin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// roomFor gives every object the same room.
func roomFor(bytes int) func(int) int { return func(int) int { return bytes } }

// large is a report of n pins of n/100 releases.
func large(n int) *v1alpha1.PinReport {
	s := &Snapshot{}
	for i := range (n + 99) / 100 {
		images := []any{}
		for j := range min(100, n-100*i) {
			images = append(images, map[string]any{"image": fmt.Sprintf("g.io/o/app-%d:v%d", i, j)})
		}
		s.Releases = append(s.Releases, Release{
			Name: Name{"apps", fmt.Sprint("release-", i)}, Suspended: true, Found: Find([]Content{{"spec.values", images}}),
		})
	}
	return Plan(s, Options{})
}

// joined is what all objects say together.
func joined(t testing.TB, parts []Part) (lines []string, m Memory) {
	t.Helper()
	for _, p := range parts {
		lines = slices.AppendSeq(lines, strings.Lines(p.Lines))
	}
	slices.Sort(lines)
	m = Recall(parts)
	slices.SortFunc(m.Pins, func(a, b v1alpha1.Pin) int { return compareLines(line{a.Pin, a.Image}, line{b.Pin, b.Image}) })
	return lines, m
}

// Whatever the room, all objects together say what the report says, and none is too
// large.
func TestSpreadLosesNothing(t *testing.T) {
	report := large(1000)
	want := slices.Collect(strings.Lines(Lines(report)))
	seen := map[int]bool{}
	for room := 20_000; room < 1_000_000; room += 17_000 {
		parts, _, err := Spread(report, "salt", 1, roomFor(room))
		if err != nil {
			t.Fatal(err)
		}
		seen[len(parts)] = true
		for i := range parts {
			if size := len(parts[i].Lines) + len(parts[i].Images) + len(parts[i].Report); size > room {
				t.Errorf("%d bytes where there is room for %d", size, room)
			}
		}
		lines, m := joined(t, parts)
		if !slices.Equal(lines, want) || m.Forgotten {
			t.Errorf("%d parts: %d lines, want %d; forgotten %t", len(parts), len(lines), len(want), m.Forgotten)
		}
		isCut := strings.Contains(parts[0].Report, string(v1alpha1.ReasonReportCut))
		if !isCut && !reflect.DeepEqual(m.Pins, report.Pins) {
			t.Errorf("%d parts: they do not say what the report says", len(parts))
		}
	}
	if len(seen) < 4 {
		t.Errorf("the test has tried only these numbers of parts: %v", seen)
	}
}

// The report is all there in the text, each entry on a line of its own.
func TestSpreadSaysAll(t *testing.T) {
	report := large(3)
	report.Forgotten = true
	report.APIVersion, report.Kind = v1alpha1.APIVersion, v1alpha1.PinReportKind
	report.Problems = []v1alpha1.Problem{{Reason: v1alpha1.ReasonUnanswered, Message: `a "problem" & more`}}
	for i := range reflect.TypeFor[v1alpha1.PinReport]().NumField() {
		if reflect.ValueOf(*report).Field(i).IsZero() {
			t.Fatalf("the test does not show that %s is there", reflect.TypeFor[v1alpha1.PinReport]().Field(i).Name)
		}
	}
	parts, size, err := Spread(report, "salt", 1, roomFor(900_000))
	if err != nil || len(parts) != 1 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	var said v1alpha1.PinReport
	decoder := json.NewDecoder(strings.NewReader(parts[0].Report))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&said); err != nil || !reflect.DeepEqual(&said, report) {
		t.Errorf("%v: %s", err, parts[0].Report)
	}
	for line := range strings.Lines(parts[0].Report) {
		if n := strings.Count(line, `"image":`); n > 1 {
			t.Errorf("%d pins in a line: %s", n, line)
		}
	}
	if actual := len(parts[0].Lines) + len(parts[0].Images) + len(parts[0].Report); size != actual {
		t.Errorf("it takes %d bytes, is said to take %d", actual, size)
	}
}

// A list that has grown or shrunk a little is not spread anew.
func TestSpreadStays(t *testing.T) {
	report := large(1000)
	parts, _, err := Spread(report, "salt", 1, roomFor(100_000))
	if err != nil {
		t.Fatal(err)
	}
	smaller := *report
	smaller.Pins = report.Pins[:len(report.Pins)*9/10]
	for n := len(parts); n <= 2*len(parts); n *= 2 {
		again, _, err := Spread(&smaller, "salt", n, roomFor(100_000))
		if err != nil || len(again) > n || len(again) < len(parts) {
			t.Errorf("%d parts became %d, %v", n, len(again), err)
		}
	}
	few := *report
	few.Pins, few.Releases = report.Pins[:1], nil
	if again, _, err := Spread(&few, "salt", len(parts), roomFor(100_000)); err != nil || len(again) != 1 {
		t.Errorf("one pin is spread over %d parts, %v", len(again), err)
	}
}

// In doubling and halving, an entry either stays or moves between an object and the
// one that is as far above it as there were.
func TestSpreadMovesLittle(t *testing.T) {
	report := large(1000)
	s, err := newSpreader(report)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.split("salt"); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 64; n *= 2 {
		before := s.parts(n)
		after := s.parts(2 * n)
		for i := range after {
			for line := range strings.Lines(after[i].Lines) {
				if !strings.Contains(before[i%n].Lines, line) {
					t.Fatalf("from %d to %d parts, %q came to %d from elsewhere", n, 2*n, line, i)
				}
			}
		}
	}
}

// An image that very many releases need fits, and nobody who needs it is forgotten; so
// does a release that needs very many images.
func TestSpreadSplitsEntries(t *testing.T) {
	report := &v1alpha1.PinReport{Problems: []v1alpha1.Problem{}}
	shared := v1alpha1.Pin{Pin: "container/shared==1", Image: "g.io/o/shared:1", State: v1alpha1.PinNeeded, Via: []string{}}
	for i := range 50_000 {
		shared.NeededBy = append(shared.NeededBy, fmt.Sprintf("namespace-%05d/release-with-a-name", i))
		shared.HeldFor = append(shared.HeldFor, v1alpha1.Hold{Release: fmt.Sprintf("namespace-%05d/release-with-another-name", i)})
	}
	report.Pins = []v1alpha1.Pin{shared}
	everything := v1alpha1.Release{Namespace: "a", Name: "b", Policies: []string{}, Problems: []v1alpha1.Problem{}}
	for i := range 40_000 {
		everything.Pins = append(everything.Pins, fmt.Sprintf("container/image-with-a-long-name==%05d", i))
	}
	report.Releases = []v1alpha1.Release{everything}
	parts, _, err := Spread(report, "salt", 1, roomFor(900_000))
	if err != nil {
		t.Fatal(err)
	}
	_, m := joined(t, parts)
	if len(parts) < 2 || !reflect.DeepEqual(m.Pins, report.Pins) || m.Forgotten {
		t.Errorf("%d parts, %d pins, needed by %d and held for %d", len(parts), len(m.Pins), len(m.Pins[0].NeededBy), len(m.Pins[0].HeldFor))
	}
}

// Where the places and problems would take too much they are left out, and the report
// says so; what the hold must remember is not.
func TestSpreadCutsProse(t *testing.T) {
	report := large(1000)
	safe := "2026-01-01T00:00:00Z"
	for i := range report.Pins {
		report.Pins[i].Via = slices.Repeat([]string{"spec.values.image"}, 20)
		report.Pins[i].HeldFor = []v1alpha1.Hold{{Release: "a/b", SafeSince: &safe}}
	}
	parts, _, err := Spread(report, "salt", 1, roomFor(30_000))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(parts[0].Report, string(v1alpha1.ReasonReportCut)) {
		t.Error("the report does not say that it was cut")
	}
	_, m := joined(t, parts)
	for i := range m.Pins {
		if len(m.Pins[i].Via) > 0 {
			t.Fatalf("not cut: %+v", m.Pins[i])
		}
		m.Pins[i].Via = report.Pins[i].Via
	}
	if !reflect.DeepEqual(m.Pins, report.Pins) {
		t.Error("more was cut")
	}
}

func TestSpreadFails(t *testing.T) {
	if _, _, err := Spread(large(100), "salt", 1, roomFor(1000)); err == nil || !strings.Contains(err.Error(), "100 pins") {
		t.Errorf("got %v", err)
	}
}

// Splitting and joining any lists gives the same lists.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOf(rapid.IntRange(1, chunk)).Draw(t, "sizes")
		parts := split(sizes, func(size int) int { return size })
		if got := slices.Concat(parts...); !slices.Equal(got, sizes) {
			t.Fatalf("got %v", parts)
		}
		for _, part := range parts {
			sum := 0
			for _, size := range part[1:] {
				sum += size
			}
			if sum > chunk {
				t.Fatalf("%v is too much", part)
			}
		}
	})
}
