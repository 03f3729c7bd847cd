package pinlist

import (
	"encoding/json"
	"regexp"
	"slices"
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
		FormatPins:   "container/app-0==v0\ncontainer/app-1==v0\ncontainer/base==V1\n",
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
	if err != nil || json.Unmarshal([]byte(text), &decoded) != nil || len(decoded.Pins) != 3 ||
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
	if s, err := ReadStatic(strings.NewReader("g.io/a:1"), "f", FormatImages); err != nil || !slices.Equal(s.Images, []string{"g.io/a:1"}) {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestCheckShrink(t *testing.T) {
	state := func(east, west int) *v1alpha1.ExportState {
		return State(Union([]Published{publishedOf(t, "east", east), publishedOf(t, "west", west)}, &Static{}), noon)
	}
	tests := map[string]struct {
		last, now *v1alpha1.ExportState
		percent   int
		want      string
	}{
		"the first":            {&v1alpha1.ExportState{}, state(1, 1), 50, ""},
		"as before":            {state(4, 4), state(4, 4), 0, ""},
		"grown":                {state(4, 4), state(8, 8), 0, ""},
		"one fewer":            {state(4, 4), state(3, 4), 50, ""},
		"one fewer, none may":  {state(4, 4), state(3, 4), 0, "the list registry-pins of east had 4 pins"},
		"halved":               {state(4, 4), state(2, 4), 50, "the list registry-pins of east had 4 pins at the last export, at 2026-06-02T12:00:00Z, and has 2 now"},
		"empty":                {state(4, 1), state(4, 0), 50, "the list registry-pins of west"},
		"the other has grown":  {state(4, 4), state(2, 40), 50, "the list registry-pins of east"},
		"empty, any may":       {state(4, 4), state(0, 0), 100, ""},
		"nearly all, any less": {state(100, 1), state(2, 1), 99, ""},
	}
	for name, test := range tests {
		err := CheckShrink(test.last, test.now.Lists, test.percent)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	// A cluster that is not asked any more is missed, too, be it one of many pins or of few.
	for _, few := range []int{1, 4, 40} {
		gone := State(Union([]Published{publishedOf(t, "east", 40)}, &Static{}), noon)
		if err := CheckShrink(state(40, few), gone.Lists, 50); err == nil || !strings.Contains(err.Error(), "registry-pins of west had") {
			t.Errorf("a cluster was left out: %v", err)
		}
	}
	// So are pins that were kept by hand: their file may have been cut short.
	static := &Static{Name: "static.txt", Pins: []string{"container/a==1", "container/b==1"}}
	before := State(Union(nil, static), noon)
	static.Pins = nil
	if err := CheckShrink(before, Union(nil, static).Lists, 50); err == nil || !strings.Contains(err.Error(), "static.txt had 2 pins") {
		t.Errorf("the static file was left out: %v", err)
	}
}

func TestReadState(t *testing.T) {
	text, err := json.Marshal(State(Union([]Published{publishedOf(t, "east", 4)}, &Static{}), noon.Add(time.Hour)))
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
