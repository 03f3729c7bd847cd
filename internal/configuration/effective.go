package configuration

import (
	"strconv"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Effective returns a configuration as a file would have it, with its defaults filled in.
func (c *Configuration) Effective() *v1alpha1.Configuration {
	e := &v1alpha1.Configuration{
		APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ConfigurationKind,
		ConfigMapName:      c.ConfigMapName,
		Charts:             choose(c.IgnoreCharts, v1alpha1.ChartsIgnore, v1alpha1.ChartsRead),
		MissingHelmCharts:  choose(c.CreateHelmCharts, v1alpha1.HelmChartsCreate, v1alpha1.HelmChartsIgnore),
		CrossNamespaceRefs: choose(c.DenyCrossNamespace, v1alpha1.RefsDeny, v1alpha1.RefsAllow),
		RenderTimeout:      c.RenderTimeout.String(),
		RenderMemory:       strconv.Itoa(c.RenderMemory),
		NamespaceDefault:   choose(c.Pins.NamespacesDisabled, v1alpha1.SyncDisabled, v1alpha1.SyncEnabled),
		Releases:           choose(c.Pins.ProtectLive, v1alpha1.ReleasesAll, v1alpha1.ReleasesSuspended),
		SecretValues:       choose(c.ReadSecrets, v1alpha1.SecretValuesRead, v1alpha1.SecretValuesIgnore),
		Tags:               choose(c.Pins.FloatingOnly, v1alpha1.TagsFloating, v1alpha1.TagsReferenced),
		Hold: v1alpha1.HoldConfiguration{
			Grace: c.Pins.Grace.String(),
			Proof: choose(c.Pins.ReadyIsProof, v1alpha1.ProofReady, v1alpha1.ProofPods),
		},
		Heartbeat: c.Heartbeat.String(),
	}
	for _, r := range c.Pins.Registries {
		e.Registries = append(e.Registries, v1alpha1.Registry{Host: r.Host, Owner: r.Owner, Type: r.Type})
	}
	return e
}

func choose(isSet bool, set, unset string) string {
	if isSet {
		return set
	}
	return unset
}
