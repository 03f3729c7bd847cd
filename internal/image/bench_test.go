package image

import (
	"fmt"
	"strings"
	"testing"
)

// Whatever a tenant writes, twice as much of it takes about twice as long. Each kind is
// what one stage could be slow at.
func BenchmarkFind(b *testing.B) {
	kinds := map[string]func(size int) any{
		"key of dashes": func(size int) any {
			tags := map[string]any{}
			for i := range 20 {
				tags[fmt.Sprint("t", i)] = map[string]any{"tag": "v1"}
			}
			return map[string]any{strings.Repeat("a-", size/2): tags}
		},
		"keys that are endings": func(size int) any {
			m := map[string]any{}
			for i := range size / 64 {
				m[fmt.Sprint(strings.Repeat("image", 8), i, "tag")] = "v1"
			}
			return m
		},
		"images of one registry": func(size int) any {
			m := map[string]any{"registry": "g.io", "version": "1"}
			for i := range size / 32 {
				m[fmt.Sprint("a", i, "Image")] = "o/a"
			}
			return m
		},
		"text of one word":    func(size int) any { return map[string]any{"x": strings.Repeat("a", size)} },
		"text of slashes":     func(size int) any { return map[string]any{"x": strings.Repeat("a.b/", size/4)} },
		"text of colons":      func(size int) any { return map[string]any{"x": strings.Repeat("a.b/c:", size/6)} },
		"text of quotes":      func(size int) any { return map[string]any{"x": strings.Repeat(`"g.io/o/a:1`, size/11)} },
		"text of blanks":      func(size int) any { return map[string]any{"x": "a:" + strings.Repeat(" ", size) + "g.io/o/a:1"} },
		"text of references":  func(size int) any { return map[string]any{"x": strings.Repeat("g.io/o/a:1 ", size/11)} },
		"image of references": func(size int) any { return map[string]any{"image": strings.Repeat("g.io/o/a:1 ", size/11)} },
		"image of one word":   func(size int) any { return map[string]any{"image": strings.Repeat("a/", size/2) + "a:1"} },
		"tag of one word":     func(size int) any { return map[string]any{"repository": "g.io/o/a", "tag": strings.Repeat("a", size)} },
		"repository": func(size int) any {
			return map[string]any{"registry": strings.Repeat("g.", size/2) + "io", "repository": strings.Repeat("o/", size/2) + "a", "tag": "1"}
		},
		"places": func(size int) any {
			m := map[string]any{"name": "a", "tag": "1"}
			for i := range size / 32 {
				m[fmt.Sprint("k", i)] = "g.io/o/a_" + fmt.Sprint(i) + "!"
			}
			return m
		},
	}
	for name, values := range kinds {
		for _, kilobytes := range []int{256, 512, 1024} {
			b.Run(fmt.Sprintf("%s/%dKiB", strings.ReplaceAll(name, " ", "-"), kilobytes), func(b *testing.B) {
				made := values(kilobytes << 10)
				for b.Loop() {
					Find(made, "v")
				}
			})
		}
	}
}
