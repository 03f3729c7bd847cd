package list

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

var noon = time.Date(2026, 6, 2, 12, 0, 0, 0, time.UTC)

// plan is a report of as many pins of as many releases.
func plan(pins int) *v1alpha1.PinReport {
	s := &pin.Snapshot{Taken: noon}
	for i := range pins {
		name := fmt.Sprint("app-", i)
		s.Releases = append(s.Releases, pin.Release{
			Name: pin.Name{Namespace: "apps", Name: name}, Suspended: true,
			Found: pin.Find([]pin.Content{{Path: "spec.values", Value: map[string]any{"image": "g.io/o/" + name + ":v" + strconv.Itoa(i)}}}),
		})
	}
	return pin.Plan(s, pin.Options{})
}

// publish puts a report into objects as the controller does.
func publish(t rapid.TB, report *v1alpha1.PinReport, room int) []Object {
	t.Helper()
	parts, _, err := pin.Spread(report, "salt", 1, func(int) int { return room })
	if err != nil {
		t.Fatal(err)
	}
	var objects []Object
	var held []map[string]string
	for i, part := range parts {
		objects = append(objects, Object{
			Name: ObjectName("registry-pins", i),
			Data: map[string]string{
				"registry-pins.txt": part.Lines, "images.txt": part.Images, "report.json": part.Report, "theirs": "x",
			},
			Annotations: map[string]string{
				"pinsync.oleks.space/checksum": Checksum(part.Lines), "pinsync.oleks.space/complete": "true",
				"pinsync.oleks.space/pins":      strconv.Itoa(strings.Count(part.Lines, "\n")),
				"pinsync.oleks.space/shard":     Shard(i, len(parts)),
				"pinsync.oleks.space/synced-at": noon.Format(time.RFC3339),
			},
		})
		held = append(held, objects[i].Data)
	}
	if len(parts) > 1 {
		objects[0].Annotations["pinsync.oleks.space/shards"] = Digest(held[1:])
	}
	return objects
}

// A list that was published is read as it was, from however many objects, in any order.
func TestReadPublished(t *testing.T) {
	for _, pins := range []int{0, 1, 300} {
		report := plan(pins)
		objects := publish(t, report, 40_000)
		if pins == 300 && len(objects) < 4 {
			t.Fatalf("300 pins are in %d objects, which tests too little", len(objects))
		}
		slices.Reverse(objects)
		l, err := Read("registry-pins", objects)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Doubt(noon.Add(time.Minute), 15*time.Minute); err != nil {
			t.Error(err)
		}
		if pin.Lines(l.Report) != pin.Lines(report) || len(l.Report.Releases) != len(report.Releases) {
			t.Errorf("%d pins: read %d of %d releases", pins, len(l.Report.Pins), len(l.Report.Releases))
		}
	}
}

// Whatever is wrong with a list, it is refused, with a line that says what.
func TestReadRefuses(t *testing.T) {
	annotate := func(key, value string) func([]Object) []Object {
		return func(objects []Object) []Object {
			objects[1].Annotations["pinsync.oleks.space/"+key] = value
			return objects
		}
	}
	edit := func(key, before, after string) func([]Object) []Object {
		return func(objects []Object) []Object {
			objects[0].Data[key] = strings.Replace(objects[0].Data[key], before, after, 1)
			return objects
		}
	}
	// resum is somebody who knows of the checksum, too.
	resum := func(change func(lines string) string) func([]Object) []Object {
		return func(objects []Object) []Object {
			lines := change(objects[0].Data["registry-pins.txt"])
			objects[0].Data["registry-pins.txt"] = lines
			objects[0].Annotations["pinsync.oleks.space/checksum"] = Checksum(lines)
			objects[0].Annotations["pinsync.oleks.space/pins"] = strconv.Itoa(strings.Count(lines, "\n"))
			return objects
		}
	}
	tests := map[string]struct {
		damage func([]Object) []Object
		want   string
	}{
		"no object":           {func([]Object) []Object { return nil }, "there is no list registry-pins"},
		"a shard missing":     {func(o []Object) []Object { return o[:3] }, "in 3 of its 4 ConfigMaps"},
		"the first missing":   {func(o []Object) []Object { return o[1:] }, "in 3 of its 4 ConfigMaps"},
		"a shard twice":       {func(o []Object) []Object { return append(o[:3:3], o[1]) }, "registry-pins-1 is there twice"},
		"no shard":            {annotate("shard", ""), `shard is "", want 1/4`},
		"another shard":       {annotate("shard", "2/4"), `shard is "2/4", want 1/4`},
		"fewer shards":        {annotate("shard", "1/2"), "in 4 of its 2 ConfigMaps"},
		"an odd shard":        {annotate("shard", "1/04"), `shard is "1/04"`},
		"no checksum":         {annotate("checksum", ""), "the checksum of registry-pins.txt is sha256:"},
		"another count":       {annotate("pins", "7"), `its annotation says "7"`},
		"no time":             {annotate("synced-at", "today"), `synced-at is "today"`},
		"no completeness":     {annotate("complete", ""), `complete is "", want true or false`},
		"a line edited":       {edit("registry-pins.txt", "==v", "==w"), "the checksum of registry-pins.txt is"},
		"two lines in one":    {edit("registry-pins.txt", "\n", ""), "the checksum of registry-pins.txt is"},
		"an image edited":     {edit("images.txt", ":v", ":w"), "images.txt does not say what report.json says"},
		"the report edited":   {edit("report.json", `==v`, `==w`), "registry-pins.txt does not say what report.json says"},
		"the report broken":   {edit("report.json", `{`, ``), "report.json is not a report"},
		"removed and summed":  {resum(func(s string) string { return s[strings.IndexByte(s, '\n')+1:] }), "does not say what report.json says"},
		"unsorted and summed": {resum(func(s string) string { return s + s }), "is not sorted"},
		"no end and summed":   {resum(func(s string) string { return strings.TrimSuffix(s, "\n") }), "does not end with a line feed"},
		"no pin and summed":   {resum(func(s string) string { return "container/x\n" + s }), `"container/x" is not a pin`},
		"a shard of before": {func(o []Object) []Object {
			return []Object{o[0], publish(t, plan(299), 40_000)[1], o[2], o[3]}
		}, "are not those of one write"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			objects := publish(t, plan(300), 50_000)
			if len(objects) != 4 {
				t.Fatalf("there are %d objects, the test wants 4", len(objects))
			}
			l, err := Read("registry-pins", test.damage(objects))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, %v; want an error with %q", l, err, test.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has more than a line", err)
			}
		})
	}
}

// A list may be whole and still lack a pin.
func TestDoubt(t *testing.T) {
	objects := publish(t, plan(1), 40_000)
	tests := map[string]struct {
		complete string
		after    time.Duration
		want     string
	}{
		"fresh":            {"true", 15 * time.Minute, ""},
		"slightly ahead":   {"true", -time.Minute, ""},
		"old":              {"true", 15*time.Minute + time.Second, "15m1s ago, which is more than 15m0s"},
		"of times to come": {"true", -time.Minute - time.Second, "1m1s from now"},
		"incomplete":       {"false", 0, "the list registry-pins is incomplete"},
	}
	for name, test := range tests {
		objects[0].Annotations["pinsync.oleks.space/complete"] = test.complete
		l, err := Read("registry-pins", objects)
		if err != nil {
			t.Fatal(err)
		}
		err = l.Doubt(noon.Add(test.after), 15*time.Minute)
		if got := fmt.Sprint(err); !strings.Contains(got, test.want) || (err == nil) != (test.want == "") {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// The oldest of a list's objects says how old it is.
func TestAgeOfShards(t *testing.T) {
	objects := publish(t, plan(300), 40_000)
	objects[2].Annotations["pinsync.oleks.space/synced-at"] = noon.Add(-time.Hour).Format(time.RFC3339)
	l, err := Read("registry-pins", objects)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Doubt(noon, 15*time.Minute); err == nil {
		t.Error("a shard is an hour old, and the list counts as fresh")
	}
}

func TestFind(t *testing.T) {
	mine, others := publish(t, plan(300), 40_000), publish(t, plan(2), 40_000)
	others[0].Name = "other-pins"
	both := slices.Concat(mine, others)
	lists, err := Find([]string{"registry-pins", "other-pins"}, both)
	if err != nil || len(lists) != 2 || len(lists[1].Report.Pins) != 2 {
		t.Errorf("got %v, %v", lists, err)
	}
	if _, err := Find([]string{"registry-pins"}, both); err == nil || !strings.Contains(err.Error(), "ConfigMap other-pins") {
		t.Errorf("a list that nobody named was left out: %v", err)
	}
	if _, err := Find([]string{"registry-pins", "third"}, mine); err == nil || !strings.Contains(err.Error(), "there is no list third") {
		t.Errorf("a list that is not there was left out: %v", err)
	}
}

// Whoever changes a byte of what is published is found out, or has changed nothing that
// an export would print.
func TestEveryByteCounts(t *testing.T) {
	report := plan(3)
	rapid.Check(t, func(t *rapid.T) {
		object := publish(t, report, 40_000)[0]
		key := rapid.SampledFrom(Keys()).Draw(t, "key")
		text := []byte(object.Data[key])
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		object.Data[key] = string(text)
		l, err := Read("registry-pins", []Object{object})
		if err == nil && (pin.Lines(l.Report) != pin.Lines(report) || pin.Images(l.Report) != pin.Images(report)) {
			t.Fatalf("%s was changed to %q, and is read as %v", key, text, l.Report)
		}
	})
}

// A list whose name is that of another one's shard is found, in whatever order they are
// named.
func TestFindAlikeNames(t *testing.T) {
	first, second := publish(t, plan(1), 40_000)[0], publish(t, plan(2), 40_000)[0]
	first.Name, second.Name = "pins", "pins-1"
	for _, names := range [][]string{{"pins", "pins-1"}, {"pins-1", "pins"}} {
		if lists, err := Find(names, []Object{first, second}); err != nil || len(lists) != 2 {
			t.Errorf("%v: got %v, %v", names, lists, err)
		}
	}
}
