package configuration

import (
	"strconv"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Effective returns a configuration as a file would have it, with its defaults filled in.
func (c *Configuration) Effective() *v1alpha1.Configuration {
	e := &v1alpha1.Configuration{
		APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ConfigurationKind,
		ConfigMapName: c.ConfigMapName,
		RenderTimeout: c.RenderTimeout.String(),
		RenderMemory:  strconv.Itoa(c.RenderMemory),
		Hold:          v1alpha1.HoldConfiguration{Grace: c.Pins.Grace.String()},
		Heartbeat:     c.Heartbeat.String(),
	}
	for _, choice := range choices(e, c) {
		*choice.value = choice.byDefault
		if *choice.set {
			*choice.value = choice.other
		}
	}
	for _, r := range c.Pins.Registries {
		e.Registries = append(e.Registries, v1alpha1.Registry{Host: r.Host, Owner: r.Owner, Type: r.Type})
	}
	return e
}
