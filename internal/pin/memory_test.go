package pin

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

func TestRecallKnowsWhatWasWritten(t *testing.T) {
	report := Plan(&Snapshot{Releases: []Release{sleeping("a", "g.io/o/a:V1"), sleeping("b", "h.io/o/a:v1")}}, Options{})
	text, err := JSON(report)
	if err != nil {
		t.Fatal(err)
	}
	m := Recall([]Part{{Lines: Lines(report), Report: text}})
	if m.Forgotten || len(m.Pins) != 3 || !reflect.DeepEqual(m.Pins, report.Pins) {
		t.Errorf("recalled %+v from %s", m, text)
	}
}

// What was written by other versions, or by somebody's hand, is read as far as it
// can be; no pin is lost, and what is not known any more is said.
func TestRecall(t *testing.T) {
	const lines = "container/a==1\ncontainer/b==1\n"
	pins := func(entries ...string) string { return `{"pins":[` + strings.Join(entries, ",") + `]}` }
	entry := func(name, rest string) string {
		return `{"pin":"container/` + name + `==1","image":"g.io/o/` + name + `:1"` + rest + `}`
	}
	whole := pins(entry("a", `,"state":"Needed","neededBy":["x/y"]`), entry("b", ""))
	tests := map[string]struct {
		objects   []Part
		want      string
		forgotten bool
	}{
		"nothing":               {nil, "", true},
		"an empty list":         {[]Part{{Lines: "", Report: `{"pins":[]}`}}, "", false},
		"whole":                 {[]Part{{Lines: lines, Report: whole}}, lines, false},
		"unknown fields":        {[]Part{{Lines: lines, Report: strings.Replace(whole, `"state"`, `"more":{"a":[1]},"state"`, 1)}}, lines, false},
		"other problems":        {[]Part{{Lines: lines, Report: strings.Replace(whole, `{`, `{"problems":["a"],"releases":7,`, 1)}}, lines, false},
		"other holders":         {[]Part{{Lines: lines, Report: strings.Replace(whole, `"state"`, `"heldFor":["x/y"],"state"`, 1)}}, lines, true},
		"other pins":            {[]Part{{Lines: lines, Report: `{"pins":{"a":1}}`}}, lines, true},
		"cut off":               {[]Part{{Lines: lines, Report: whole[:40]}}, lines, true},
		"no report":             {[]Part{{Lines: lines, Report: ""}}, lines, true},
		"said so before":        {[]Part{{Lines: lines, Report: strings.Replace(whole, `{`, `{"forgotten":true,`, 1)}}, lines, true},
		"a line too many":       {[]Part{{Lines: lines + "container/z==1\n", Report: whole}}, lines + "container/z==1\n", true},
		"a line too few":        {[]Part{{Lines: "", Report: whole}}, lines, false},
		"no pins in between":    {[]Part{{Lines: "# note\n\nx\ncontainer/z==1\ncontainer/y==\n", Report: ""}}, "container/z==1\n", true},
		"no pins in the report": {[]Part{{Lines: "", Report: pins(`{"pin":"x\ny==1","image":"g.io/o/a:1"}`, `{"pin":"container/a==1","image":"x y"}`)}}, "", false},
		"no end":                {[]Part{{Lines: "container/z==1", Report: ""}}, "container/z==1\n", true},
		"two objects":           {[]Part{{Lines: "container/a==1\n", Report: pins(entry("a", ""))}, {Lines: "container/b==1\n", Report: pins(entry("b", ""))}}, lines, false},
		"one of two is broken":  {[]Part{{Lines: "container/a==1\n", Report: pins(entry("a", ""))}, {Lines: "container/b==1\n", Report: "{"}}, lines, true},
	}
	for name, test := range tests {
		m := Recall(test.objects)
		if got := Lines(&v1alpha1.PinReport{Pins: m.Pins}); got != test.want || m.Forgotten != test.forgotten {
			t.Errorf("%s: got %q, forgotten %t; want %q, %t", name, got, m.Forgotten, test.want, test.forgotten)
		}
	}
}

// A line that no report explains gets its images from the list of images.
func TestRecallFindsImages(t *testing.T) {
	m := Recall([]Part{{
		Lines: "container/a/b==1\ncontainer/c==1\n", Images: "g.io/o/a/b:1\nh.io/a/b:1\ng.io/o/b:1\ng.io/o/a/b:2\ng.io/o/xa/b:1\n",
	}})
	var got []string
	for i := range m.Pins {
		got = append(got, m.Pins[i].Pin+" "+m.Pins[i].Image)
	}
	if want := []string{"container/a/b==1 g.io/o/a/b:1", "container/a/b==1 h.io/a/b:1", "container/c==1 "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What somebody wrote who keeps the list, too, replaces what was known. What somebody has
// removed or broken does not.
func TestReread(t *testing.T) {
	pin := func(name string) v1alpha1.Pin {
		return v1alpha1.Pin{Pin: "container/" + name + "==1", Image: "g.io/o/" + name + ":1"}
	}
	known := Memory{Pins: []v1alpha1.Pin{pin("a")}}
	for name, test := range map[string]struct {
		read      Memory
		isNewer   bool
		want      string
		forgotten bool
	}{
		"newer":             {Memory{Pins: []v1alpha1.Pin{pin("b")}}, true, "container/b==1\n", false},
		"older":             {Memory{Pins: []v1alpha1.Pin{pin("b")}}, false, "container/a==1\ncontainer/b==1\n", false},
		"gone":              {Memory{Forgotten: true}, true, "container/a==1\n", false},
		"broken":            {Memory{Pins: []v1alpha1.Pin{pin("a")}, Forgotten: true}, true, "container/a==1\n", false},
		"lines alone":       {Memory{Pins: []v1alpha1.Pin{{Pin: "container/a==1"}}, Forgotten: true}, true, "container/a==1\n", false},
		"broken, with more": {Memory{Pins: []v1alpha1.Pin{pin("b")}, Forgotten: true}, true, "container/a==1\ncontainer/b==1\n", true},
	} {
		got := known.Reread(test.read, test.isNewer)
		if lines := Lines(&v1alpha1.PinReport{Pins: got.Pins}); lines != test.want || got.Forgotten != test.forgotten {
			t.Errorf("%s: got %q, forgotten %t; want %q, %t", name, lines, got.Forgotten, test.want, test.forgotten)
		}
	}
}

// Of two entries of one pin, what keeps it longer counts.
func TestRecallMerges(t *testing.T) {
	const one = `{"pins":[{"pin":"container/a==1","image":"g.io/o/a:1","state":"Held","heldSince":"2026-01-01T00:00:00Z",
		"heldFor":[{"release":"x/a","safeSince":"2026-01-02T00:00:00Z"},{"release":"x/b","safeSince":"2026-01-02T00:00:00Z"}]}]}`
	const other = `{"pins":[{"pin":"container/a==1","image":"g.io/o/a:1","state":"Needed","neededBy":["x/d"],
		"heldFor":[{"release":"x/a","safeSince":null},{"release":"x/b","safeSince":"2026-01-03T00:00:00Z"},{"release":"x/c","safeSince":null}]}]}`
	for _, objects := range [][]Part{{{Report: one}, {Report: other}}, {{Report: other}, {Report: one}}} {
		m := Recall(objects)
		if len(m.Pins) != 1 {
			t.Fatalf("got %+v", m.Pins)
		}
		text, err := json.Marshal([]any{m.Pins[0].State, m.Pins[0].NeededBy, m.Pins[0].HeldFor})
		const want = `["Needed",["x/d"],[{"release":"x/a","safeSince":null},{"release":"x/b","safeSince":"2026-01-03T00:00:00Z"},{"release":"x/c","safeSince":null}]]`
		if err != nil || string(text) != want {
			t.Errorf("got %s, %v; want %s", text, err, want)
		}
	}
}

// What is recalled from anything at all are pins.
func FuzzRecall(f *testing.F) {
	f.Add("container/a==1\n", "g.io/o/a:1\ng.io/a:1\n", `{"pins":[{"pin":"container/b==1","image":"g.io/o/b:1"}]}`)
	f.Add("x\n\n==", "/", `{"pins":[{"pin":"a\nb","image":""}]}`)
	f.Fuzz(func(t *testing.T, lines, images, report string) {
		seen := map[line]bool{}
		for _, pin := range Recall([]Part{{lines, images, report}}).Pins {
			if err := Check(pin.Pin); err != nil {
				t.Error(err)
			}
			if l := (line{pin.Pin, pin.Image}); seen[l] {
				t.Errorf("%v is there twice", l)
			} else {
				seen[l] = true
			}
		}
	})
}
