package chartimages

import (
	"fmt"
	"os"
	"testing"
	"testing/fstest"

	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// serveName is the argument with which the test renders for itself.
const serveName = "serve"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serveName {
		if err := Serve(DefaultLimits(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// chart packs a chart with these files.
func chart(t *testing.T, files map[string]string) []byte {
	t.Helper()
	folder := fstest.MapFS{"Chart.yaml": {Data: []byte("apiVersion: v2\nname: app\nversion: 1.2.3\nappVersion: \"4.5\"\n")}}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	archive, err := render.Pack(folder)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func request(t *testing.T, files map[string]string, values string) *Request {
	t.Helper()
	return &Request{Input: render.Input{Archive: chart(t, files), Values: []byte(values), ReleaseName: "app", Namespace: "shop"}}
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: '%'}]}\n"

// images prints the images that were found, and the problems.
func images(found *pin.ChartImages) string {
	text := ""
	for i := range found.Mentions {
		text += found.Mentions[i].Path + " " + found.Mentions[i].String() + "; "
	}
	for _, p := range found.Problems {
		text += string(p.Reason) + ": " + p.Message + "; "
	}
	return text
}
