package pin

import (
	"slices"
	"testing"

	"git.oleks.space/oleks/pinsync/internal/image"
)

func TestLines(t *testing.T) {
	registries := []Registry{
		{Host: "g.io", Type: "container"},
		{Host: "g.io", Owner: "team/sub", Type: "deep"},
		{Host: "g.io", Owner: "team", Type: "owned"},
	}
	tests := []struct {
		registries []Registry
		repository image.Repository
		tag        string
		want       []line
	}{
		{nil, image.Repository{Host: "g.io", Path: "o/a"}, "1", []line{{"container/a==1", "g.io/o/a:1"}}},
		{nil, image.Repository{Host: "g.io", Path: "a"}, "1", []line{{"container/a==1", "g.io/a:1"}}},
		{nil, image.Repository{Host: "g.io", Path: "o/a/b"}, "1", []line{{"container/a/b==1", "g.io/o/a/b:1"}}},
		{nil, image.Repository{Host: "g.io", Path: "o/a"}, "V1", []line{{"container/a==V1", "g.io/o/a:V1"}, {"container/a==v1", "g.io/o/a:v1"}}},
		{registries, image.Repository{Host: "g.io", Path: "o/a"}, "1", []line{{"container/a==1", "g.io/o/a:1"}}},
		{registries, image.Repository{Host: "g.io", Path: "team/a"}, "1", []line{{"owned/a==1", "g.io/team/a:1"}}},
		{registries, image.Repository{Host: "g.io", Path: "team/sub/a"}, "1", []line{{"deep/a==1", "g.io/team/sub/a:1"}}},
		{registries, image.Repository{Host: "g.io", Path: "teams/a"}, "1", []line{{"container/a==1", "g.io/teams/a:1"}}},
		{registries, image.Repository{Host: "g.io:5000", Path: "team/a"}, "1", nil},
		{registries[2:], image.Repository{Host: "g.io", Path: "team"}, "1", nil},
	}
	for _, test := range tests {
		if got := lines(test.registries, test.repository, test.tag); !slices.Equal(got, test.want) {
			t.Errorf("%v %s: got %v, want %v", test.registries, test.repository, got, test.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, pin := range []string{"container/a==1", "container/a/b==V1.2_x-y", "generic/a==latest", "helm/a==1.0.0+b.1"} {
		if err := Check(pin); err != nil {
			t.Error(err)
		}
	}
	for _, pin := range []string{
		"", "container/a", "a==1", "container/a==", "container/==1", "/a==1", "container/a==1==2", "Container/a==1",
		"container/A==1", "container/a==1\n", "container/a== 1", "container/a b==1", "container//a==1",
		"container/a==1+b", "helm/a==+b", "helm/a==1 b",
	} {
		if err := Check(pin); err == nil {
			t.Errorf("%q passes as a pin", pin)
		}
	}
}
