package configuration

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"git.oleks.space/oleks/pinsync/internal/pin"
)

const head = "apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\n"

func TestParse(t *testing.T) {
	c, err := Parse([]byte(head + `
registries:
- host: Git.Oleks.Space:443
  owner: oleks
- host: localhost:5000
  type: generic
configMapName: other
namespaceDefault: disabled
releases: All
secretValues: Read
tags: Floating
charts: Ignore
crossNamespaceRefs: Deny
renderTimeout: 20s
renderMemory: 256Mi
heartbeat: 90s
hold:
  grace: 90m
  proof: Ready
`))
	want := Configuration{
		Pins: pin.Options{
			Registries: []pin.Registry{
				{Host: "git.oleks.space", Owner: "oleks", Type: "container"},
				{Host: "localhost:5000", Type: "generic"},
			},
			NamespacesDisabled: true,
			ProtectLive:        true,
			FloatingOnly:       true,
			Grace:              90 * time.Minute,
			ReadyIsProof:       true,
		},
		ReadSecrets:        true,
		IgnoreCharts:       true,
		DenyCrossNamespace: true,
		RenderTimeout:      20 * time.Second,
		RenderMemory:       256 << 20,
		ConfigMapName:      "other",
		Heartbeat:          90 * time.Second,
	}
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, %v; want %+v", c, err, want)
	}
}

func TestParseDefaults(t *testing.T) {
	c, err := Parse([]byte(head + "namespaceDefault: enabled\nreleases: Suspended\ncharts: Read\nmissingHelmCharts: Ignore\ncrossNamespaceRefs: Allow\nrenderTimeout: 10s\nrenderMemory: 128Mi\nsecretValues: Ignore\ntags: Referenced\nhold: {grace: 1h, proof: Pods}\n"))
	if err != nil || !reflect.DeepEqual(c, Default()) {
		t.Errorf("got %+v, %v; want %+v", c, err, Default())
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string // every part that the message must have
	}{
		"nothing":           {"", []string{"apiVersion", `""`, "pinsync.oleks.space/v1alpha1", "kind", "Configuration"}},
		"version":           {"apiVersion: v1\nkind: Configuration", []string{"apiVersion", `"v1"`, "pinsync.oleks.space/v1alpha1"}},
		"charts":            {head + "charts: Render", []string{"charts", `"Render"`, "Read", "Ignore"}},
		"HelmCharts":        {head + "missingHelmCharts: Make", []string{"missingHelmCharts", `"Make"`, "Ignore", "Create"}},
		"contradiction":     {head + "charts: Ignore\nmissingHelmCharts: Create", []string{"missingHelmCharts", `"Create"`, "with charts: Ignore want Ignore"}},
		"references":        {head + "crossNamespaceRefs: Never", []string{"crossNamespaceRefs", `"Never"`, "Allow", "Deny"}},
		"render timeout":    {head + "renderTimeout: 10ms", []string{"renderTimeout", `"10ms"`, "duration"}},
		"render memory":     {head + "renderMemory: 1Mi", []string{"renderMemory", `"1Mi"`, "64Mi", "128Mi"}},
		"render memories":   {head + "renderMemory: lots", []string{"renderMemory", `"lots"`, "quantity"}},
		"unknown field":     {head + "hartbeat: 5m", []string{`"hartbeat"`, "heartbeat"}},
		"unknown case":      {head + "Heartbeat: 5m", []string{`"Heartbeat"`, "heartbeat"}},
		"unknown below":     {head + "registries: [{hots: a}]", []string{`"registries[0].hots"`, "host"}},
		"repeated field":    {head + "heartbeat: 5m\nheartbeat: 6m", []string{`"heartbeat"`, "already set"}},
		"duration":          {head + "heartbeat: 5 minutes", []string{"heartbeat", `"5 minutes"`, "duration", "5m"}},
		"short duration":    {head + "heartbeat: 10ms", []string{"heartbeat", `"10ms"`, "at least 1s"}},
		"negative":          {head + "heartbeat: -5m", []string{"heartbeat", `"-5m"`, "at least 1s"}},
		"grace":             {head + "hold: {grace: 1 day}", []string{"hold.grace", `"1 day"`, "duration"}},
		"short grace":       {head + "hold: {grace: 0s}", []string{"hold.grace", `"0s"`, "at least 1s"}},
		"proof":             {head + "hold: {proof: pods}", []string{"hold.proof", `"pods"`, "Pods", "Ready"}},
		"unknown in hold":   {head + "hold: {for: 1h}", []string{`"hold.for"`, "grace, proof"}},
		"hold":              {head + "hold: 1h", []string{"hold", `"1h"`, "object"}},
		"number":            {head + "heartbeat: 300", []string{"heartbeat: Invalid value: 300: want a duration of at least 1s, such as 30s"}},
		"host":              {head + "registries: [{host: 'https://git.oleks.space'}]", []string{"registries[0].host", `"https://git.oleks.space"`, "git.example.com"}},
		"no host":           {head + "registries: [{owner: a}]", []string{"registries[0].host", `""`, "git.example.com"}},
		"host of a number":  {head + "registries: [{host: a.b}, {host: 5}]", []string{`registries.host: Invalid value: "a.b", 5: want a string, in quotes`}},
		"owner":             {head + "registries: [{host: a.b, owner: 'a b'}]", []string{"registries[0].owner", `"a b"`, "team"}},
		"type":              {head + "registries: [{host: a.b, type: 'x==y'}]", []string{"registries[0].type", `"x==y"`, "container"}},
		"twice the same":    {head + "registries: [{host: a.b}, {host: A.b}]", []string{"registries[1]", "a.b"}},
		"no list":           {head + "registries: git.oleks.space", []string{"registries", `"git.oleks.space"`, "list"}},
		"name of a report":  {head + "configMapName: pins-report", []string{"configMapName", `"pins-report"`, "does not end in -report"}},
		"name of an object": {head + "configMapName: pins-1", []string{"configMapName", `"pins-1"`, "does not end in - and a number"}},
		"name":              {head + "configMapName: Registry_Pins", []string{"configMapName", `"Registry_Pins"`, "lower case"}},
		"default":           {head + "namespaceDefault: 'on'", []string{"namespaceDefault", `"on"`, "enabled", "disabled"}},
		"default as YAML":   {head + "namespaceDefault: off", []string{`namespaceDefault: Invalid value: false: want "enabled" or "disabled" (YAML reads on, off,`}},
		"proof as YAML":     {head + "hold: {proof: 1}", []string{`hold.proof: Invalid value: 1: want "Pods" or "Ready"`}},
		"memory as YAML":    {head + "renderMemory: 128000000", []string{"renderMemory: Invalid value: 128000000: want a quantity from 64Mi to 4Gi"}},
		"releases":          {head + "releases: Live", []string{"releases", `"Live"`, "Suspended", "All"}},
		"secrets":           {head + "secretValues: read", []string{"secretValues", `"read"`, "Ignore", "Read"}},
		"tags":              {head + "tags: all", []string{"tags", `"all"`, "Referenced", "Floating"}},
		"a list":            {"- a", []string{"array", "object"}},
		"not YAML":          {"a: [", []string{"line 1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(test.text))
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not name %s", err, part)
				}
			}
			t.Log(err)
		})
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	if _, err := Load("/nowhere.yaml"); err == nil || !strings.Contains(err.Error(), "/nowhere.yaml") {
		t.Errorf("got %v", err)
	}
}
