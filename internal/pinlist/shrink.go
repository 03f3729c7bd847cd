package pinlist

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// AnyShrink is the percentage that a list may shrink by which allows everything.
const AnyShrink = 100

// State returns what the next export needs to know of this one.
func State(e *v1alpha1.PinExport, now time.Time) *v1alpha1.ExportState {
	return &v1alpha1.ExportState{
		APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ExportStateKind,
		ExportedAt: now.UTC().Format(time.RFC3339), Lists: e.Lists,
	}
}

// ReadState decodes the state of the last export.
func ReadState(text []byte) (*v1alpha1.ExportState, error) {
	s := &v1alpha1.ExportState{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	if s.APIVersion != v1alpha1.APIVersion || s.Kind != v1alpha1.ExportStateKind {
		return nil, fmt.Errorf("it is a %s of %s, want a %s of %s", strconv.Quote(s.Kind), strconv.Quote(s.APIVersion),
			v1alpha1.ExportStateKind, v1alpha1.APIVersion)
	}
	return s, nil
}

// CheckShrink returns an error if a list, or all of them together, has lost this many
// percent of the pins that it had at the last export, or more. A list that is not exported
// any more has lost all.
func CheckShrink(last *v1alpha1.ExportState, now []v1alpha1.ExportedList, percent int) error {
	type key struct{ cluster, namespace, name string }
	has, before, after := map[key]int{}, 0, 0
	for _, l := range now {
		has[key{l.Cluster, l.Namespace, l.Name}] += l.Pins
		after += l.Pins
	}
	shrunk := func(what string, before, now int) error {
		if percent >= AnyShrink || now >= before || (before-now)*100 < percent*before {
			return nil
		}
		return fmt.Errorf("%s had %d pins at the last export, at %s, and has %d now: "+
			"if that is meant, export once with --max-shrink %d", what, before, last.ExportedAt, now, AnyShrink)
	}
	for _, l := range last.Lists {
		before += l.Pins
		if err := shrunk(describe(l), l.Pins, has[key{l.Cluster, l.Namespace, l.Name}]); err != nil {
			return err
		}
	}
	return shrunk("all lists together", before, after)
}

func describe(l v1alpha1.ExportedList) string {
	if l.Cluster == "" {
		return "the static file " + l.Name
	}
	return "the list " + l.Name + " of " + l.Cluster
}
