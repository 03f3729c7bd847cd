package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/fluxcd/pkg/apis/meta"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/strvals"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// valuesField is where a release's values stand.
const valuesField = "spec.values"

// ValuesObject is what is known of a ConfigMap or Secret that values come from.
type ValuesObject struct {
	// Data is what it holds; nil where it does not exist.
	Data map[string]string
	// Version changes with the data.
	Version string
	// NotRead is why it is not read, where it is not: SecretsIgnored, or because it could not be. Then the
	// release does without it.
	NotRead string
}

// LookUpValues looks up a ConfigMap or Secret.
type LookUpValues func(ValuesRef) ValuesObject

// addValues adds a release's effective values, as Flux's helm-controller computes
// them: whole documents merged in order, spec.values over them, and what a targetPath
// names set over spec.values, too. Like Flux it merges spec.values before each
// targetPath and once more at the end, and shares maps between the merged values and
// spec.values: whether a targetPath wins over spec.values depends on both. What Flux
// would refuse is a problem, and the other entries count.
func (r *reading) addValues(c *Values, lookUp LookUpValues) {
	var own any
	if c.values != nil {
		var err error
		if own, err = decode(c.values.Raw); err != nil {
			r.miss(valuesField, err)
		}
	}
	inline, isObject := own.(map[string]any)
	if !isObject && own != nil {
		// Helm would refuse them, but an image in them is worth its pin.
		r.add(valuesField, own)
	}
	if len(c.valuesFrom) > budget.Sources {
		r.miss("spec.valuesFrom", budget.Exceeded(budget.Sources, "entries of valuesFrom"))
		return
	}
	values := map[string]any{}
	work := newWork(c)
	for i := range c.valuesFrom {
		ref := &c.valuesFrom[i]
		field := fmt.Sprintf("spec.valuesFrom[%d]", i)
		object := lookUp(c.ref(i))
		if object.NotRead != "" {
			r.unknown = r.unknown || object.NotRead != SecretsIgnored // what could not be read now may be read later
			r.say(v1alpha1.ReasonValuesNotRead, field, fmt.Errorf("%s %s %s", ref.Kind, ref.Name, object.NotRead))
			continue
		}
		if !work.take(len(object.Data[ref.GetValuesKey()])) {
			r.miss(field, budget.Exceeded(budget.ValuesBytes, "bytes of values, with what is merged again for each entry"))
			return
		}
		r.hasSecret = r.hasSecret || ref.Kind == SecretKind && object.Data != nil
		merged, err := mergeEntry(values, inline, ref, object.Data)
		if err != nil {
			r.miss(field, fmt.Errorf("%s %s %w", ref.Kind, ref.Name, err))
		}
		values = merged
	}
	r.effective = loader.MergeMaps(values, inline)
	r.parts = append(r.parts, pin.ReleasePart{Path: valuesField, Value: r.effective, Secret: r.hasSecret})
}

// mergeFactor is by how much merging values once more, as it is done for each entry of valuesFrom,
// is faster than reading them.
const mergeFactor = 2

// work is what the values of a release have cost so far.
type work struct{ size, done int }

func newWork(c *Values) *work {
	w := &work{}
	if c.values != nil {
		w.size = len(c.values.Raw)
	}
	return w
}

// take reports whether there is time for an entry of so many bytes.
func (w *work) take(bytes int) bool {
	w.done += bytes + w.size/mergeFactor
	w.size += bytes
	return w.done <= budget.ValuesBytes
}

// mergeEntry merges an entry of valuesFrom into values, and returns what there is
// after it, also where there is an error. Of an optional entry the object may be
// missing, or its key.
func mergeEntry(values, inline map[string]any, ref *meta.ValuesReference, data map[string]string) (map[string]any, error) {
	text, found := data[ref.GetValuesKey()]
	switch {
	case ref.Kind != SecretKind && ref.Kind != configMapKind:
		return values, errors.New("is neither a ConfigMap nor a Secret")
	case !found && ref.Optional:
		return values, nil
	case data == nil:
		return values, errors.New("does not exist")
	case !found:
		return values, fmt.Errorf("has no key %q", ref.GetValuesKey())
	case ref.TargetPath != "":
		values = loader.MergeMaps(values, inline)
		return values, setPath(values, ref, text)
	default:
		document, err := readDocument(text)
		if err != nil {
			err = fmt.Errorf("key %q %w", ref.GetValuesKey(), err)
		}
		return loader.MergeMaps(values, document), err
	}
}

// readDocument reads a document of values. Its errors do not quote it: it may be a
// Secret's.
func readDocument(text string) (map[string]any, error) {
	converted, err := toJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	parsed, err := decode(converted)
	object, _ := parsed.(map[string]any)
	return object, err
}

// setPath sets a text at the path that the entry names, by the rules of Helm's --set;
// a text in quotes is a string whatever is in it. What is literal has the characters
// escaped that --set takes for its own, so that the path may still escape its dots.
func setPath(values map[string]any, ref *meta.ValuesReference, text string) error {
	set := strvals.ParseInto
	switch {
	case ref.Literal:
		text = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`).Replace(text)
		set = strvals.ParseIntoString
	case isQuoted(text, "'"), isQuoted(text, `"`):
		text = strings.Trim(text, `'"`)
		set = strvals.ParseIntoString
	}
	if err := checkIndexes(ref, text); err != nil {
		return err
	}
	if set(ref.TargetPath+"="+text, values) != nil { // its error quotes the text
		return fmt.Errorf("key %q cannot be set at targetPath %q by the rules of helm --set: a comma or a brace in it needs "+
			"a backslash before it, or the entry literal: true", ref.GetValuesKey(), ref.TargetPath)
	}
	return nil
}

// index is an index of a list in a path of helm --set.
var index = regexp.MustCompile(`\[\s*([0-9]+)`)

// checkIndexes returns an error if an entry sets so many items of lists, or such large ones, that a
// short text would fill lists beyond the budget.
func checkIndexes(ref *meta.ValuesReference, text string) error {
	paths := ref.TargetPath
	if !ref.Literal && strings.Contains(text, ",") {
		if strings.Count(text, "[") > budget.ListItems {
			return budget.Exceeded(budget.ListItems, fmt.Sprintf("items of lists that key %q sets", ref.GetValuesKey()))
		}
		paths += text
	}
	for _, match := range index.FindAllStringSubmatch(paths, -1) {
		if n, err := strconv.Atoi(match[1]); err != nil || n > budget.ListIndex {
			return budget.Exceeded(budget.ListIndex, "items in a list that a targetPath sets")
		}
	}
	return nil
}

func isQuoted(s, quote string) bool {
	return strings.HasPrefix(s, quote) && strings.HasSuffix(s, quote)
}

// decode reads values. Numbers keep the form that they were written in: as floats,
// a tag of many digits would become another. Where they are not an object it returns
// them all the same, with an error, which does not quote them.
func decode(text json.RawMessage) (any, error) {
	var decoded any
	err := render.DecodeJSON(text, &decoded)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // no text is no values
	case err != nil:
		return nil, errors.New("is not JSON")
	}
	switch decoded.(type) {
	case nil, map[string]any:
		return decoded, nil
	case []any:
		return decoded, errors.New("is a list, want an object")
	default:
		return decoded, errors.New("is a single value, want an object")
	}
}
