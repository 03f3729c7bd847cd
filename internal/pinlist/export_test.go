package pinlist

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

func publishedOf(t *testing.T, cluster string, pins int) Published {
	t.Helper()
	objects, _ := publish(t, planOf(pins, 1), 40_000)
	l, err := Decode("registry-pins", objects)
	if err != nil {
		t.Fatal(err)
	}
	return Published{List: l, Cluster: cluster, Namespace: "pinsync-system"}
}

func TestRender(t *testing.T) {
	static, err := ReadStatic(strings.NewReader("\ufeff# by hand\n\ncontainer/base==V1 # kept\r\ncontainer/app-0==v0\n"), "f", FormatPins)
	if err != nil {
		t.Fatal(err)
	}
	e := Union([]Published{publishedOf(t, "east", 2), publishedOf(t, "west", 1)}, static)
	e.Images = append(e.Images, "g.io/o/app-1:v0.1", "g.io:5000/o/app-1:v1")
	tests := map[Format]string{
		FormatPins:   "container/app-0==v0\ncontainer/app-1==v0\ncontainer/base==V1\ncontainer/base==v1\n",
		FormatImages: "g.io/o/app-0:v0\ng.io/o/app-1:v0\ng.io/o/app-1:v0.1\ng.io:5000/o/app-1:v1\n",
		FormatRegex:  "g.io/o/app-0\t^(v0)$\ng.io/o/app-1\t^(v0|v0\\.1)$\ng.io:5000/o/app-1\t^(v1)$\n",
	}
	for format, want := range tests {
		if got, err := Render(e, format); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", format, got, err, want)
		}
	}
	var decoded v1alpha1.PinExport
	text, err := Render(e, FormatJSON)
	if err != nil || json.Unmarshal([]byte(text), &decoded) != nil || len(decoded.Pins) != 4 ||
		len(decoded.Lists) != 3 || decoded.Lists[0] != (v1alpha1.ExportedList{
		Cluster: "east", Namespace: "pinsync-system", Name: "registry-pins", SyncedAt: "2026-06-02T12:00:00Z", Pins: 2,
	}) {
		t.Errorf("json: %v in %s", err, text)
	}
	if text, err := Render(Union(nil, &Static{}), FormatPins); err != nil || text != "" {
		t.Errorf("nothing is printed as %q, %v", text, err)
	}
}

// A pattern matches the tags that it was made of, and no others.
func TestPatternsMatchTheirTagsAlone(t *testing.T) {
	tag := rapid.StringMatching(`[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.SliceOfNDistinct(tag, 1, 5, rapid.ID).Draw(t, "tags")
		var images []string
		for _, tag := range tags {
			images = append(images, "g.io/o/app:"+tag)
		}
		lines := patterns(images)
		repository, pattern, _ := strings.Cut(lines[0], "\t")
		if len(lines) != 1 || repository != "g.io/o/app" {
			t.Fatalf("the lines are %q", lines)
		}
		re := regexp.MustCompile(pattern)
		for _, tag := range tags {
			if !re.MatchString(tag) {
				t.Errorf("%s does not match %s", pattern, tag)
			}
		}
		if other := tag.Draw(t, "other"); re.MatchString(other) != slices.Contains(tags, other) {
			t.Errorf("%s matches %s", pattern, other)
		}
		if re.MatchString("x"+tags[0]) && !slices.Contains(tags, "x"+tags[0]) {
			t.Errorf("%s is not anchored", pattern)
		}
	})
}

func TestReadStaticRefuses(t *testing.T) {
	tests := map[string]struct {
		text   string
		format Format
		want   string
	}{
		"no pin":   {"container/a==1\nstaging\n", FormatPins, `static.txt: line 2: "staging" is not a pin`},
		"no image": {"container/a==1", FormatRegex, `static.txt: line 1: "container/a==1" is not an image`},
		"no tag":   {"g.io/a", FormatImages, `static.txt: line 1: "g.io/a" is not an image with a tag`},
		"a hash":   {"container/a==1#2", FormatPins, `static.txt: line 1: "container/a==1#2" is not a pin`},
		"old Macs": {"# by hand\rcontainer/a==1\r", FormatPins, "static.txt: line 1: ends with a carriage return alone"},
	}
	for name, test := range tests {
		if _, err := ReadStatic(strings.NewReader(test.text), "static.txt", test.format); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	if s, err := ReadStatic(strings.NewReader("g.io/a:1\ng.io/b:V1\n"), "f", FormatImages); err != nil || !slices.Equal(s.Images, []string{"g.io/a:1", "g.io/b:V1", "g.io/b:v1"}) {
		t.Errorf("got %v, %v", s, err)
	}
}

// recorded is the state of an export of a list that has pins of these namespaces, and some whose
// owners are not known.
func recorded(namespaces map[string]int, unknown int) *v1alpha1.ExportState {
	pins := unknown
	for _, n := range namespaces {
		pins += n
	}
	return &v1alpha1.ExportState{ExportedAt: "2026-06-02T12:00:00Z", Lists: []v1alpha1.RecordedList{{
		ExportedList: v1alpha1.ExportedList{Cluster: "east", Name: "registry-pins", Pins: pins}, Namespaces: namespaces, OwnersUnknown: unknown,
	}}}
}

type byNamespace = map[string]int

func TestCheckShrink(t *testing.T) {
	tests := map[string]struct {
		last, now *v1alpha1.ExportState
		percent   int
		want      string
	}{
		"the first":           {&v1alpha1.ExportState{}, recorded(byNamespace{"a": 1}, 0), 50, ""},
		"as before":           {recorded(byNamespace{"a": 4}, 0), recorded(byNamespace{"a": 4}, 0), 0, ""},
		"grown":               {recorded(byNamespace{"a": 4}, 0), recorded(byNamespace{"a": 8, "b": 1}, 0), 0, ""},
		"one fewer":           {recorded(byNamespace{"a": 4}, 0), recorded(byNamespace{"a": 3}, 0), 50, ""},
		"one fewer, none may": {recorded(byNamespace{"a": 4}, 0), recorded(byNamespace{"a": 3}, 0), 0, "namespace a had 4 pins and has 3 now"},
		"halved":              {recorded(byNamespace{"a": 4}, 0), recorded(byNamespace{"a": 2}, 0), 50, "namespace a had 4 pins and has 2 now"},
		"emptied":             {recorded(byNamespace{"a": 4}, 0), recorded(byNamespace{}, 0), 50, "namespace a had 4 pins and has 0 now; 100 % of the pins of its 1 namespace are lost on average"},
		"emptied, any may":    {recorded(byNamespace{"a": 4}, 0), recorded(byNamespace{}, 0), 100, ""},
		"thirds":              {recorded(byNamespace{"a": 3, "b": 3, "c": 3}, 0), recorded(byNamespace{"a": 2, "b": 2, "c": 2}, 0), 33, "33 % of the pins of its 3 namespaces are lost"},
		"a tenant is noisy":   {recorded(byNamespace{"noisy": 1000, "b": 2, "c": 2}, 0), recorded(byNamespace{"b": 2, "c": 2}, 0), 50, ""},
		"and hides the others": {
			recorded(byNamespace{"noisy": 10, "b": 2, "c": 2}, 0), recorded(byNamespace{"noisy": 1000}, 0), 50,
			"namespace b had 2 pins and has 0 now, namespace c had 2 pins and has 0 now; 67 % of the pins of its 3 namespaces are lost on average: " +
				"if that is meant, export once with --max-shrink 100",
		},
		"noisy, report is older":    {recorded(byNamespace{"noisy": 1000, "b": 2, "c": 2}, 0), recorded(byNamespace{"b": 2, "c": 2}, 9), 50, ""},
		"earlier version":           {recorded(nil, 4), recorded(byNamespace{"a": 2}, 0), 50, "it had 4 pins and has 2 now"},
		"earlier version, grown":    {recorded(nil, 4), recorded(byNamespace{"a": 5}, 0), 0, ""},
		"no report":                 {recorded(byNamespace{"a": 4}, 0), recorded(nil, 4), 50, ""},
		"no report, halved":         {recorded(byNamespace{"a": 4}, 0), recorded(nil, 2), 50, "it had 4 pins and has 2 now"},
		"some unknown before":       {recorded(byNamespace{"a": 2}, 8), recorded(byNamespace{"a": 2}, 0), 50, "it had 10 pins and has 2 now"},
		"some unknown now":          {recorded(byNamespace{"a": 4, "b": 4}, 0), recorded(byNamespace{}, 8), 50, "namespace a had 4"},
		"unknown ones become known": {recorded(byNamespace{"a": 2}, 8), recorded(byNamespace{"a": 2, "b": 8}, 0), 50, ""},
	}
	for name, test := range tests {
		err := CheckShrink(test.last, test.now, nil, test.percent)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	many := byNamespace{}
	for i := range 30 {
		many[strconv.Itoa(i)] = 1
	}
	if err := CheckShrink(recorded(many, 0), recorded(byNamespace{}, 0), nil, 50); err == nil || !strings.Contains(err.Error(), ", and 20 more namespaces;") {
		t.Errorf("many namespaces: %v", err)
	}
	// A cluster that is not asked any more is missed, too.
	if err := CheckShrink(recorded(byNamespace{"a": 1}, 0), &v1alpha1.ExportState{}, nil, 50); err == nil || !strings.Contains(err.Error(), "registry-pins of east has lost pins") {
		t.Errorf("a cluster was left out: %v", err)
	}
	// So are pins that were kept by hand: their file may have been cut short.
	static := &Static{Name: "static.txt", Pins: []string{"container/a==1", "container/b==1"}}
	before := State(Union(nil, static), nil, noon)
	static.Pins = nil
	if err := CheckShrink(before, State(Union(nil, static), nil, noon), nil, 50); err == nil || !strings.Contains(err.Error(), "static.txt has lost pins") {
		t.Errorf("the static file was left out: %v", err)
	}
}

// Pins are counted by the namespaces of all of their owners, and a report of an earlier plan has
// not all pins.
func TestStateByNamespace(t *testing.T) {
	p := publishedOf(t, "east", 4)
	owned := func(state v1alpha1.PinState, i string, needed []string, held ...string) v1alpha1.Pin {
		entry := v1alpha1.Pin{Pin: "container/app-" + i + "==v0", Image: "g.io/o/app-" + i + ":v0", State: state, NeededBy: needed}
		for _, owner := range held {
			entry.HeldFor = append(entry.HeldFor, v1alpha1.Hold{Owner: owner})
		}
		return entry
	}
	p.Report = &v1alpha1.PinReport{Pins: []v1alpha1.Pin{
		owned(v1alpha1.PinNeeded, "0", []string{"HelmRelease/a/x", "HelmRelease/a/y", "HelmRelease/b/x"}, "HelmRelease/c/x", "+"),
		owned(v1alpha1.PinHeld, "1", nil, "HelmRelease/a/x"),
		owned(v1alpha1.PinHeld, "2", nil, "*"),
		owned(v1alpha1.PinNeeded, "removed", []string{"HelmRelease/d/x"}),
	}}
	lists := []Published{p}
	l := State(Union(lists, &Static{}), lists, noon).Lists[0]
	if want := (byNamespace{"a": 2, "b": 1, "c": 1}); !maps.Equal(l.Namespaces, want) || l.OwnersUnknown != 2 || l.Pins != 4 {
		t.Errorf("got %+v, want %v", l, want)
	}
	lists[0].Report = nil
	if l := State(Union(lists, &Static{}), lists, noon).Lists[0]; l.Namespaces != nil || l.Pins != 4 {
		t.Errorf("without a report, got %+v", l)
	}
}

func TestReadState(t *testing.T) {
	text, err := json.Marshal(State(Union([]Published{publishedOf(t, "east", 4)}, &Static{}), nil, noon.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ReadState(text); err != nil || s.Lists[0].Pins != 4 || s.ExportedAt != "2026-06-02T13:00:00Z" {
		t.Errorf("got %v, %v", s, err)
	}
	for _, broken := range []string{"", "{}", "[]", `{"apiVersion":"v1","kind":"Secret"}`} {
		if s, err := ReadState([]byte(broken)); err == nil {
			t.Errorf("%q is read as %v", broken, s)
		}
	}
}
