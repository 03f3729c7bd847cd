package convert

import (
	"fmt"
	"strings"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/apis/meta"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
)

// laughs is a short document of which aliases make ten to the power of n values.
func laughs(n int) string {
	text := "a0: &a0 {image: g.io/o/a:1}\n"
	for i := range n {
		alias := fmt.Sprintf("*a%d", i)
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(alias+",", 9)+alias)
	}
	return text
}

func TestAliases(t *testing.T) {
	for name, test := range map[string]struct {
		document   string
		isExceeded bool
	}{
		"few":          {laughs(3), false},
		"very many":    {laughs(40), true},
		"with no end":  {"a: &a [*a, b]", true},
		"no anchors":   {"a: '*b & c'", false},
		"no YAML":      {"a: [*b, &c", false},
		"plain values": {"image: g.io/o/a:1", false},
	} {
		if _, err := toJSON([]byte(test.document)); budget.IsExceeded(err) != test.isExceeded {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A release beyond the budget has one problem, and its images are not known, wherever the aliases
// stand.
func TestAliasesOfARelease(t *testing.T) {
	object := objects{"ConfigMap/o": {"values.yaml": laughs(40)}}
	fromObject := &Values{namespace: "apps", valuesFrom: []meta.ValuesReference{{Kind: "ConfigMap", Name: "o"}}}
	fromPatch := &Values{postRenderers: []helmv2.PostRenderer{{Kustomize: &helmv2.Kustomize{Patches: []kustomize.Patch{{Patch: laughs(40)}}}}}}
	for _, values := range []*Values{fromObject, fromPatch} {
		found := values.Find(object.lookUp)
		if !found.Unknown || len(found.Mentions) > 0 || len(found.Problems) != 1 || found.Problems[0].Reason != v1alpha1.ReasonOverBudget {
			t.Errorf("got %+v", found)
		}
	}
}

// A targetPath fills no long list.
func TestIndexes(t *testing.T) {
	for _, test := range []struct {
		path, text string
		isExceeded bool
	}{
		{"a[3].image", "g.io/o/a:1", false},
		{"a[1000]", "x", false},
		{"a[1001]", "x", true},
		{"a[ 65535]", "x", true},
		{"a[99999999999999999999]", "x", true},
		{"a", "x,b[65535]=y", true},
		{"a", "'x,b[65535]=y'", true},
		{"a", "x[65535]", false},
	} {
		r := objects{"ConfigMap/o": {"values.yaml": test.text}}.read(`{}`, meta.ValuesReference{Kind: "ConfigMap", Name: "o", TargetPath: test.path})
		if (r.exceeded != nil) != test.isExceeded {
			t.Errorf("%s=%s: got %v", test.path, test.text, r.problems)
		}
	}
}

// Many entries are not read, each of which would take a request.
func TestManySources(t *testing.T) {
	refs := make([]meta.ValuesReference, budget.Sources+1)
	for i := range refs {
		refs[i] = meta.ValuesReference{Kind: "ConfigMap", Name: fmt.Sprint("o", i), Optional: true}
	}
	read := 0
	count := func(ValuesRef) ValuesObject {
		read++
		return ValuesObject{}
	}
	if found := (&Values{valuesFrom: refs}).Find(count); found.Problems[0].Reason != v1alpha1.ReasonOverBudget || read > 0 {
		t.Errorf("%d were read: %+v", read, found)
	}
	if found := (&Values{valuesFrom: refs[1:]}).Find(count); found.Unknown || read != budget.Sources {
		t.Errorf("%d were read: %+v", read, found)
	}
}

// A short document whose aliases stand for a long text many times is beyond the budget, too.
func TestAliasesOfLongText(t *testing.T) {
	document := "s: &s " + strings.Repeat("x", 300_000) + "\nl: [" + strings.TrimSuffix(strings.Repeat("*s,", 1000), ",") + "]\n"
	if _, err := toJSON([]byte(document)); !budget.IsExceeded(err) {
		t.Errorf("got %v", err)
	}
}
