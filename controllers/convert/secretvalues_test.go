package convert

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// planWithSecret plans a release whose values are inline and from a Secret, and returns its pins and
// all that the report has besides them.
func planWithSecret(t *testing.T, inline, secret string) (pins, rest string) {
	t.Helper()
	values := &Values{
		namespace: "apps", values: &apiextensionsv1.JSON{Raw: []byte(inline)},
		valuesFrom: []meta.ValuesReference{{Kind: SecretKind, Name: "s"}},
	}
	found := values.Find(objects{"Secret/s": {"values.yaml": secret}}.lookUp)
	report := pin.Plan(&pin.Snapshot{
		Releases: []pin.Release{{
			ID:        object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: "apps", Name: "web"}},
			Suspended: true, Inputs: pin.Inputs{Images: found},
		}},
		Policies:     []link.Policy{{Name: object.Name{Namespace: "apps", Name: "p"}, Repository: object.Name{Namespace: "apps", Name: "p"}}},
		Repositories: []link.Repository{{Name: object.Name{Namespace: "apps", Name: "p"}, Image: "other.io/hunter2/app"}},
	}, pin.Options{Registries: []pin.Registry{{Host: "g.io", Type: "container"}}})
	pins = pinlist.Lines(report.Pins)
	report.Pins = nil
	for i := range report.Releases {
		report.Releases[i].Pins, report.Releases[i].Ran = nil, nil
	}
	rest, err := pinlist.JSON(report)
	if err != nil {
		t.Fatal(err)
	}
	return pins, rest + fmt.Sprint(pin.Explain(&pin.Snapshot{Releases: []pin.Release{{Suspended: true, Inputs: pin.Inputs{Images: found}}}}, pin.Options{}))
}

// Nothing that comes from a Secret is quoted, and what does not stand where an image stands is none.
func TestSecretIsNotQuoted(t *testing.T) {
	for name, test := range map[string]struct{ inline, secret, pins string }{
		"no image":              {`{}`, "image: hunter2 is no image", ""},
		"a tag without image":   {`{}`, "image: {tag: hunter2}", ""},
		"an image without tag":  {`{}`, "image: {repository: g.io/o/hunter2, appVersion: x}", ""},
		"outside":               {`{}`, "image: other.io/o/hunter2:v1", ""},
		"moved":                 {`{}`, "image: g.io/hunter2/app:v1", "container/app==v1\n"},
		"a key":                 {`{}`, "hunter2: {image: 'not an image'}", ""},
		"a digest":              {`{}`, "image: {repository: g.io/o/a, tag: v1, digest: hunter2}", "container/a==v1\n"},
		"a number":              {`{}`, "image: {repository: g.io/o/a, tag: 2.0240906e+07}", "container/a==20240906\n"},
		"text":                  {`{}`, "dsn: see g.io/o/hunter2:v1", ""},
		"a full reference":      {`{}`, "dsn: g.io/o/hunter2:v1", ""},
		"where an image stands": {`{}`, "image: g.io/o/a:v1", "container/a==v1\n"},
		"joined":                {`{"image":{"repository":"g.io/o/a"}}`, "image: {tag: v1}", "container/a==v1\n"},
		"beside":                {`{"args":["--image=g.io/o/b:v1"]}`, "password: hunter2", "container/b==v1\n"},
		"under a secret's key":  {`{}`, "password: {image: 'g.io/o/a:v1'}", "container/a==v1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			pins, rest := planWithSecret(t, test.inline, test.secret)
			if pins != test.pins {
				t.Errorf("the pins are %q, want %q: %s", pins, test.pins, rest)
			}
			if strings.Contains(rest, "hunter2") && name != "moved" || strings.Contains(strings.ReplaceAll(rest, "other.io/hunter2/app", ""), "hunter2") {
				t.Errorf("it is quoted: %s", rest)
			}
		})
	}
}

// What stands in the release itself is quoted as ever, and has its own path.
func TestInlineBesideASecret(t *testing.T) {
	values := &Values{
		values: &apiextensionsv1.JSON{Raw: []byte(`{"web":{"image":"g.io/o/a:v1"}}`)}, valuesFrom: []meta.ValuesReference{{Kind: SecretKind, Name: "s"}},
	}
	found := values.Find(objects{"Secret/s": {"values.yaml": "db: {image: 'g.io/o/db:v1'}"}}.lookUp)
	var got []string
	for _, m := range found.Mentions {
		got = append(got, fmt.Sprint(m.Path, " ", m.String(), " ", m.Secret))
	}
	slices.Sort(got)
	if want := []string{"spec.values g.io/o/db:v1 true", "spec.values.web.image g.io/o/a:v1 false"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
