package flux

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Every field is one of Flux's own type: of that name in JSON, and of the same form.
func TestFieldsAreThoseOfFlux(t *testing.T) {
	for _, pair := range [][2]any{
		{HelmReleaseList{}, helmv2.HelmReleaseList{}},
		{ImagePolicyList{}, imagev1.ImagePolicyList{}},
		{ImageRepositoryList{}, imagev1.ImageRepositoryList{}},
	} {
		ours, theirs := reflect.TypeOf(pair[0]), reflect.TypeOf(pair[1])
		compare(t, ours.Name(), ours, theirs)
	}
}

func compare(t *testing.T, path string, ours, theirs reflect.Type) {
	t.Helper()
	switch {
	case ours == theirs:
	case ours.Kind() == reflect.String && (theirs == reflect.TypeFor[metav1.Duration]() || theirs == reflect.TypeFor[*metav1.Duration]()): // its text
	case ours.Kind() != theirs.Kind():
		t.Errorf("%s is %s, and Flux's is %s", path, ours, theirs)
	case ours.Kind() == reflect.Pointer, ours.Kind() == reflect.Slice:
		compare(t, path, ours.Elem(), theirs.Elem())
	case ours.Kind() != reflect.Struct:
		t.Errorf("%s is %s, and Flux's is %s", path, ours, theirs)
	default:
		of := fields(theirs)
		for name, field := range fields(ours) {
			if their, found := of[name]; found {
				compare(t, path+"."+name, field, their)
			} else {
				t.Errorf("Flux has no %s.%s", path, name)
			}
		}
	}
}

// fields are those of a struct, by their names in JSON.
func fields(of reflect.Type) map[string]reflect.Type {
	result := map[string]reflect.Type{}
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		result[name] = field.Type
	}
	return result
}

// Nothing that is read has a form of its own in JSON, such as a duration's, which what the API
// server takes might not have.
func TestNothingIsParsed(t *testing.T) {
	for _, object := range []any{HelmRelease{}, ImagePolicy{}, ImageRepository{}} {
		of := fields(reflect.TypeOf(object))
		for _, part := range []string{"spec", "status"} {
			if of[part] != nil {
				isPlain(t, reflect.TypeOf(object).Name()+"."+part, of[part])
			}
		}
	}
}

func isPlain(t *testing.T, path string, of reflect.Type) {
	t.Helper()
	unmarshaler := reflect.TypeFor[json.Unmarshaler]()
	switch {
	case of.Kind() == reflect.Pointer:
		isPlain(t, path, of.Elem())
	case of == reflect.TypeFor[apiextensionsv1.JSON](): // takes everything
	case reflect.PointerTo(of).Implements(unmarshaler):
		t.Errorf("%s is %s, which parses what it reads", path, of)
	case of.Kind() == reflect.Slice, of.Kind() == reflect.Map:
		isPlain(t, path, of.Elem())
	case of.Kind() == reflect.Struct:
		for name, field := range fields(of) {
			isPlain(t, path+"."+name, field)
		}
	}
}

// What is not read of an object cannot keep it from being read, however wrong it is.
func TestWhatIsNotReadCannotFail(t *testing.T) {
	const text = `{
		"metadata": {"name": "web"},
		"spec": {"interval": "99999999999h", "timeout": 1, "suspend": true, "chart": {"spec": {"chart": "web", "interval": "x"}}},
		"status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "yesterday"}], "failures": "many"}
	}`
	release := &HelmRelease{}
	if err := json.Unmarshal([]byte(text), release); err != nil {
		t.Fatal(err)
	}
	if ready := release.Status.Conditions.Ready(); !release.Spec.Suspend || release.Spec.Chart.Spec.Chart != "web" || ready == nil || ready.Status != "True" {
		t.Errorf("it was read as %+v", release)
	}
}

// The kinds are known by the names and versions of Flux's own types.
func TestAddToScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	theirs := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{helmv2.AddToScheme, imagev1.AddToScheme} {
		if err := add(theirs); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []runtime.Object{
		&HelmRelease{}, &HelmReleaseList{}, &ImagePolicy{}, &ImagePolicyList{}, &ImageRepository{}, &ImageRepositoryList{},
	} {
		gvks, _, err := scheme.ObjectKinds(o)
		if err != nil || len(gvks) != 1 || !theirs.Recognizes(gvks[0]) {
			t.Errorf("%T is %v, %v", o, gvks, err)
		}
	}
}
