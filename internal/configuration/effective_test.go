package configuration

import (
	"encoding/json"
	"reflect"
	"testing"
)

// A published configuration is read as the one that was published.
func TestEffective(t *testing.T) {
	const head = "apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\n"
	for _, text := range []string{
		"",
		"registries: [{host: git.oleks.space, owner: oleks}, {host: 'localhost:5000', type: generic}]",
		"configMapName: pins\nnamespaceDefault: disabled\nreleases: All\nsecretValues: Read\ntags: Floating",
		"hold: {grace: 90s, proof: Ready}\nheartbeat: 1m",
		"missingHelmCharts: Create",
		"charts: Ignore\ncrossNamespaceRefs: Deny\nrenderTimeout: 20s\nrenderMemory: 200Mi",
	} {
		want, err := Parse([]byte(head + text))
		if err != nil {
			t.Fatal(err)
		}
		published, err := json.Marshal(want.Effective())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse(published); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, got %+v, want %+v", published, err, got, want)
		}
		fields := reflect.ValueOf(*want.Effective())
		for i := range fields.NumField() {
			if name := fields.Type().Field(i).Name; name != "Registries" && fields.Field(i).IsZero() {
				t.Errorf("%s is not published", name)
			}
		}
	}
}
