package pinlist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// fourShards is a list that is spread over four objects.
func fourShards(t *testing.T, images int) []Object {
	t.Helper()
	objects, _ := publish(t, planOf(100, images), 12_000)
	if len(objects) != 4 {
		t.Fatalf("there are %d objects, the test wants 4", len(objects))
	}
	return objects
}

// Whatever is wrong with a list, it is refused, with a line that describes it.
func TestDecodeRefuses(t *testing.T) {
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
			objects[0].Annotations["pinsync.oleks.space/checksum"] = checksum(lines)
			objects[0].Annotations["pinsync.oleks.space/pins"] = strconv.Itoa(strings.Count(lines, "\n"))
			return objects
		}
	}
	tests := map[string]struct {
		damage func([]Object) []Object
		want   string
	}{
		"no object":             {func([]Object) []Object { return nil }, "there is no list registry-pins"},
		"a shard missing":       {func(o []Object) []Object { return o[:3] }, "in 3 of its 4 ConfigMaps"},
		"the first missing":     {func(o []Object) []Object { return o[1:] }, "in 3 of its 4 ConfigMaps"},
		"a shard twice":         {func(o []Object) []Object { return append(o[:3:3], o[1]) }, "registry-pins-1 is there twice"},
		"no shard":              {annotate("shard", ""), `shard is "", want 1/4`},
		"another shard":         {annotate("shard", "2/4"), `shard is "2/4", want 1/4`},
		"fewer shards":          {annotate("shard", "1/2"), "in 4 of its 2 ConfigMaps"},
		"an odd shard":          {annotate("shard", "1/04"), `shard is "1/04"`},
		"no checksum":           {annotate("checksum", ""), "the checksum of registry-pins.txt is sha256:"},
		"no checksum of images": {annotate("images-checksum", ""), "the checksum of images.txt is sha256:"},
		"another count":         {annotate("pins", "7"), `its annotation has "7"`},
		"no time":               {annotate("synced-at", "today"), `synced-at is "today"`},
		"no completeness":       {annotate("complete", ""), `complete is "", want true or false`},
		"a line edited":         {edit("registry-pins.txt", "==v", "==w"), "the checksum of registry-pins.txt is"},
		"two lines in one":      {edit("registry-pins.txt", "\n", ""), "the checksum of registry-pins.txt is"},
		"an image edited":       {edit("images.txt", ":v", ":w"), "the checksum of images.txt is"},
		"unsorted and summed":   {resum(func(s string) string { return s + s }), "is not sorted"},
		"no end and summed":     {resum(func(s string) string { return strings.TrimSuffix(s, "\n") }), "does not end with a line feed"},
		"no pin and summed":     {resum(func(s string) string { return "container/x\n" + s }), `"container/x" is not a pin`},
		"a shard of before": {func(o []Object) []Object {
			return []Object{o[0], fourShards(t, 9)[1], o[2], o[3]}
		}, "are not those of one write"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l, err := Decode("registry-pins", test.damage(fourShards(t, 10)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, %v; want an error with %q", l, err, test.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q has more than a line", err)
			}
		})
	}
}

// In the form of the version before, the report in the list's object must have the same pins
// and images.
func TestDecodeRefusesEarlierForm(t *testing.T) {
	for key, want := range map[string]string{
		v1alpha1.ImagesKey: "images.txt does not have the images of report.json",
		v1alpha1.ReportKey: "does not have the",
	} {
		objects := publishBefore(t, planOf(2, 2))
		objects[0].Annotations[v1alpha1.ImagesChecksumAnnotation] = "of a later version"
		if _, err := Decode("registry-pins", objects); err != nil {
			t.Fatal(err)
		}
		objects[0].Data[key] = strings.Replace(objects[0].Data[key], "app-1:v1", "app-1:v9", 1)
		if _, err := Decode("registry-pins", objects); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", key, err, want)
		}
	}
}

// A list may be whole and still lack a pin.
func TestDoubt(t *testing.T) {
	objects, _ := publish(t, planOf(1, 1), 40_000)
	tests := map[string]struct {
		complete string
		after    time.Duration
		want     string
	}{
		"fresh":          {"true", 15 * time.Minute, ""},
		"slightly ahead": {"true", -time.Minute, ""},
		"old":            {"true", 15*time.Minute + time.Second, "15m1s ago, which is more than 15m0s"},
		"in the future":  {"true", -time.Minute - time.Second, "1m1s in the future"},
		"incomplete":     {"false", 0, "the list registry-pins is incomplete: HelmRelease: forbidden"},
	}
	report := &v1alpha1.PinReport{Problems: []v1alpha1.Problem{{Reason: v1alpha1.ReasonReadFailed, Object: "HelmRelease", Message: "forbidden"}}}
	for name, test := range tests {
		objects[0].Annotations["pinsync.oleks.space/complete"] = test.complete
		l, err := Decode("registry-pins", objects)
		if err != nil {
			t.Fatal(err)
		}
		err = l.Doubt(noon.Add(test.after), 15*time.Minute, report)
		if got := fmt.Sprint(err); !strings.Contains(got, test.want) || (err == nil) != (test.want == "") {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if err := l.Doubt(noon.Add(test.after), 15*time.Minute, nil); (err == nil) != (test.want == "") {
			t.Errorf("%s, without a report: got %v", name, err)
		}
	}
}

// A list is as old as the oldest of its objects.
func TestAgeOfShards(t *testing.T) {
	objects := fourShards(t, 10)
	objects[2].Annotations["pinsync.oleks.space/synced-at"] = noon.Add(-time.Hour).Format(time.RFC3339)
	l, err := Decode("registry-pins", objects)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Doubt(noon, 15*time.Minute, nil); err == nil {
		t.Error("a shard is an hour old, and the list counts as fresh")
	}
}

func TestFind(t *testing.T) {
	mine, _ := publish(t, planOf(300, 1), 40_000)
	others, _ := publish(t, planOf(2, 1), 40_000)
	others[0].Name = "other-pins"
	both := slices.Concat(mine, others)
	lists, err := Find([]string{"registry-pins", "other-pins"}, both)
	if err != nil || len(lists) != 2 || len(lists[1].Pins) != 2 {
		t.Errorf("got %v, %v", lists, err)
	}
	if _, err := Find([]string{"registry-pins"}, both); err == nil || !strings.Contains(err.Error(), "ConfigMap other-pins") {
		t.Errorf("a list that was not named was left out: %v", err)
	}
	if _, err := Find([]string{"registry-pins", "third"}, mine); err == nil || !strings.Contains(err.Error(), "there is no list third") {
		t.Errorf("a list that is not there was left out: %v", err)
	}
}

// Whoever changes a byte of what is published is found out.
func TestEveryByteCounts(t *testing.T) {
	r := planOf(3, 1)
	rapid.Check(t, func(t *rapid.T) {
		objects, _ := publish(t, r, 40_000)
		object := objects[0]
		key := rapid.SampledFrom([]string{v1alpha1.PinsKey, v1alpha1.ImagesKey}).Draw(t, "key")
		text := []byte(object.Data[key])
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] ^= rapid.ByteRange(1, 255).Draw(t, "byte")
		object.Data[key] = string(text)
		if l, err := Decode("registry-pins", []Object{object}); err == nil {
			t.Fatalf("%s was changed to %q, and is decoded as %v", key, text, l)
		}
	})
}

// A list whose name is that of another one's shard is found, in whatever order they are
// named.
func TestFindSimilarNames(t *testing.T) {
	first, _ := publish(t, planOf(1, 1), 40_000)
	second, _ := publish(t, planOf(2, 1), 40_000)
	first[0].Name, second[0].Name = "pins", "pins-1"
	for _, names := range [][]string{{"pins", "pins-1"}, {"pins-1", "pins"}} {
		if lists, err := Find(names, []Object{first[0], second[0]}); err != nil || len(lists) != 2 {
			t.Errorf("%v: got %v, %v", names, lists, err)
		}
	}
}

// A report that is of an earlier plan than the list describes what it knows: other pins of the
// list are needed by no known release, and pins that were removed are left out.
func TestDescribeWithEarlierReport(t *testing.T) {
	list, _ := publish(t, planOf(3, 1), 40_000)
	l, err := Decode("registry-pins", list)
	if err != nil {
		t.Fatal(err)
	}
	before := planOf(2, 2)
	_, report := publish(t, before, 40_000)
	decoded, err := l.ReadReport(report)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range l.Describe(decoded) {
		got = append(got, fmt.Sprintf("%s %s %s %v", p.Pin, p.Image, p.State, p.NeededBy))
	}
	want := []string{
		"container/app-0==v0 g.io/o/app-0:v0 Needed [HelmRelease/apps/app-0]",
		"container/app-1==v0 g.io/o/app-1:v0 Needed [HelmRelease/apps/app-1]",
		"container/app-2==v0 g.io/o/app-2:v0 Needed []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A report that is missing or damaged is an error in one line.
func TestReadReportRefuses(t *testing.T) {
	list, report := publish(t, planOf(100, 10), 60_000)
	l, err := Decode("registry-pins", list)
	if err != nil || len(report) != 4 {
		t.Fatalf("%v, %d objects", err, len(report))
	}
	damaged := slices.Clone(report)
	damaged[0].Data = map[string]string{v1alpha1.ReportKey: "{"}
	for name, test := range map[string]struct {
		objects []Object
		want    string
	}{
		"none":          {nil, "there is no report registry-pins-report"},
		"of another":    {[]Object{{Name: "other-report"}}, "there is no report registry-pins-report"},
		"shard missing": {report[:3], "registry-pins-report is in 3 of its 4 ConfigMaps"},
		"damaged":       {damaged, "ConfigMap registry-pins-report is damaged"},
	} {
		if r, err := l.ReadReport(test.objects); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, %v; want %q", name, r, err, test.want)
		}
	}
}

// The time when the pods had been read is by this host's clock, which may be wrong by a minute.
func TestCheckPast(t *testing.T) {
	read := ReadTime{At: time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)}
	for ahead, want := range map[time.Duration]string{
		-time.Hour:  "",
		time.Minute: "",
		time.Hour:   "the pods had been read at 2026-11-26T04:00:00Z, which is 1h0m0s after the time of the API server: is this host's clock right?",
	} {
		got := ""
		if err := read.CheckPast(read.At.Add(ahead)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s ahead: got %q, want %q", ahead, got, want)
		}
	}
}
