package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"helm.sh/helm/v4/pkg/strvals"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// objects are ConfigMaps and Secrets, as Kind/name, with their keys.
type objects map[string]map[string]string

func (o objects) read(inline string, entries ...meta.ValuesReference) *reading {
	release := &flux.HelmRelease{Spec: flux.HelmReleaseSpec{ValuesFrom: entries}}
	if inline != "" {
		release.Spec.Values = &apiextensionsv1.JSON{Raw: []byte(inline)}
	}
	return ValuesOf(release).read(o.lookUp)
}

func (o objects) lookUp(ref ValuesRef) ValuesObject {
	return ValuesObject{Data: o[ref.Kind+"/"+ref.Name.Name]}
}

// The order in which Flux puts values together, and what it refuses.
func TestValuesAsFluxMergesThem(t *testing.T) {
	entry := func(kind, key, path string) meta.ValuesReference {
		return meta.ValuesReference{Kind: kind, Name: "o", ValuesKey: key, TargetPath: path}
	}
	optional := func(e meta.ValuesReference) meta.ValuesReference { e.Optional = true; return e }
	literal := func(e meta.ValuesReference) meta.ValuesReference { e.Literal = true; return e }
	all := objects{
		"ConfigMap/o": {
			"values.yaml": "port: 1\nweb: {size: s, args: [a, b, c]}", "scalar": "v", "list": "{x,y}", "commas": "h1:1,h2:2", "escaped": `h1\,h2`,
			"quoted": `"7"`, "yes": "true", "braces": "a = [1]\n{b}", "text": "text", "broken": "a: [", "empty": "", "null": "web:",
		},
		"Secret/o": {"values.yaml": "port: {number: 2}\nweb: none", "scalar": "s"},
	}
	tests := map[string]struct {
		inline  string
		entries []meta.ValuesReference
		want    string // empty: refused
	}{
		"later documents win, whatever they are": {
			`{"z":1}`, []meta.ValuesReference{entry("ConfigMap", "", ""), entry("Secret", "", "")}, `{"port":{"number":2},"web":"none","z":1}`,
		},
		"spec.values win over documents": {`{"port":3}`, []meta.ValuesReference{entry("ConfigMap", "", "")}, `{"port":3,"web":{"args":["a","b","c"],"size":"s"}}`},
		"a path into nothing":            {``, []meta.ValuesReference{entry("Secret", "scalar", "a.b.c")}, `{"a":{"b":{"c":"s"}}}`},
		"a path wins over spec.values":   {`{"a":{"b":"1","c":"2"}}`, []meta.ValuesReference{entry("ConfigMap", "scalar", "a.b")}, `{"a":{"b":"v","c":"2"}}`},
		"a path before a document": {
			`{"web":{"args":["x","y","z"]}}`,
			[]meta.ValuesReference{entry("Secret", "scalar", "web.args[0]"), entry("ConfigMap", "", "")},
			`{"port":1,"web":{"args":["s","y","z"],"size":"s"}}`,
		},
		"a path behind a document": {
			`{"z":1}`,
			[]meta.ValuesReference{entry("ConfigMap", "", ""), entry("ConfigMap", "scalar", "web.args[1]")},
			`{"port":1,"web":{"args":["a","v","c"],"size":"s"},"z":1}`,
		},
		// Flux merges spec.values once more at the end: they win over a path at the top,
		// and over one into a map that a document has, too.
		"a path at the top":            {`{"a":"1"}`, []meta.ValuesReference{entry("ConfigMap", "scalar", "a")}, `{"a":"1"}`},
		"a path into a map of both":    {`{"web":{"size":"m"}}`, []meta.ValuesReference{entry("ConfigMap", "", ""), entry("Secret", "scalar", "web.size")}, `{"port":1,"web":{"args":["a","b","c"],"size":"m"}}`},
		"a path into null":             {`{"web":{"size":"m"}}`, []meta.ValuesReference{entry("ConfigMap", "null", ""), entry("Secret", "scalar", "web.tag")}, `{"web":{"size":"m","tag":"s"}}`},
		"a path into what is no map":   {`{"a":"1"}`, []meta.ValuesReference{entry("ConfigMap", "scalar", "a.b")}, ``},
		"a list":                       {``, []meta.ValuesReference{entry("ConfigMap", "list", "a")}, `{"a":["x","y"]}`},
		"an item of a list":            {``, []meta.ValuesReference{entry("ConfigMap", "scalar", "a[2]")}, `{"a":[null,null,"v"]}`},
		"an escaped comma":             {``, []meta.ValuesReference{entry("ConfigMap", "escaped", "a")}, `{"a":"h1,h2"}`},
		"a comma":                      {``, []meta.ValuesReference{entry("ConfigMap", "commas", "a")}, ``},
		"a literal comma":              {``, []meta.ValuesReference{literal(entry("ConfigMap", "commas", "a"))}, `{"a":"h1:1,h2:2"}`},
		"literal braces":               {``, []meta.ValuesReference{literal(entry("ConfigMap", "braces", `a\.b.c`))}, `{"a.b":{"c":"a = [1]\n{b}"}}`},
		"a literal backslash":          {``, []meta.ValuesReference{literal(entry("ConfigMap", "escaped", "a"))}, `{"a":"h1\\,h2"}`},
		"a literal true":               {``, []meta.ValuesReference{literal(entry("ConfigMap", "yes", "a"))}, `{"a":"true"}`},
		"literal without a path":       {``, []meta.ValuesReference{literal(entry("ConfigMap", "null", ""))}, `{"web":null}`},
		"a dot in a key":               {``, []meta.ValuesReference{entry("ConfigMap", "scalar", `a.b\.io/c`)}, `{"a":{"b.io/c":"v"}}`},
		"a boolean":                    {``, []meta.ValuesReference{entry("ConfigMap", "yes", "a")}, `{"a":true}`},
		"a quoted number":              {``, []meta.ValuesReference{entry("ConfigMap", "quoted", "a")}, `{"a":"7"}`},
		"no values":                    {``, nil, `{}`},
		"an empty document":            {``, []meta.ValuesReference{entry("ConfigMap", "empty", "")}, `{}`},
		"a document that is a text":    {``, []meta.ValuesReference{entry("ConfigMap", "text", "")}, ``},
		"a document that is no YAML":   {``, []meta.ValuesReference{entry("ConfigMap", "broken", "")}, ``},
		"no such key":                  {``, []meta.ValuesReference{entry("ConfigMap", "no", "")}, ``},
		"no such key, optional":        {`{"a":1}`, []meta.ValuesReference{optional(entry("ConfigMap", "no", ""))}, `{"a":1}`},
		"no such key of a path":        {`{"a":1}`, []meta.ValuesReference{optional(entry("Secret", "no", "a"))}, `{"a":1}`},
		"no such object":               {``, []meta.ValuesReference{{Kind: "Secret", Name: "no"}}, ``},
		"no such object, optional":     {``, []meta.ValuesReference{{Kind: "Secret", Name: "no", Optional: true}}, `{}`},
		"what values do not come from": {``, []meta.ValuesReference{{Kind: "Service", Name: "o", Optional: true}}, ``},
	}
	for name, test := range tests {
		r := all.read(test.inline, test.entries...)
		if r.unknown != (test.want == "") || r.unknown != (len(r.problems) > 0) {
			t.Errorf("%s: refused is %t, and the problems are %v", name, r.unknown, r.problems)
		}
		got, err := json.Marshal(r.parts[len(r.parts)-1].Value)
		if err != nil || !r.unknown && string(got) != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

// No word of what values come from is in a message.
func TestMessagesDoNotQuoteValues(t *testing.T) {
	for _, text := range []string{"hunter2", "a: [hunter2", "[hunter2]", "*hunter2", "x: &a 1\nx: *hunter2", "a,hunter2", "{hunter2", "a,b[65536]=hunter2", "!!hunter2 a: b\nb"} {
		for _, path := range []string{"", "a.b"} {
			r := objects{"Secret/o": {"values.yaml": text}}.read(`{}`, meta.ValuesReference{Kind: "Secret", Name: "o", TargetPath: path})
			if said := fmt.Sprint(r.problems); strings.Contains(said, "hunter2") {
				t.Errorf("%q at %q: %s", text, path, said)
			}
		}
	}
	if r := (objects{}).read(`"hunter2"`); strings.Contains(fmt.Sprint(r.problems), "hunter2") {
		t.Errorf("%v", r.problems)
	}
}

// A text of some bytes cannot fill lists without end.
func TestTextThatFillsLists(t *testing.T) {
	text := "x" + strings.Repeat(",a[65535]=1", budget.ListItems+1)
	r := objects{"ConfigMap/o": {"values.yaml": text}}.read(`{}`, meta.ValuesReference{Kind: "ConfigMap", Name: "o", TargetPath: "a"})
	if !r.unknown {
		t.Error("it is set")
	}
}

// Entries without end are not read without end, and the release is not known in full.
func TestManyEntries(t *testing.T) {
	document := "a: " + strings.Repeat("x", 1<<20)
	many := slices.Repeat([]meta.ValuesReference{{Kind: "ConfigMap", Name: "o"}}, 1000)
	r := objects{"ConfigMap/o": {"values.yaml": document}}.read(`{"image":"g.io/o/a:1"}`, many...)
	if !r.unknown || len(r.problems) != 1 {
		t.Errorf("unknown is %t, and there are %d problems", r.unknown, len(r.problems))
	}
	few := slices.Repeat([]meta.ValuesReference{{Kind: "ConfigMap", Name: "o"}}, 2)
	if r := (objects{"ConfigMap/o": {"values.yaml": document}}).read(`{}`, few...); r.unknown {
		t.Errorf("%v", r.problems)
	}
}

// Too many entries are not even looked up.
func TestTooManyEntriesAreNotLookedUp(t *testing.T) {
	for n, want := range map[int]int{budget.Sources: budget.Sources, budget.Sources + 1: 0} {
		values := &Values{valuesFrom: make([]meta.ValuesReference, n)}
		asked := 0
		lookUp := func(ValuesRef) ValuesObject {
			asked++
			return ValuesObject{}
		}
		if values.Size(lookUp); asked != want || len(values.Refs()) != want {
			t.Errorf("%d of %d are looked up, want %d", asked, n, want)
		}
		if asked = 0; !values.Find(lookUp).Unknown || asked != want {
			t.Errorf("%d of %d are looked up, want %d", asked, n, want)
		}
	}
}

// Twice as many entries, of which each sets one value or is a document, take about twice as
// long, up to what is read of one release.
func BenchmarkValuesFrom(b *testing.B) {
	for name, path := range map[string]string{"document": "", "path": "a.b"} {
		for _, entries := range []int{100, 200, 400, 800, 1600} {
			b.Run(fmt.Sprint(name, "/", entries), func(b *testing.B) {
				inline := map[string]any{}
				for i := range 1000 {
					inline[fmt.Sprint("k", i)] = map[string]any{"x": strings.Repeat("x", 100)}
				}
				text, err := json.Marshal(inline)
				if err != nil {
					b.Fatal(err)
				}
				all := slices.Repeat([]meta.ValuesReference{{Kind: "ConfigMap", Name: "o", TargetPath: path}}, entries)
				o := objects{"ConfigMap/o": {"values.yaml": "c: d"}}
				for b.Loop() {
					o.read(string(text), all...)
				}
			})
		}
	}
}

// fluxValues are the values that Flux gives to Helm: the oracle for ours. It decodes them
// as Flux does, numbers as floating-point numbers, and shares maps where Flux does.
func (o objects) fluxValues(inline string, entries []meta.ValuesReference) (any, error) {
	var own map[string]any
	if inline != "" {
		if err := json.Unmarshal([]byte(inline), &own); err != nil {
			return nil, err
		}
	}
	so := map[string]any{}
	for _, e := range entries {
		keys, exists := o[e.Kind+"/"+e.Name]
		text, found := keys[e.GetValuesKey()]
		if !exists || !found {
			if e.Optional {
				continue
			}
			return nil, errors.New("missing")
		}
		if e.TargetPath == "" {
			var document map[string]any
			if err := yaml.Unmarshal([]byte(text), &document); err != nil {
				return nil, err
			}
			so = over(so, document)
			continue
		}
		so = over(so, own)
		if err := setAsFlux(so, e, text); err != nil {
			return nil, err
		}
	}
	return over(so, own), nil
}

// over puts b over a. A map that only one of them has is the same map in the result.
func over(a, b map[string]any) map[string]any {
	result := map[string]any{}
	for key := range a {
		result[key] = a[key]
	}
	for key := range b {
		above, isMap := b[key].(map[string]any)
		below, wasMap := a[key].(map[string]any)
		if isMap && wasMap {
			result[key] = over(below, above)
		} else {
			result[key] = b[key]
		}
	}
	return result
}

func setAsFlux(values map[string]any, e meta.ValuesReference, text string) error {
	if e.Literal {
		var escaped bytes.Buffer
		for _, r := range text {
			if strings.ContainsRune(`\,[]{}`, r) {
				escaped.WriteByte('\\')
			}
			escaped.WriteRune(r)
		}
		return strvals.ParseIntoString(e.TargetPath+"="+escaped.String(), values)
	}
	for _, quote := range []string{`'`, `"`} {
		if strings.HasPrefix(text, quote) && strings.HasSuffix(text, quote) {
			return strvals.ParseIntoString(e.TargetPath+"="+strings.Trim(text, `'"`), values)
		}
	}
	return strvals.ParseInto(e.TargetPath+"="+text, values)
}

// named are the images of values, each with its place.
func named(values any) []string {
	text, err := json.Marshal(values)
	if err != nil {
		return []string{err.Error()}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var numbers any
	if err := decoder.Decode(&numbers); err != nil {
		return []string{err.Error()}
	}
	mentions, _ := image.Find(numbers, valuesField)
	var list []string
	for i := range mentions {
		list = append(list, mentions[i].Path+" "+mentions[i].String())
	}
	return list
}

// values are random values: images in maps and lists, and what is none.
func randomValues(depth int) *rapid.Generator[any] {
	scalars := rapid.SampledFrom([]any{"v1", "v2", "g.io/o/a", "o/b", "g.io/o/c:v3", 1, 1.5, true, nil})
	if depth == 0 {
		return scalars
	}
	key := rapid.SampledFrom([]string{"image", "repository", "tag", "web", "registry", "list", "a.b"})
	return rapid.OneOf(
		scalars,
		rapid.Map(rapid.SliceOfN(randomValues(depth-1), 0, 3), func(list []any) any { return list }),
		rapid.Map(rapid.MapOfN(key, randomValues(depth-1), 0, 4), func(m map[string]any) any { return m }),
		rapid.Map(rapid.MapOfN(key, randomValues(depth-1), 0, 4), func(m map[string]any) any { return m }),
	)
}

// Whatever the release, its images are those of Flux's values, and it is not known in full
// if, and only if, Flux refuses it.
func TestImagesAreThoseOfFluxValues(t *testing.T) {
	document := rapid.Map(randomValues(3), func(values any) string {
		text, err := json.Marshal(values)
		if err != nil {
			return ""
		}
		return string(text)
	})
	text := rapid.OneOf(document, document, rapid.SampledFrom([]string{"v9", "8", "'7'", `"6"`, "true", "a,b", "x,tag=v5", "{v1,v2}", "g.io/o/d", "null", "", "a: [", `a\,b`, "1e3", "[0]"}))
	path := rapid.SampledFrom([]string{
		"", "", "tag", "image", "image.tag", "image.repository", "web.image.tag", "web", "list[0]", "list[1].tag", "image[0]", `a\.b.image`, "list[x]", "web.list[0].image",
	})
	rapid.Check(t, func(t *rapid.T) {
		o := objects{}
		for _, name := range []string{"ConfigMap/a", "ConfigMap/b", "Secret/a"} {
			if rapid.IntRange(0, 9).Draw(t, "exists") > 0 {
				o[name] = rapid.MapOfN(rapid.SampledFrom([]string{"values.yaml", "k", "l"}), text, 1, 3).Draw(t, name)
			}
		}
		entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) meta.ValuesReference {
			return meta.ValuesReference{
				Kind: rapid.SampledFrom([]string{"ConfigMap", "Secret"}).Draw(t, "kind"), Name: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"),
				ValuesKey: rapid.SampledFrom([]string{"", "k", "l"}).Draw(t, "key"), TargetPath: path.Draw(t, "path"),
				Optional: rapid.IntRange(0, 3).Draw(t, "optional") > 0, Literal: rapid.Bool().Draw(t, "literal"),
			}
		}), 0, 4).Draw(t, "entries")
		inline := rapid.SampledFrom([]string{"", document.Filter(func(s string) bool { return strings.HasPrefix(s, "{") }).Draw(t, "inline")}).Draw(t, "values")

		want, err := o.fluxValues(inline, entries)
		r := o.read(inline, entries...)
		if r.unknown != (err != nil) {
			t.Fatalf("unknown is %t, Flux says %v; %v", r.unknown, err, r.problems)
		}
		if err != nil {
			return
		}
		var got []string
		for i := range r.parts {
			r.parts[i].Secret = false // which decides what of them may be quoted
		}
		for _, m := range pin.FindImages(r.parts).Mentions {
			got = append(got, m.Path+" "+m.String())
		}
		if want := named(want); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
