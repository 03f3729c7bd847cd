package image

import (
	"encoding/json"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// found prints mentions as `path reference`, problems as `path reason`.
func found(t *testing.T, values string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(values))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	mentions, problems := Find(decoded, "v")
	var lines []string
	for _, m := range mentions {
		line := m.Path + " " + m.Repository.String()
		if m.Repository == (Repository{}) {
			line = m.Path + " (" + m.Hint + ")"
		}
		if m.Tag != "" {
			line += ":" + m.Tag
		}
		if m.Digest != "" {
			line += "@" + m.Digest[:9]
		}
		lines = append(lines, line)
	}
	for _, p := range problems {
		lines = append(lines, p.Field+" "+string(p.Reason))
	}
	return strings.Join(lines, "; ")
}

func TestFind(t *testing.T) {
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := []struct{ values, want string }{
		// A string.
		{`{"image":"g.io/o/a:1"}`, "v.image g.io/o/a:1"},
		{`{"image":"a"}`, "v.image docker.io/library/a:latest"},
		{`{"sidecarImage":"o/a:1"}`, "v.sidecarImage docker.io/o/a:1"},
		{`{"image":" g.io/o/a:1\n"}`, "v.image g.io/o/a:1"},
		{`{"image":"g.io/o/a@` + digest + `"}`, "v.image g.io/o/a@sha256:01"},
		{`{"anything":"g.io/o/a:1"}`, "v.anything g.io/o/a:1"},
		{`{"anything":["g.io/o/a:1",{"b":"g.io/o/b:1"}]}`, "v.anything[0] g.io/o/a:1; v.anything[1].b g.io/o/b:1"},
		{`{"images":["o/a:1"]}`, "v.images[0] docker.io/o/a:1"},
		{`{"a.b":{"image":"o/a:1"}}`, `v["a.b"].image docker.io/o/a:1`},

		// What is no image: a name without a host, a host without a tag, an URL.
		{`{"a":"o/a:1","b":"redis:6379","c":"g.io/o/a","d":"https://g.io/o/a:1","e":"g.io:80/x","f":"","g":null}`, ""},
		{`{"image":"https://example.com/logo.png","backgroundImage":""}`, ""},
		{`{"image":"no image"}`, "v.image InvalidReference"},
		{`{"image":{"pullPolicy":"Always"}}`, ""},

		// A map.
		{`{"x":{"repository":"g.io/o/a","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"o/a","registry":"g.io","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"o/a","registry":"g.io/","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"o/a","registry":"","tag":"1"}}`, "v.x docker.io/o/a:1"},
		{`{"x":{"image":"g.io/o/a","version":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"name":"g.io/o/a","tag":1.5}}`, "v.x g.io/o/a:1.5"},
		{`{"x":{"repository":"g.io/o/a","tag":"","version":"2"}}`, "v.x g.io/o/a:2"},
		{`{"x":{"repository":"g.io/o/a","tag":"1","digest":"` + digest + `"}}`, "v.x g.io/o/a:1@sha256:01"},
		{`{"x":{"repository":"g.io/o/a","digest":"` + digest + `"}}`, "v.x g.io/o/a@sha256:01"},
		{`{"x":{"repository":"g.io/o/a","tag":null}}`, "v.x g.io/o/a"},
		{`{"x":{"repository":"g.io/o/a"}}`, "v.x g.io/o/a"},
		{`{"image":{"repository":"o/a"}}`, "v.image docker.io/o/a"},
		{`{"x":{"image":"g.io/o/a:1","tag":"2"}}`, "v.x g.io/o/a:1; v.x g.io/o/a:2"},

		// Other spellings.
		{`{"x":{"image":"g.io/o/a","imageTag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"imageRepository":"o/a","imageRegistry":"g.io","image_tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"g.io/o/a","imageTag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"webImage":"g.io/o/web","webImageTag":"1","jobImage":"g.io/o/job","jobImageTag":"2"}}`, "v.x g.io/o/job:2; v.x g.io/o/web:1"},
		{`{"x":{"web_repository":"g.io/o/web","web_tag":"1"}}`, "v.x g.io/o/web:1"},
		{`{"image":{"name":"g.io/o/a","tag":"1"}}`, "v.image g.io/o/a:1"},

		{`{"images":{"web":"o/web:1","api":{"repository":"o/api","tag":"1"}}}`, "v.images.api docker.io/o/api:1; v.images.web docker.io/o/web:1"},
		{`{"image":"docker://g.io/o/a:1","other":"oci://g.io/o/chart:1"}`, "v.image g.io/o/a:1"},
		{`{"image":{"name":"nginx:1.25"}}`, "v.image docker.io/library/nginx:1.25"},
		{`{"x":{"name":"g.io/o/a","tag":""}}`, "v.x g.io/o/a"},
		{`{"x":{"tag":true,"repository":"g.io/o/a"}}`, "v.x g.io/o/a:true"},
		{`{"x":{"registry":"g.io","repository":"o/a"}}`, "v.x g.io/o/a"},
		{`{"x":{"registry":"g.io","image":"o/a"}}`, "v.x g.io/o/a"},

		// A repository in two parts.
		{`{"x":{"repository":"g.io/o","image":"a","tag":"1"}}`, "v.x g.io/o:1; v.x g.io/o/a:1"},
		{`{"x":{"registry":"g.io","repository":"o","name":"a","tag":"1"}}`, "v.x g.io/o:1; v.x g.io/o/a:1"},
		{`{"x":{"repository":"g.io/o/a","image":"a","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"g.io/o/a","name":"web","tag":"1"}}`, "v.x g.io/o/a:1"},

		{`{"x":{"repository":"g.io/o","image":"a!","tag":"1"}}`, "v.x g.io/o:1"},

		// A registry for all.
		{`{"global":{"imageRegistry":"m.io"},"x":{"repository":"o/a","tag":"1"}}`, "v.x m.io/o/a:1"},
		{`{"global":{"imageRegistry":"m.io"},"x":{"repository":"o/a","registry":"g.io","tag":"1"}}`, "v.x g.io/o/a:1; v.x m.io/o/a:1"},
		{`{"global":{"imageRegistry":"m.io"},"x":{"repository":"g.io/o/a","tag":"1"}}`, "v.x g.io/o/a:1"},

		// A tag alone, with the key that may tell which image is meant.
		{`{"x":{"tag":"1"}}`, "v.x.tag (x):1"},
		{`{"x":{"tag":"1@` + digest + `"}}`, "v.x.tag (x):1@sha256:01"},
		{`{"x":{"tag":"1@2"}}`, "v.x.tag (x):1; v.x InvalidReference"},
		{`{"image":{"tag":"1"}}`, "v.image.tag ():1"},
		{`{"web":{"image":{"tag":"1"}}}`, "v.web.image.tag (web):1"},
		{`{"webImageTag":"1"}`, "v.webImageTag (web):1"},
		{`{"x":{"version":"1"}}`, ""},

		// What lies beside or below the fields is looked at too.
		{`{"x":{"repository":"g.io/o/a","tag":"1","init":{"image":"g.io/o/b:1"}}}`, "v.x g.io/o/a:1; v.x.init.image g.io/o/b:1"},
		{`{"x":{"repository":"g.io/o/a","tag":"1","version":{"image":"g.io/o/b:1"}}}`, "v.x g.io/o/a:1; v.x.version.image g.io/o/b:1"},
		{`{"name":"web","image":{"repository":"g.io/o/a","tag":"1"}}`, "v.image g.io/o/a:1"},

		// Maps that are no images.
		{`{"x":{"repository":"o/a"}}`, ""},
		{`{"x":{"repository":"https://charts.io","version":"1.2"}}`, ""},
		{`{"x":{"name":"My App","version":"1.2"}}`, ""},
		{`{"x":{"name":"app","version":">=1.2"}}`, ""},
		{`{"x":{"version":"1.2"}}`, ""},

		// What should be an image and is not.
		{`{"x":{"tag":"1==2"}}`, "v.x.tag InvalidReference"},
		{`{"x":{"tag":""}}`, ""},
		{`{"x":{"tag":["1"]}}`, ""},
		{`{"x":{"repository":5,"tag":"1"}}`, "v.x.repository InvalidReference"},
		{`{"x":{"repository":"o//a","tag":"1"}}`, "v.x.repository InvalidReference"},
		{`{"x":{"repository":"g.io/o/a","tag":"1==2"}}`, "v.x g.io/o/a; v.x.tag InvalidReference"},
		{`{"x":{"repository":"g.io/o/a","tag":["1"]}}`, "v.x g.io/o/a; v.x.tag InvalidReference"},
		{`{"x":{"repository":"g.io/o/a","tag":"1","digest":"2"}}`, "v.x g.io/o/a:1; v.x InvalidReference"},
		{`{"image":"g.io/o/a:1@2"}`, "v.image g.io/o/a:1; v.image InvalidReference"},
	}
	for _, test := range tests {
		if got := found(t, test.values); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.values, got, test.want)
		}
	}
}

func TestPathIsCut(t *testing.T) {
	p := &path{root: "root"}
	for range 10_000 {
		p = p.field("step")
	}
	if s := p.String(); len(s) > maxPath+len("root…") || !strings.HasPrefix(s, "root….step.") {
		t.Errorf("%d bytes: %s", len(s), s)
	}
	long := (&path{root: "root"}).field(strings.Repeat("k", 10_000))
	if s := long.String(); s != "root…" {
		t.Errorf("%s", s)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"git.oleks.space/oleks/cms-plugins:staging", "nginx", "A/b:C", "localhost:5000/a@sha256:" + strings.Repeat("0", 64),
		"[::1]:443/a:b", "[1]:443/a", "a.b_c/d", "a\nb", "a==b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := Parse(s)
		if err != nil {
			return
		}
		checkReference(t, ref, s)
		if again, err := Parse(ref.String()); err != nil || again != ref {
			t.Errorf("Parse(%q) = %+v, but its normal form %q gives %+v, %v", s, ref, ref, again, err)
		}
	})
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{
		`{"image":"g.io/o/a:1"}`, `{"x":{"repository":"o/a","registry":"g.io","tag":1.5}}`, `{"x":{"image":"a:1","tag":"2\n"}}`,
		`["a.b/c:d@sha256:1",{"tag":"==","name":"a"}]`, `{"image":{"repository":"A/B","version":true}}`, `"a.b/c:d"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		decoder := json.NewDecoder(strings.NewReader(s))
		decoder.UseNumber()
		var values any
		if decoder.Decode(&values) != nil {
			return
		}
		mentions, problems := Find(values, "v")
		said := strings.Join(scalars(values), "\n")
		for _, m := range mentions {
			checkReference(t, m.Reference, said)
		}
		for _, p := range problems {
			if p.Reason == "" || p.Message == "" || !strings.HasPrefix(p.Field, "v") {
				t.Errorf("a problem that says nothing: %+v", p)
			}
		}
		checkAgain(t, values, mentions, problems)
	})
}

// checkReference checks that a reference is one by the grammar, and that what was
// read named it.
func checkReference(t *testing.T, ref Reference, said string) {
	t.Helper()
	if _, err := ParseRepository(ref.Repository.String()); err != nil && ref.Repository != (Repository{}) {
		t.Errorf("from %q: %v", said, err)
	}
	if ref.Tag != "" && CheckTag(ref.Tag) != nil {
		t.Errorf("from %q: tag %q", said, ref.Tag)
	}
	if ref.Tag != "" && ref.Tag != "latest" && !strings.Contains(said, ref.Tag) {
		t.Errorf("%q does not name the tag %q", said, ref.Tag)
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(ref.Repository.Path, "library/"), "/") {
		if !strings.Contains(strings.ToLower(said), part) {
			t.Errorf("%q does not name %q of the repository %s", said, part, ref.Repository)
		}
	}
}

// checkAgain checks that nothing depends on the order of a map's keys.
func checkAgain(t *testing.T, values any, mentions []Mention, problems []v1alpha1.Problem) {
	t.Helper()
	again, problemsAgain := Find(values, "v")
	if len(again) != len(mentions) || len(problemsAgain) != len(problems) {
		t.Fatal("another walk finds other images")
	}
	for i := range again {
		if again[i] != mentions[i] {
			t.Errorf("another walk finds %+v instead of %+v", again[i], mentions[i])
		}
	}
}

// scalars lists every scalar of values as it is printed.
func scalars(values any) []string {
	switch values := values.(type) {
	case map[string]any:
		var list []string
		for _, value := range values {
			list = append(list, scalars(value)...)
		}
		return list
	case []any:
		var list []string
		for _, value := range values {
			list = append(list, scalars(value)...)
		}
		return list
	default:
		s, _ := scalar(values)
		return []string{s}
	}
}
