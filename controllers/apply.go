package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// fieldOwner is the controller's name in the ConfigMap's managed fields.
const fieldOwner = client.FieldOwner("pinsync")

// recall reads the ConfigMap. Where there is none it returns one that was never
// written.
func (r *Reconciler) recall(ctx context.Context, name types.NamespacedName) (*corev1.ConfigMap, error) {
	current := &corev1.ConfigMap{}
	err := r.live.Get(ctx, name, current)
	if apierrors.IsNotFound(err) {
		current.Namespace, current.Name = name.Namespace, name.Name
		return current, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s: %w", name, err)
	}
	return current, nil
}

// apply writes the report to the ConfigMap if that says something else, or if
// its synced-at is due, and returns when it is due next. The write succeeds only
// on the version that was read.
func (r *Reconciler) apply(
	ctx context.Context, current *corev1.ConfigMap, report *v1alpha1.PinReport, s *pin.Snapshot,
) (renewIn time.Duration, err error) {
	desired := current.DeepCopy()
	if err := render(desired, report, s.Complete()); err != nil {
		return 0, err
	}
	same := isSame(current, desired)
	if due := r.renewIn(current, s.Taken); same && due > 0 {
		return due, nil
	}
	desired.Annotations[v1alpha1.SyncedAtAnnotation] = s.Taken.UTC().Format(time.RFC3339)
	if current.ResourceVersion == "" {
		err = r.client.Create(ctx, desired, fieldOwner)
	} else {
		err = r.client.Update(ctx, desired, fieldOwner)
	}
	if err != nil {
		return 0, fmt.Errorf("writing ConfigMap %s: %w", client.ObjectKeyFromObject(desired), err)
	}
	if !same {
		log.FromContext(ctx).Info("Wrote the list", "pins", desired.Annotations[v1alpha1.CountAnnotation],
			"complete", s.Complete(), "protectedReleases", len(report.Releases))
	}
	return r.options.Heartbeat, nil
}

// render puts a report into the ConfigMap, and leaves what is not pinsync's.
func render(configMap *corev1.ConfigMap, report *v1alpha1.PinReport, complete bool) error {
	lines := pin.Lines(report)
	reportJSON, err := pin.JSON(report)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(lines))
	set(&configMap.Labels, map[string]string{v1alpha1.PinsLabel: "true"})
	set(&configMap.Annotations, map[string]string{
		v1alpha1.CompleteAnnotation: strconv.FormatBool(complete),
		v1alpha1.ChecksumAnnotation: "sha256:" + hex.EncodeToString(sum[:]),
		v1alpha1.CountAnnotation:    strconv.Itoa(strings.Count(lines, "\n")),
		v1alpha1.ShardAnnotation:    "0/1",
	})
	data := map[string]string{
		v1alpha1.PinsKey:   lines,
		v1alpha1.ImagesKey: pin.Images(report),
		v1alpha1.ReportKey: reportJSON,
	}
	set(&configMap.Data, data)
	for key := range data {
		delete(configMap.BinaryData, key)
	}
	return nil
}

func set(target *map[string]string, values map[string]string) {
	if *target == nil {
		*target = make(map[string]string, len(values))
	}
	maps.Copy(*target, values)
}

// isSame says whether a ConfigMap has nothing to be changed. One that was never
// written always has.
func isSame(current, desired *corev1.ConfigMap) bool {
	return current.ResourceVersion != "" &&
		maps.Equal(current.Labels, desired.Labels) &&
		maps.Equal(current.Annotations, desired.Annotations) &&
		maps.Equal(current.Data, desired.Data) &&
		len(current.BinaryData) == len(desired.BinaryData)
}

// renewIn returns when the list's synced-at is due to be renewed; not after now
// where it is due, is missing, cannot be read or is in the future.
func (r *Reconciler) renewIn(current *corev1.ConfigMap, now time.Time) time.Duration {
	syncedAt, err := time.Parse(time.RFC3339, current.Annotations[v1alpha1.SyncedAtAnnotation])
	if err != nil || syncedAt.After(now) {
		return 0
	}
	return syncedAt.Add(r.options.Heartbeat).Sub(now)
}
