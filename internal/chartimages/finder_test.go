package chartimages

import (
	"bytes"
	"reflect"
	"testing"

	"git.oleks.space/oleks/pinsync/internal/render"
)

// A request is the same for the process that renders, whatever its archive begins with, and takes no more
// room than that.
func TestRequestIsDecoded(t *testing.T) {
	for _, archive := range []string{"\x1f\x8b\x08", "\n \t", `{"Secret":false}`, "}", `"`, "1", "null", "\xff\x00"} {
		want := &Request{
			Input:  render.Input{Archive: []byte(archive), Values: []byte(`{"a":"<>&"}`), ReleaseName: "app", ValuesFiles: []string{"x.yaml"}},
			Secret: true, OpenValues: []byte("{}"), NotRendered: "because",
		}
		text, err := want.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v", archive, got, err)
		}
	}
	large, err := (&Request{Input: render.Input{Archive: make([]byte, 1<<20)}}).encode()
	if err != nil || len(large) > 1<<20+1<<10 {
		t.Errorf("the archive takes %d bytes, %v", len(large), err)
	}
	if _, err := decode(bytes.Repeat([]byte("{"), 10)); err == nil {
		t.Error("what is no request is one")
	}
}
