package controllers

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// What keeps the list from being written is one line every half minute, however many passes fail, and
// a start that takes some seconds is none.
func TestStall(t *testing.T) {
	var out strings.Builder
	ctx := log.IntoContext(context.Background(), logr.FromSlogHandler(slog.NewTextHandler(&out, nil)))
	begin := time.Now()
	after := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	expect := func(when string, want ...string) {
		t.Helper()
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if out.Len() == 0 {
			lines = nil
		}
		out.Reset()
		if len(lines) != len(want) {
			t.Fatalf("%s: logged %q, want %q", when, lines, want)
		}
		for i := range want {
			if !strings.Contains(lines[i], want[i]) {
				t.Errorf("%s: logged %q, want %q", when, lines[i], want[i])
			}
		}
	}
	var s stall
	for second := range 5 {
		s.wait(ctx, after(second), "HelmRelease: its objects are not all read yet")
	}
	s.end(ctx, after(5))
	expect("after a start")

	for second := range 65 {
		s.wait(ctx, after(second), "HelmRelease: not served")
	}
	const waiting = `level=ERROR msg="The list is not written" because="HelmRelease: not served" for=`
	expect("while a kind is missing", waiting+"30s", waiting+"1m0s")
	s.end(ctx, after(65))
	expect("once it is there", `msg="List and report are written again" after=1m5s`)

	for second := range 59 {
		s.fail(ctx, after(second), false, errors.New("forbidden"))
	}
	const failing = `msg="The list is not written" because=forbidden for=`
	expect("while writes fail", failing+"0s", failing+"30s")
	s.end(ctx, after(59))
	expect("once they succeed", "written again")
	s.fail(ctx, after(60), true, errors.New("forbidden"))
	expect("while writes of the report fail", `msg="The report is not written" because=forbidden for=0s`)
}
