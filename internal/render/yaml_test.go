package render

import (
	"os"
	"reflect"
	"strings"
	"testing"

	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"sigs.k8s.io/yaml"
)

// asText decodes YAML over the text of JSON.
func asText(text string) (value any, err error) {
	converted, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	err = DecodeJSON(converted, &value)
	return value, err
}

// checkYAML checks that a document is decoded as if it was JSON in between.
func checkYAML(t *testing.T, text string) {
	t.Helper()
	want, wantErr := asText(text)
	got, err := decodeYAML([]byte(text))
	if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%q\ngot  %#v, %v\nwant %#v, %v", text, got, err, want, wantErr)
	}
	if err != nil && NotYAML(err) != NotYAML(wantErr) {
		t.Errorf("%q: %q, want %q", text, NotYAML(err), NotYAML(wantErr))
	}
}

// scalars are what stands in YAML for values of all kinds.
var scalars = []string{
	"", "~", "null", "Null", "true", "True", "yes", "off", "y", "text", "'1'", `"1"`, "|\n  a\n  b", ">-\n  a\n  b",
	"0", "-0", "1", "-1", "+1", "1_000", "0x1F", "0o17", "017", "08", "0b101", "-0b101", "190:20:30",
	"2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
	"18446744073709551615", "18446744073709551616", "123456789012345678901234567890",
	"1.0", "1.5", "-1.5", ".5", "5.", "1e3", "1E3", "1e21", "1e-7", "123456789.123456789", "0.1", "1e400", "-1e400",
	".inf", "-.inf", ".Inf", ".nan", ".NaN", "inf", "nan", "1.10", "12e03", "0.0", "-0.0", "1.7976931348623157e308", "5e-324",
	"2001-12-14", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10", "!!timestamp 2001-12-14", "!!timestamp '2001-12-14'",
	"!!binary aGVsbG8=", "!!binary gIGC", "!!binary x", "!!str 1", "!!int '1'", "!!int 1.5", "!!float 1", "!!float '1'", "!!bool yes", "!!null ''", "!!set {a, b}",
	"!!omap [a: 1]", "!own a", "!own {a: 1}", "!!unknown 1", `"\u00e9\x80"`, `"\ud83d"`, `"\U0001f600<>&\u2028"`, "ünïcode <>&", "=", "<<", "- a", "a: b", "[]", "{}", "[[]]", "{a: {}}",
	"[1, 1.5, a, ~, {b: [true]}]", "{a: 1, 'b': [2]}", "@a", "`a`", "%a", "*a", "&a", "a: b: c", "{a", "[a", "'a", "\"a", "\t",
}

// However a scalar is written, where it stands, and whatever the keys are, nothing becomes another value.
func TestDecodeYAML(t *testing.T) {
	for _, scalar := range scalars {
		checkYAML(t, scalar)
		checkYAML(t, "a: "+scalar+"\n")
		checkYAML(t, "- "+scalar+"\n- x\n")
		checkYAML(t, "? "+scalar+"\n: x\n")
		checkYAML(t, "a:\n  ? "+scalar+"\n  : x\n  b: 1\n")
	}
	for _, text := range []string{
		"a: 1\na: 2\n", "a: {b: 1}\na: {c: 2}\n", "? [a]\n: b\n", "? {a: b}\n: c\n",
		"base: &b {x: 1, y: 2}\nown: {<<: *b, y: 3}\n", "a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: [*a, *b], z: 3}\n", "a: {<<: 1}\n", "a: {<<: [1]}\n",
		"a: &x [1, {b: 2}]\nb: *x\nc: [*x, *x]\n", "a: &x 0x1F\n*x : b\n", "a: &a [*a]\n", "a: *none\n",
		"a: 1\n---\nb: 2\n", "---\na: 1\n...\n", "# nothing\n", "---\n", "...\n", "\ufeffa: 1\n", "a: \x00\n", "a: \xff\n", "%YAML 1.1\n---\na: 1\n",
		strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1), strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
		strings.Repeat("[", 9_999) + strings.Repeat("]", 9_999), strings.Repeat("- ", 5_001) + strings.Repeat("[", 5_001) + strings.Repeat("]", 5_001),
	} {
		checkYAML(t, text)
	}
}

// The same for what charts render.
func TestDecodeRendered(t *testing.T) {
	created, err := chartutil.Create("created", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	folders := []string{created}
	const plans = "../../cmd/pinsync/testdata/plan/charts.charts"
	entries, err := os.ReadDir(plans)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		folders = append(folders, plans+"/"+entry.Name())
	}
	documents := 0
	for _, folder := range folders {
		archive, err := Pack(os.DirFS(folder))
		if err != nil {
			t.Fatal(err)
		}
		in := &Input{Archive: archive, ReleaseName: "web", Namespace: "shop", Values: []byte(`{"host":"web.example.com","autoscaling":{"enabled":true},"ingress":{"enabled":true},"resources":{"limits":{"cpu":0.5}}}`)}
		_, texts, err := new(Charts).run(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			for _, manifest := range manifests(text) {
				checkYAML(t, manifest)
				documents++
			}
		}
	}
	if documents < len(folders) {
		t.Errorf("%d charts have rendered %d documents", len(folders), documents)
	}
}
