package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/published"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// maxMissingPins is how many missing pins a record has: an annotation has little room.
const maxMissingPins = 10

// recordCheck records what a check has found on each list.
func recordCheck(ctx context.Context, result *v1alpha1.RegistryCheck, clusters []*rest.Config, lists []pinlist.Published) error {
	var errs []error
	for i := range lists {
		l := &lists[i]
		cluster := clusters[slices.IndexFunc(clusters, func(c *rest.Config) bool { return published.NameOf(c) == l.Cluster })]
		if err := published.RecordCheck(ctx, cluster, l, recordOf(result, l)); err != nil {
			errs = append(errs, fmt.Errorf("the result is not recorded: %s: %w", l.Cluster, err))
		}
	}
	return errors.Join(errs...)
}

// recordOf returns what a check has found of the pins of a list.
func recordOf(result *v1alpha1.RegistryCheck, l *pinlist.Published) *v1alpha1.RecordedCheck {
	ofList := &v1alpha1.RegistryCheck{}
	record := &v1alpha1.RecordedCheck{At: l.Read.At.UTC().Format(time.RFC3339), Plan: l.Plan}
	for i := range result.Images {
		checked := result.Images[i]
		if _, ok := slices.BinarySearch(l.Pins, checked.Pin); !ok || !mayBeNeeded(&checked) {
			continue
		}
		ofList.Images = append(ofList.Images, checked)
		if isMissing(checked.Status) && len(record.MissingPins) < maxMissingPins {
			record.MissingPins = append(record.MissingPins, checked.Pin)
		}
	}
	record.Images = len(ofList.Images)
	record.Missing, record.Unchecked = count(ofList)
	return record
}

// checkedOf returns the record of the last check of a list, and nil if there is none.
func checkedOf(l *pinlist.Published) *v1alpha1.RecordedCheck {
	record := &v1alpha1.RecordedCheck{}
	if json.Unmarshal([]byte(l.Checked), record) != nil {
		return nil
	}
	at, err := time.Parse(time.RFC3339, record.At)
	if err != nil {
		return nil
	}
	record.Age, record.ListChanged = max(l.Read.At.Sub(at).Round(time.Second), 0).String(), record.Plan != l.Plan
	return record
}
