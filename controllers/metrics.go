package controllers

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// Metric describes one of the controller's metrics.
type Metric struct {
	Name string
	// Type is what Prometheus calls it: gauge, counter, histogram.
	Type string
	// Label is the name of its label, empty if it has none.
	Label string
	Help  string
}

// The names of the metrics.
const (
	pinsMetric     = "pinsync_pins"
	releasesMetric = "pinsync_releases"
	problemsMetric = "pinsync_problems"
	completeMetric = "pinsync_complete"
	syncedMetric   = "pinsync_last_sync_timestamp_seconds"
	bytesMetric    = "pinsync_list_bytes"
	limitMetric    = "pinsync_list_bytes_limit"
	objectsMetric  = "pinsync_list_objects"
	reportMetric   = "pinsync_report_bytes"
	reportsMetric  = "pinsync_report_objects"
	writesMetric   = "pinsync_configmap_writes_total"
	failuresMetric = "pinsync_failed_passes_total"
	stepsMetric    = "pinsync_step_duration_seconds"
	buildMetric    = "pinsync_build_info"
)

// Metrics are all metrics of the controller, beside those of its libraries. Those of the list
// exist only on the replica that writes it.
func Metrics() []Metric {
	return []Metric{
		{pinsMetric, "gauge", "state", "Pins in the list, by state: Needed, Held."},
		{releasesMetric, "gauge", "state", "Releases in the report, by state: Suspended, Resuming, Live."},
		{problemsMetric, "gauge", "reason", "Problems in the report, by reason: what may keep a tag out of the list."},
		{completeMetric, "gauge", "", "1 when every read for the list succeeded, 0 when one failed: then no pin is removed."},
		{syncedMetric, "gauge", "", "When the list was last known to be current, in seconds since 1970. It is not renewed while the list is incomplete."},
		{bytesMetric, "gauge", "", "Bytes of the list: its pins and images."},
		{limitMetric, "gauge", "", "Bytes beyond which the list is spread over more than one ConfigMap."},
		{objectsMetric, "gauge", "", "ConfigMaps that the list is spread over."},
		{reportMetric, "gauge", "", "Bytes of the full report. A report that does not fit into 16 ConfigMaps omits places and problems."},
		{reportsMetric, "gauge", "", "ConfigMaps that the report is spread over."},
		{writesMetric, "counter", "operation", "Writes of the ConfigMaps of the list and the report, by operation: create, update, delete."},
		{failuresMetric, "counter", "", "Passes that have failed: nothing was written, or not all. The log has the reason."},
		{stepsMetric, "histogram", "step", "Seconds that the steps of a pass took: load, gather, plan, publish."},
		{buildMetric, "gauge", "version", "1, with the version of the replica."},
	}
}

// metrics are those of a controller. What has no label is a vector, too: it exists only once it
// is set.
type metrics struct {
	pins, releases, problems, complete, synced *prometheus.GaugeVec
	// bytes, limit and objects are of the list, reportBytes and reportObjects of the report.
	bytes, limit, objects, reportBytes, reportObjects *prometheus.GaugeVec
	writes, failures                                  *prometheus.CounterVec
	steps                                             *prometheus.HistogramVec
}

// newMetrics registers the metrics of a controller of that version.
func newMetrics(version string) (*metrics, error) {
	m := &metrics{}
	var build *prometheus.GaugeVec
	gauges := map[string]**prometheus.GaugeVec{
		pinsMetric: &m.pins, releasesMetric: &m.releases, problemsMetric: &m.problems, completeMetric: &m.complete,
		syncedMetric: &m.synced, bytesMetric: &m.bytes, limitMetric: &m.limit, objectsMetric: &m.objects,
		reportMetric: &m.reportBytes, reportsMetric: &m.reportObjects, buildMetric: &build,
	}
	counters := map[string]**prometheus.CounterVec{writesMetric: &m.writes, failuresMetric: &m.failures}
	for _, metric := range Metrics() {
		var labels []string
		if metric.Label != "" {
			labels = []string{metric.Label}
		}
		var err error
		switch metric.Type {
		case "counter":
			vector := counters[metric.Name]
			*vector = prometheus.NewCounterVec(prometheus.CounterOpts{Name: metric.Name, Help: metric.Help}, labels)
			err = register(vector)
		case "histogram":
			m.steps = prometheus.NewHistogramVec(prometheus.HistogramOpts{
				Name: metric.Name, Help: metric.Help, Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
			}, labels)
			err = register(&m.steps)
		default:
			vector := gauges[metric.Name]
			*vector = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: metric.Name, Help: metric.Help}, labels)
			if err = register(vector); err == nil {
				(*vector).Reset() // it may have been the leader before
			}
		}
		if err != nil {
			return nil, err
		}
	}
	for _, operation := range []string{opCreate, opUpdate, opDelete} {
		m.writes.WithLabelValues(operation) // from 0 on, so that the first one is an increase
	}
	m.failures.WithLabelValues()
	build.WithLabelValues(version).Set(1)
	return m, nil
}

// The operations by which the writes of ConfigMaps are counted.
const (
	opCreate = "create"
	opUpdate = "update"
	opDelete = "delete"
)

// register registers a collector, or takes the one that another controller of the process has
// registered.
func register[C prometheus.Collector](collector *C) error {
	err := ctrlmetrics.Registry.Register(*collector)
	registered, ok := err.(prometheus.AlreadyRegisteredError) //nolint:errorlint // it is returned as it is
	if !ok {
		return err
	}
	existing, ok := registered.ExistingCollector.(C)
	if !ok {
		return fmt.Errorf("another metric has the same name: %w", err)
	}
	*collector = existing
	return nil
}

// step measures a step of a pass, from now until what it returns is called.
func (m *metrics) step(name string) (done func()) {
	begin := time.Now()
	return func() { m.steps.WithLabelValues(name).Observe(time.Since(begin).Seconds()) }
}

// report sets the metrics of a report.
func (m *metrics) report(report *v1alpha1.PinReport) {
	m.pins.Reset()
	for _, state := range []v1alpha1.PinState{v1alpha1.PinNeeded, v1alpha1.PinHeld} {
		m.pins.WithLabelValues(string(state))
	}
	for i := range report.Pins {
		m.pins.WithLabelValues(string(report.Pins[i].State)).Inc()
	}
	m.releases.Reset()
	for _, state := range []v1alpha1.ReleaseState{v1alpha1.ReleaseSuspended, v1alpha1.ReleaseResuming, v1alpha1.ReleaseLive} {
		m.releases.WithLabelValues(string(state))
	}
	m.problems.Reset()
	problems := func(list []v1alpha1.Problem) {
		for i := range list {
			m.problems.WithLabelValues(string(list[i].Reason)).Inc()
		}
	}
	problems(report.Problems)
	for i := range report.Releases {
		m.releases.WithLabelValues(string(report.Releases[i].State)).Inc()
		problems(report.Releases[i].Problems)
	}
}

// listWritten sets the metrics of the list as it is now.
func (m *metrics) listWritten(complete bool, synced time.Time, bytes, limit, objects int) {
	value := 0.0
	if complete {
		value = 1
	}
	m.complete.WithLabelValues().Set(value)
	m.synced.WithLabelValues().Set(float64(synced.Unix()))
	m.bytes.WithLabelValues().Set(float64(bytes))
	m.limit.WithLabelValues().Set(float64(limit))
	m.objects.WithLabelValues().Set(float64(objects))
}

// reportWritten sets the metrics of the report as it is now.
func (m *metrics) reportWritten(encoded *pinlist.EncodedReport) {
	m.reportBytes.WithLabelValues().Set(float64(encoded.Size))
	m.reportObjects.WithLabelValues().Set(float64(len(encoded.Objects)))
}
