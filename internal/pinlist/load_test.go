package pinlist

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// listWith is an object of the list with these pins and, as the version before wrote it, a
// report.
func listWith(shard int, of, lines, report string) Object {
	o := Object{
		Name:        ObjectName("registry-pins", shard),
		Data:        map[string]string{v1alpha1.PinsKey: lines},
		Annotations: map[string]string{v1alpha1.ShardAnnotation: of},
	}
	if report != "" {
		o.Data[v1alpha1.ReportKey] = report
	}
	return o
}

// What was written by other versions, or by hand, is loaded as far as it can be read; no pin
// is lost, and where the owners are not known that is set.
func TestLoadWhatOthersWrote(t *testing.T) {
	const lines = "container/a==1\ncontainer/b==1\n"
	pins := func(entries ...string) string { return `{"pins":[` + strings.Join(entries, ",") + `]}` }
	entry := func(name, rest string) string {
		return `{"pin":"container/` + name + `==1","image":"g.io/o/` + name + `:1"` + rest + `}`
	}
	whole := pins(entry("a", `,"state":"Needed","neededBy":["x/y"]`), entry("b", ""))
	one := func(lines, report string) []Object { return []Object{listWith(0, "0/1", lines, report)} }
	two := func(report string) []Object {
		objects := []Object{
			listWith(0, "0/2", "container/a==1\n", pins(entry("a", ""))), listWith(1, "1/2", "container/b==1\n", report),
		}
		objects[0].Annotations[v1alpha1.ShardsAnnotation] = digest(objects[1:])
		return objects
	}
	tests := map[string]struct {
		list          []Object
		want          string
		ownersUnknown bool
	}{
		"nothing":               {nil, "", false},
		"an empty list":         {one("", `{"pins":[]}`), "", false},
		"whole":                 {one(lines, whole), lines, false},
		"unknown fields":        {one(lines, strings.Replace(whole, `"state"`, `"more":{"a":[1]},"state"`, 1)), lines, false},
		"other problems":        {one(lines, strings.Replace(whole, `{`, `{"problems":["a"],"releases":7,`, 1)), lines, false},
		"other owners":          {one(lines, strings.Replace(whole, `"state"`, `"heldFor":["x/y"],"state"`, 1)), lines, true},
		"owners of no form":     {one(lines, strings.Replace(whole, `x/y`, `x`, 1)), lines, true},
		"other pins":            {one(lines, `{"pins":{"a":1}}`), lines, true},
		"cut off":               {one(lines, whole[:40]), lines, true},
		"no report":             {one(lines, ""), lines, true},
		"unknown before":        {one(lines, strings.Replace(whole, `{`, `{"ownersUnknown":true,`, 1)), lines, true},
		"unknown before, older": {one(lines, strings.Replace(whole, `{`, `{"forgotten":true,`, 1)), lines, true},
		"a line too many":       {one(lines+"container/z==1\n", whole), lines + "container/z==1\n", true},
		"a line too few":        {one("", whole), lines, false},
		"no pins in between":    {one("# note\n\nx\ncontainer/z==1\ncontainer/y==\n", ""), "container/z==1\n", true},
		"no pins in the report": {one("", pins(`{"pin":"x\ny==1","image":"g.io/o/a:1"}`, `{"pin":"container/a==1","image":"x y"}`)), "", false},
		"no end":                {one("container/z==1", ""), "container/z==1\n", true},
		"two objects":           {two(pins(entry("b", ""))), lines, false},
		"one of two is broken":  {two("{"), lines, true},
		"one of two is missing": {two(pins(entry("b", "")))[:1], "container/a==1\n", true},
		"written by hand":       {[]Object{{Name: "registry-pins", Data: map[string]string{v1alpha1.PinsKey: lines}}}, lines, true},
	}
	for name, test := range tests {
		m := Load("registry-pins", test.list, nil)
		if got := Lines(m.Pins); got != test.want || m.OwnersUnknown != test.ownersUnknown {
			t.Errorf("%s: got %q, owners unknown %t; want %q, %t", name, got, m.OwnersUnknown, test.want, test.ownersUnknown)
		}
	}
}

// After a crash between the writes of the list and its report, or where one of them was
// removed or damaged, the pins of both are loaded, and the owners are not known.
func TestLoadAfterCrash(t *testing.T) {
	before, after := planOf(2, 2), planOf(3, 1) // one release more, and a pin less of each
	list, report := publish(t, before, 900_000)
	next, err := Encode("registry-pins", after.Pins, Stamp{Plan: "later"}, layout(900_000))
	if err != nil {
		t.Fatal(err)
	}
	sameAgain, err := Encode("registry-pins", before.Pins, Stamp{Plan: "later"}, layout(900_000))
	if err != nil {
		t.Fatal(err)
	}
	_, large := publish(t, planOf(100, 10), 60_000)
	both := Lines(append(slices.Clone(before.Pins), after.Pins...))
	for name, test := range map[string]struct {
		list, report  []Object
		want          string
		ownersUnknown bool
	}{
		"both written":               {list, report, Lines(before.Pins), false},
		"the report is of before":    {next, report, both, true},
		"the pins are the same":      {sameAgain, report, Lines(before.Pins), true},
		"the report is missing":      {list, nil, Lines(before.Pins), true},
		"the list is missing":        {nil, report, Lines(before.Pins), true},
		"a part of a report is left": {list, large[1:2], "", true},
	} {
		m := Load("registry-pins", test.list, test.report)
		if got := Lines(m.Pins); m.OwnersUnknown != test.ownersUnknown || test.want != "" && got != test.want {
			t.Errorf("%s: got %q, owners unknown %t; want %q, %t", name, got, m.OwnersUnknown, test.want, test.ownersUnknown)
		}
	}
}

// A line that no report has gets its images from the list of images.
func TestLoadFindsImages(t *testing.T) {
	list := listWith(0, "0/1", "container/a/b==1\ncontainer/c==1\n", "")
	list.Data[v1alpha1.ImagesKey] = "g.io/o/a/b:1\nh.io/a/b:1\ng.io/o/b:1\ng.io/o/a/b:2\ng.io/o/xa/b:1\n"
	var got []string
	for _, p := range Load("registry-pins", []Object{list}, nil).Pins {
		got = append(got, p.Pin+" "+p.Image)
	}
	if want := []string{"container/a/b==1 g.io/o/a/b:1", "container/a/b==1 h.io/a/b:1", "container/c==1 "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A pin may stand for two images, of which the report has one: after a crash the other is there,
// too, for a list that is read and for one that is continued.
func TestSecondImageOfPin(t *testing.T) {
	before := planOf(1, 1)
	after := planOf(1, 1)
	other := after.Pins[0]
	other.Image = "h.io/o/app-0:v0"
	after.Pins = append(after.Pins, other)
	_, report := publish(t, before, 900_000)
	list, err := Encode("registry-pins", after.Pins, Stamp{Complete: true, Plan: "later"}, layout(900_000))
	if err != nil {
		t.Fatal(err)
	}
	m := Load("registry-pins", list, report)
	if got := Images(m.Pins); got != Images(after.Pins) || !m.OwnersUnknown {
		t.Errorf("loaded %q, owners unknown %t", got, m.OwnersUnknown)
	}
	list[0].Annotations[v1alpha1.SyncedAtAnnotation] = "2026-06-02T12:00:00Z"
	l, r := decodeBoth(t, list, report)
	if got := Images(l.Describe(r)); got != Images(after.Pins) {
		t.Errorf("described %q", got)
	}
}

// What a release ran, and what it is live on, is not taken from the report on another list: the version before, which
// has its report in the list itself, may have seen it suspended again since.
func TestLoadAfterAnEarlierVersion(t *testing.T) {
	const release = `{"kind":"HelmRelease","namespace":"x","name":"a","state":"Suspended","policies":[],"pins":[],"ran":["container/a==1"],"live":["container/a==1"],"problems":[]}`
	const lines, pins = "container/a==1\n", `"pins":[{"pin":"container/a==1","image":"g.io/o/a:1","state":"Needed","neededBy":["x/a"]}]`
	load := func(ofList, plan, ofReport string) v1alpha1.Release {
		list := listWith(0, "0/1", lines, ofList)
		list.Annotations[v1alpha1.PlanAnnotation] = "2"
		report := fmt.Sprintf(`{"list":{"checksum":%q,"plan":%q},"pins":[],"releases":[%s],"problems":[]}`, checksum(lines), plan, ofReport)
		m := Load("registry-pins", []Object{list}, []Object{{
			Name: "registry-pins-report", Data: map[string]string{v1alpha1.ReportKey: report}, Annotations: map[string]string{v1alpha1.ShardAnnotation: "0/1"},
		}})
		if m.OwnersUnknown || len(m.Releases) != 1 {
			t.Fatalf("plan %s: got %+v", plan, m)
		}
		return m.Releases[0]
	}
	known := load(`{`+pins+`,"releases":[{"namespace":"x","name":"a","state":"Suspended"}]}`, "1", strings.Replace(release, "Suspended", "Resuming", 1))
	if known.State != v1alpha1.ReleaseSuspended || known.Ran != nil || known.Live != nil {
		t.Errorf("of the list's own report there is %+v", known)
	}
	for plan, want := range map[string]string{"2": `["container/a==1"] ["container/a==1"]`, "1": `null null`} {
		r := load(`{`+pins+`}`, plan, release)
		ran, err := json.Marshal(r.Ran)
		live, liveErr := json.Marshal(r.Live)
		if got := string(ran) + " " + string(live); errors.Join(err, liveErr) != nil || got != want {
			t.Errorf("the report on plan %s: got %s, want %s", plan, got, want)
		}
	}
}

// Of two entries of one pin, what keeps it longer counts.
func TestLoadMerges(t *testing.T) {
	const one = `{"pins":[{"pin":"container/a==1","image":"g.io/o/a:1","state":"Held","heldSince":"2026-01-01T00:00:00Z",
		"heldFor":[{"release":"x/a","safeSince":"2026-01-02T00:00:00Z"},{"owner":"HelmRelease/x/b","safeSince":"2026-01-02T00:00:00Z"}]}]}`
	const other = `{"pins":[{"pin":"container/a==1","image":"g.io/o/a:1","state":"Needed","neededBy":["x/d"],
		"heldFor":[{"owner":"HelmRelease/x/a","safeSince":null},{"release":"x/b","safeSince":"2026-01-03T00:00:00Z"},{"release":"x/c","safeSince":null}]}]}`
	for _, reports := range [][]string{{one, other}, {other, one}} {
		m := Load("registry-pins", []Object{listWith(0, "0/1", "", reports[0])}, []Object{
			{Name: "registry-pins-report", Data: map[string]string{v1alpha1.ReportKey: reports[1]}},
		})
		if len(m.Pins) != 1 {
			t.Fatalf("got %+v", m.Pins)
		}
		text, err := json.Marshal([]any{m.Pins[0].State, m.Pins[0].NeededBy, m.Pins[0].HeldFor})
		const want = `["Needed",["HelmRelease/x/d"],[{"owner":"HelmRelease/x/a","safeSince":null},` +
			`{"owner":"HelmRelease/x/b","safeSince":"2026-01-03T00:00:00Z"},{"owner":"HelmRelease/x/c","safeSince":null}]]`
		if err != nil || string(text) != want {
			t.Errorf("got %s, %v; want %s", text, err, want)
		}
	}
}

// What is loaded from anything at all are pins, each once.
func FuzzLoad(f *testing.F) {
	f.Add("container/a==1\n", "g.io/o/a:1\ng.io/a:1\n", `{"pins":[{"pin":"container/b==1","image":"g.io/o/b:1"}]}`, "")
	f.Add("x\n\n==", "/", `{"pins":[{"pin":"a\nb","image":""}]}`, `{"list":{"plan":""}}`)
	f.Fuzz(func(t *testing.T, lines, images, embedded, report string) {
		list := listWith(0, "0/1", lines, embedded)
		list.Data[v1alpha1.ImagesKey] = images
		seen := map[[2]string]bool{}
		m := Load("registry-pins", []Object{list}, []Object{{Name: "registry-pins-report", Data: map[string]string{v1alpha1.ReportKey: report}}})
		for _, p := range m.Pins {
			if err := pin.Check(p.Pin); err != nil {
				t.Error(err)
			}
			if key := [2]string{p.Pin, p.Image}; seen[key] {
				t.Errorf("%v is there twice", key)
			} else {
				seen[key] = true
			}
		}
	})
}
