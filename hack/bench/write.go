package main

import (
	"context"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/bench/bare"
)

// sameSize is the ConfigMap that is written to measure a write alone.
const sameSize = "same-size"

// measureWrite writes a ConfigMap of the size of the list's first one and watches it, which
// is the part of the API server, etcd and the watch in the time until a suspend is visible.
func (b *bench) measureWrite(ctx context.Context, pinsync *process) error {
	progress("%d releases: writing a ConfigMap as large as the list %d times", len(b.apps), b.samples)
	var list corev1.ConfigMap
	first := client.ObjectKey{Namespace: v1alpha1.DefaultNamespace, Name: v1alpha1.DefaultConfigMapName}
	if err := b.client.Get(ctx, first, &list); err != nil {
		return err
	}
	target := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: bare.Namespace, Name: sameSize}, Data: list.Data}
	for _, text := range target.Data {
		b.figures.Write.Bytes += len(text)
	}
	if err := b.client.Create(ctx, target); err != nil {
		return err
	}
	written, err := b.watch(ctx, client.InNamespace(bare.Namespace))
	if err != nil {
		return err
	}
	defer written.stop()
	published, report, err := b.watchPublished(ctx)
	if err != nil {
		return err
	}
	defer published.stop()
	defer report.stop()
	for i := range b.samples {
		if err := quiet(ctx, []*watcher{written, report}, pinsync); err != nil {
			return err
		}
		before := written.count()
		seen := written.when(func() bool { return written.writes > before })
		target.Annotations = map[string]string{"write": strconv.Itoa(i)}
		sent := time.Now()
		if err := b.client.Update(ctx, target); err != nil {
			return err
		}
		at, err := await(ctx, seen)
		if err != nil {
			return err
		}
		b.figures.Write.Seconds = append(b.figures.Write.Seconds, at.Sub(sent).Seconds())
	}
	return nil
}
