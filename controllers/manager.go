package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

// +kubebuilder:rbac:namespace=pinsync-system,groups=coordination.k8s.io,resources=leases,verbs=get;create;update
// +kubebuilder:rbac:namespace=pinsync-system,groups="",resources=events,verbs=create;patch

// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// Name is what the controller is called in leases, events and logs.
const Name = "pinsync"

// Run runs the controller against an API server until ctx is done. It returns an error if it could
// not start. One that loses its lease, because it could not renew it in time, starts again in the
// same process: a container that exits while the API server is away is restarted with a growing
// delay, which would outlast the outage.
func Run(ctx context.Context, config *rest.Config, options Options) error {
	for {
		wasLeader, err := run(ctx, config, options)
		if err == nil || !wasLeader || ctx.Err() != nil {
			return err
		}
		log.FromContext(ctx).Info("No longer the leader, starting again", "reason", err.Error())
	}
}

// run runs a manager until ctx is done or it fails, and reports whether it was the leader then.
func run(ctx context.Context, config *rest.Config, options Options) (wasLeader bool, err error) {
	scheme, err := convert.Scheme()
	if err != nil {
		return false, fmt.Errorf("registering kinds: %w", err)
	}
	request := reconcile.Request{NamespacedName: types.NamespacedName{
		Namespace: options.Namespace, Name: options.ConfigMapName,
	}}
	known := &knownVersions{}
	watches, shares := newWatches(&options, request, known), newShares()
	mgr, err := manager.New(config, manager.Options{
		Scheme:                  scheme,
		MapperProvider:          newMapper,
		Cache:                   cacheOptions(&options, scheme, watches, shares.spend),
		Metrics:                 metricsOptions(&options),
		Logger:                  log.FromContext(ctx),
		HealthProbeBindAddress:  options.HealthAddress,
		PprofBindAddress:        options.PprofAddress,
		LeaderElection:          options.LeaderElect,
		LeaderElectionID:        leaseName(&options),
		LeaderElectionNamespace: options.Namespace,
		// Nothing writes once the manager has ended, so the lease can be released at once.
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return false, fmt.Errorf("setting up: %w", err)
	}
	if options.LeaderElect {
		if err := mgr.Add(&leaderLog{live: mgr.GetAPIReader(), lease: types.NamespacedName{Namespace: options.Namespace, Name: leaseName(&options)}}); err != nil {
			return false, fmt.Errorf("setting up: %w", err)
		}
	}
	reconciler, err := newReconciler(mgr, options, request, watches, known, shares)
	if err != nil {
		return false, fmt.Errorf("setting up: %w", err)
	}
	if err := setup(mgr, reconciler); err != nil {
		return false, fmt.Errorf("setting up: %w", err)
	}
	err = mgr.Start(ctx)
	select {
	case <-mgr.Elected():
		return options.LeaderElect, err
	default:
		return false, err
	}
}

// leaseName returns the name of the lease: instances that share the releases have one each.
func leaseName(options *Options) string {
	if options.Releases == nil {
		return Name
	}
	return Name + "-" + options.ConfigMapName
}

// metricsOptions configure how metrics are served: by default with a certificate made for the
// process, and to those whom the API server authenticates and authorizes.
func metricsOptions(options *Options) metricsserver.Options {
	server := metricsserver.Options{BindAddress: options.MetricsAddress}
	if !options.MetricsInsecure {
		server.SecureServing, server.FilterProvider = true, filters.WithAuthenticationAndAuthorization
	}
	return server
}

// setup adds the controller and its probes to the manager.
func setup(mgr manager.Manager, reconciler *Reconciler) error {
	c, err := controller.New(Name, mgr, controller.Options{
		Reconciler: reconciler,
		// Passes are made one after the other: nothing else keeps them apart.
		MaxConcurrentReconciles: 1,
		// A replica that is not the leader fills its caches all the same.
		EnableWarmup: new(true),
		// There is one controller; the metrics of two managers in a process,
		// as tests have, may be mixed.
		SkipNameValidation: new(true),
	})
	if err != nil {
		return err
	}
	var events []source.Source
	for _, i := range reconciler.watches.all() {
		i.Use(mgr)
		events = append(events, i)
	}
	for _, w := range reconciler.gatherer.valuesFromWatches {
		events = append(events, w)
	}
	events = append(events, reconciler.gatherer.passes.source(reconciler.request))
	for _, s := range events {
		if err := c.Watch(s); err != nil {
			return err
		}
	}
	return errors.Join(
		mgr.Add(manager.RunnableFunc(reconciler.writeReportOnStop)),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddHealthzCheck("passes", reconciler.passes.live),
		mgr.AddReadyzCheck("watches", reconciler.watches.ready),
	)
}

func newReconciler(
	mgr manager.Manager, options Options, request reconcile.Request, w *watches, known *knownVersions, s *shares,
) (*Reconciler, error) {
	m, err := newMetrics(options.Version)
	if err != nil {
		return nil, err
	}
	changes, err := metadata.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	live := mgr.GetAPIReader()
	requests := newRequests()
	valuesFrom := &valuesFromCache{live: live, readSecrets: options.ReadSecrets, shares: s, passes: requests}
	chartImages, err := newChartImages(mgr, &options, w, s, requests)
	if err != nil {
		return nil, err
	}
	g := &gatherer{
		watches: w, live: live, options: options.Pins, shares: s, passes: requests,
		namespaces:   informers.Values[pin.Namespace]{Informer: w.namespaces},
		policies:     informers.Values[link.Policy]{Informer: w.policies},
		repositories: informers.Values[link.Repository]{Informer: w.repositories},
		images:       newReleaseImages(live, w.releases, valuesFrom, s, requests),
		charts:       chartImages,
		ignoreCharts: options.IgnoreCharts,
		valuesFrom:   valuesFrom,
		ran:          &ranImages{live: live, exists: w.hasRelease, shares: s},
		pods:         &pods{live: live, interval: podInterval(options.Pins.Grace)},
	}
	for _, kind := range []string{"ConfigMap", convert.SecretKind} {
		g.valuesFromWatches = append(g.valuesFromWatches, informers.NewValuesFromWatch(kind, changes, valuesFrom, request, options.SilenceTolerance))
	}
	timeout := cmp.Or(options.PassTimeout, passTimeout)
	return &Reconciler{
		namespace: options.Namespace,
		request:   request,
		timeout:   timeout,
		retries:   workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minRetryDelay, maxRetryDelay),
		passes:    &passes{elected: mgr.Elected(), ready: w.ready, limit: passLimit(options.Heartbeat, timeout)},
		watches:   w,
		gatherer:  g,
		planner:   pin.NewPlanner(options.Pins),
		publisher: newPublisher(mgr, options, request.NamespacedName, m, known, g.unprotected),
		recorder:  &eventRecorder{events: mgr.GetEventRecorder(Name), namespaces: w.namespaces, releases: w.releases},
		metrics:   m,
	}, nil
}

// newPublisher returns the publisher of a list of that name and the report on it.
func newPublisher(
	mgr manager.Manager, options Options, list types.NamespacedName, m *metrics, known *knownVersions, unprotected func() []v1alpha1.UnprotectedReleases,
) *publisher {
	return &publisher{
		objects: configMaps{
			namespace: list.Namespace, client: mgr.GetClient(), live: mgr.GetAPIReader(), metrics: m, known: known,
			list:   part{name: list.Name, label: v1alpha1.PinsLabel},
			report: part{name: pinlist.ReportName(list.Name), label: v1alpha1.ReportLabel},
		},
		registries: options.Pins.Registries, configuration: options.Effective(), unprotected: unprotected,
		heartbeat: options.Heartbeat, reportDelay: reportDelay(options.Pins.Grace), metrics: m,
	}
}
