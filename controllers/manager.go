package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/configuration"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// +kubebuilder:rbac:namespace=pinsync-system,groups=coordination.k8s.io,resources=leases,verbs=get;create;update
// +kubebuilder:rbac:namespace=pinsync-system,groups="",resources=events,verbs=create;patch

// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// Name is what the controller is called in leases, events and logs.
const Name = "pinsync"

// A pass that failed is made again after retryFirst, then after twice the time
// before, up to retryMost: what a user would wait for after the API server is
// back.
const (
	retryFirst = 200 * time.Millisecond
	retryMost  = 30 * time.Second
)

// Options are what the controller is told.
type Options struct {
	configuration.Configuration

	// Namespace is where the ConfigMap and the lease are.
	Namespace string

	// Releases are the labels of the HelmReleases that are followed, where several controllers
	// share them, each with a list of its own; nil: all.
	Releases labels.Selector

	// LeaderElect says that other replicas may run beside this one.
	LeaderElect bool

	// Version is pinsync's own, for metrics.
	Version string

	// MetricsInsecure says that metrics are served without TLS, to everybody. Otherwise the
	// API server is asked who may read them.
	MetricsInsecure bool

	// MetricsAddress and HealthAddress are what the two servers listen on, as
	// host:port; "0" for none.
	MetricsAddress, HealthAddress string
}

// Run runs the controller against an API server until ctx is done. It returns an
// error if it could not start or has lost its lease.
func Run(ctx context.Context, config *rest.Config, options Options) error {
	scheme, err := convert.Scheme()
	if err != nil {
		return fmt.Errorf("registering kinds: %w", err)
	}
	request := reconcile.Request{NamespacedName: types.NamespacedName{
		Namespace: options.Namespace, Name: options.ConfigMapName,
	}}
	streams := &streams{request: request, scheme: scheme, byKind: map[schema.GroupVersionKind]*stream{}}
	mgr, err := manager.New(config, manager.Options{
		Scheme:                  scheme,
		Cache:                   cacheOptions(&options, streams),
		Metrics:                 metricsOptions(&options),
		HealthProbeBindAddress:  options.HealthAddress,
		LeaderElection:          options.LeaderElect,
		LeaderElectionID:        lease(&options),
		LeaderElectionNamespace: options.Namespace,
		// The process ends with the manager, so the lease can be let go at once.
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	if err := setup(mgr, options, request, streams); err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	return mgr.Start(ctx)
}

// lease is the name of the lease: controllers that share the releases have one each.
func lease(options *Options) string {
	if options.Releases == nil {
		return Name
	}
	return Name + "-" + options.ConfigMapName
}

// metricsOptions say how metrics are served: unless told otherwise with a certificate made
// for the process, and to those whom the API server knows and gives the right to.
func metricsOptions(options *Options) metricsserver.Options {
	server := metricsserver.Options{BindAddress: options.MetricsAddress}
	if !options.MetricsInsecure {
		server.SecureServing, server.FilterProvider = true, filters.WithAuthenticationAndAuthorization
	}
	return server
}

// setup adds the controller and its probes to the manager.
func setup(mgr manager.Manager, options Options, request reconcile.Request, streams *streams) error {
	reconciler, err := newReconciler(mgr, options, request, streams)
	if err != nil {
		return err
	}
	yes := true
	c, err := controller.New(Name, mgr, controller.Options{
		Reconciler: reconciler,
		// Passes and looks at the list take turns: nothing else keeps them apart.
		MaxConcurrentReconciles: 1,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryMost),
		// A replica that is not the leader fills its caches all the same.
		EnableWarmup: &yes,
		// There is one controller; the metrics of two managers in a process,
		// as tests have, may be mixed.
		SkipNameValidation: &yes,
	})
	if err != nil {
		return err
	}
	var events []source.Source
	for _, k := range reconciler.watches.all() {
		events = append(events, k)
	}
	for _, w := range reconciler.sourceWatches {
		events = append(events, w)
	}
	for _, s := range events {
		if err := c.Watch(s); err != nil {
			return err
		}
	}
	return errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("watches", reconciler.watches.ready),
	)
}

func newReconciler(mgr manager.Manager, options Options, request reconcile.Request, streams *streams) (*Reconciler, error) {
	meters, err := newMeters(options.Version)
	if err != nil {
		return nil, err
	}
	changes, err := metadata.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	w := newWatches(mgr, request, streams, options.Releases)
	sources := newSources(mgr.GetAPIReader(), options.ReadSecrets)
	r := &Reconciler{
		options:  options,
		watches:  w,
		list:     &store{name: request.NamespacedName, client: mgr.GetClient(), live: mgr.GetAPIReader(), meters: meters},
		pods:     &pods{live: mgr.GetAPIReader(), every: lookEvery(options.Pins.Grace)},
		live:     mgr.GetAPIReader(),
		sources:  sources,
		contents: newContents(mgr.GetAPIReader(), sources),
		teller:   &teller{recorder: mgr.GetEventRecorder(Name), watches: w},
		planner:  pin.NewPlanner(options.Pins),
		meters:   meters,
	}
	for _, kind := range []sourceKind{configMapSource, secretSource} {
		r.sourceWatches = append(r.sourceWatches, &sourceWatch{
			kind: kind, metadata: changes, sources: r.sources, request: request,
			stream: &stream{kind: "valuesFrom " + string(kind), request: request},
		})
	}
	return r, nil
}

// ready says no as long as a required kind is not followed.
func (w *watches) ready(*http.Request) error {
	for _, k := range w.all() {
		if at, detail := k.progress(); k.required && at != stateInSync {
			return fmt.Errorf("%s is not followed yet: %s", k.gvk.Kind, detail)
		}
	}
	return nil
}
