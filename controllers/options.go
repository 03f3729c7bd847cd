package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// Options configure the controller.
type Options struct {
	configuration.Configuration

	// Charts finds the images that charts name; nil, no charts are read.
	Charts *chartimages.Finder

	// Namespace is where the ConfigMap and the lease are.
	Namespace string

	// Releases selects the HelmReleases of this instance, where several instances share them,
	// each with a list of its own; nil: all.
	Releases labels.Selector

	// SilenceTolerance is how long a watch may send nothing new; zero: informers.SilenceTolerance.
	SilenceTolerance time.Duration

	// PassTimeout is how long a pass may take; zero: passTimeout.
	PassTimeout time.Duration

	// LeaderElect is true where other replicas may run beside this one.
	LeaderElect bool

	// Version is pinsync's own, for metrics.
	Version string

	// MetricsInsecure serves metrics without TLS, to everybody. Otherwise the API server is
	// asked who may read them.
	MetricsInsecure bool

	// MetricsAddress and HealthAddress are what the two servers listen on, as
	// host:port; "0" for none.
	MetricsAddress, HealthAddress string

	// PprofAddress is where Go's profiles are served, to everybody; empty or "0" for none.
	PprofAddress string
}
