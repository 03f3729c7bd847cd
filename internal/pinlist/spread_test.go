package pinlist

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// A list that has grown or shrunk a little stays in as many objects.
func TestSpreadStays(t *testing.T) {
	pins := planOf(100, 10).Pins
	encode := func(pins []v1alpha1.Pin, objects int) int {
		l := layout(10_000)
		l.Objects = objects
		encoded, err := Encode("pins", pins, Stamp{}, l)
		if err != nil {
			t.Fatal(err)
		}
		return len(encoded)
	}
	objects := encode(pins, 1)
	for n := objects; n <= 2*objects; n *= 2 {
		if again := encode(pins[:len(pins)*9/10], n); again > n || again < objects {
			t.Errorf("%d objects became %d", n, again)
		}
	}
	if again := encode(pins[:1], objects); objects < 4 || again != 1 {
		t.Errorf("one pin is spread over %d objects of %d", again, objects)
	}
}

// In doubling and halving, an entry either stays or moves between an object and the one that
// is as far above it as there were.
func TestSpreadMovesLittle(t *testing.T) {
	pins := planOf(100, 10).Pins
	encode := func(objects int) []Object {
		for room := 200_000; ; room = room * 9 / 10 {
			encoded, err := Encode("pins", pins, Stamp{}, layout(room))
			if err != nil {
				t.Fatal(err)
			}
			if len(encoded) >= objects {
				return encoded
			}
		}
	}
	for n := 1; n < 32; n *= 2 {
		before, after := encode(n), encode(2*n)
		if len(before) != n || len(after) != 2*n {
			t.Fatalf("%d and %d objects, want %d and %d", len(before), len(after), n, 2*n)
		}
		for i := range after {
			for line := range strings.Lines(after[i].Data[v1alpha1.PinsKey]) {
				if !strings.Contains(before[i%n].Data[v1alpha1.PinsKey], line) {
					t.Fatalf("from %d to %d objects, %q came to %d from elsewhere", n, 2*n, line, i)
				}
			}
		}
	}
}

// Splitting and joining any lists gives the same lists.
func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOf(rapid.IntRange(1, chunk)).Draw(t, "sizes")
		parts := split(sizes, func(size *int) int { return *size })
		if got := slices.Concat(parts...); !slices.Equal(got, sizes) {
			t.Fatalf("got %v", parts)
		}
		for _, part := range parts {
			sum := 0
			for _, size := range part[1:] {
				sum += size
			}
			if sum > chunk {
				t.Fatalf("%v is too much", part)
			}
		}
	})
}
