package manifest

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// utf16 is a text as PowerShell writes it to a file.
func utf16(s string) string {
	return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00"
}

func TestRead(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"nothing":       {"", ""},
		"one":           {"apiVersion: v1\nkind: A\n", "document 1 v1/A"},
		"two":           {"apiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: B\n", "document 1 v1/A; document 2 v1/B"},
		"empty between": {"---\n---\napiVersion: v1\nkind: A\n---\n# nothing\n---\n", "document 2 v1/A"},
		"line ends":     {"apiVersion: v1\r\nkind: A\r\n---\r\napiVersion: v1\r\nkind: B\r\n", "document 1 v1/A; document 2 v1/B"},
		"no objects":    {"a: b\n---\n- a\n---\nplain\n---\nkind: A\n", ""},
		"list": {
			"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A}\n- {apiVersion: v1, kind: BList, items: [{apiVersion: v1, kind: B}]}\n",
			"document 1: item 1 v1/A; document 1: item 2: item 1 v1/B",
		},
		"mark":            {"\ufeffapiVersion: v1\nkind: A\n---\n\ufeffapiVersion: v1\nkind: B\n", "document 1 v1/A; document 2 v1/B"},
		"mark, JSON":      {"\ufeff" + `{"apiVersion":"v1","kind":"A"}` + "\n\ufeff" + `{"apiVersion":"v1","kind":"B"}`, "document 1 v1/A; document 2 v1/B"},
		"UTF-16":          {utf16("apiVersion: v1\nkind: A\n"), "document 1 v1/A"},
		"JSON after YAML": {"apiVersion: v1\nkind: A\n---\n" + `{"apiVersion":"v1","kind":"B"}{"apiVersion":"v1","kind":"C"}` + "\n---\n{apiVersion: v1, kind: D}\n", "document 1 v1/A; document 2 v1/B; document 3 v1/C; document 4 v1/D"},
		"JSON":            {` {"apiVersion":"v1","kind":"A"}{"apiVersion":"v1","kind":"B"} `, "document 1 v1/A; document 2 v1/B"},
	}
	for name, test := range tests {
		var got []string
		err := Read(strings.NewReader(test.in), "f", func(o Object) error {
			got = append(got, strings.TrimPrefix(o.Source, "f: ")+" "+o.APIVersion+"/"+o.Kind)
			return nil
		})
		if all := strings.Join(got, "; "); err != nil || all != test.want {
			t.Errorf("%s: got %q, %v; want %q", name, all, err, test.want)
		}
	}
}

// Documents are handed on as they come: the second is written only when the first
// was taken.
func TestReadStreams(t *testing.T) {
	for name, form := range map[string]string{
		"YAML": "apiVersion: v1\nkind: Kind%d\nfiller: " + strings.Repeat("x", 1<<17) + "\n---\n",
		"JSON": `{"apiVersion":"v1","kind":"Kind%d","filler":"` + strings.Repeat("x", 1<<17) + `"}` + "\n",
	} {
		reader, writer := io.Pipe()
		taken := make(chan string)
		go func() {
			for i := range 3 {
				fmt.Fprintf(writer, form, i)
				if got, want := <-taken, fmt.Sprint("Kind", i); got != want {
					t.Errorf("%s: took %s, want %s", name, got, want)
				}
			}
			writer.Close()
		}()
		if err := Read(reader, "f", func(o Object) error { taken <- o.Kind; return nil }); err != nil {
			t.Error(err)
		}
	}
}
