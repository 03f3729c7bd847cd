// Package configuration reads the configuration file, and checks it so that the
// rest of the program need not.
package configuration

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// minDuration is the shortest heartbeat and grace: times in the list have no
// fractions of seconds.
const minDuration = time.Second

// Configuration is a checked configuration.
type Configuration struct {
	Pins pin.Options

	// ReadSecrets says that values are read from Secrets, too.
	ReadSecrets bool

	// IgnoreCharts is set if no charts are rendered, and DenyCrossNamespace if a release takes none from
	// another namespace.
	IgnoreCharts, DenyCrossNamespace bool

	// CreateHelmCharts is set if HelmCharts are made for releases that were created suspended.
	CreateHelmCharts bool

	// RenderTimeout and RenderMemory are what rendering one chart may take, in bytes.
	RenderTimeout time.Duration
	RenderMemory  int

	// ConfigMapName is the ConfigMap that the list is written to.
	ConfigMapName string

	// Heartbeat is how old the list's synced-at may become.
	Heartbeat time.Duration
}

// Default is the configuration without a file.
func Default() Configuration {
	return Configuration{
		Pins:          pin.Options{Grace: time.Hour},
		ConfigMapName: v1alpha1.DefaultConfigMapName,
		Heartbeat:     5 * time.Minute,
		RenderTimeout: 10 * time.Second,
		RenderMemory:  budget.RenderMemory,
	}
}

// Load reads a configuration file; an empty name gives the default. Its error is
// one line that names the file, every field that is wrong, its value and what it
// takes.
func Load(name string) (Configuration, error) {
	if name == "" {
		return Default(), nil
	}
	data, err := os.ReadFile(name) //nolint:gosec // the file that the user names
	if err != nil {
		return Configuration{}, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		return Configuration{}, fmt.Errorf("configuration %s: %w", name, err)
	}
	return c, nil
}

// Parse reads the text of a configuration file, YAML or JSON. Its error is one
// line that names every field that is wrong, its value and what it takes.
func Parse(data []byte) (Configuration, error) {
	raw, err := decode(data)
	if err != nil {
		return Configuration{}, err
	}
	return Check(raw)
}

// Check checks a configuration, such as the one that a report has. Its error is as that of Parse.
func Check(raw *v1alpha1.Configuration) (Configuration, error) {
	c := Default()
	var errs field.ErrorList
	errs = append(errs, checkKind(raw)...)
	for i := range raw.Registries {
		registry, more := parseRegistry(field.NewPath("registries").Index(i), &raw.Registries[i])
		errs = append(errs, more...)
		if slices.ContainsFunc(c.Pins.Registries, func(other pin.Registry) bool {
			return other.Host == registry.Host && other.Owner == registry.Owner
		}) {
			errs = append(errs, field.Duplicate(field.NewPath("registries").Index(i), registry.Host+"/"+registry.Owner))
		}
		c.Pins.Registries = append(c.Pins.Registries, registry)
	}
	c.ConfigMapName = cmp.Or(raw.ConfigMapName, c.ConfigMapName)
	errs = append(errs, checkName(field.NewPath("configMapName"), c.ConfigMapName)...)
	for _, duration := range []struct {
		at    *field.Path
		value string
		set   *time.Duration
	}{
		{field.NewPath("hold", "grace"), raw.Hold.Grace, &c.Pins.Grace},
		{field.NewPath("heartbeat"), raw.Heartbeat, &c.Heartbeat},
		{field.NewPath("renderTimeout"), raw.RenderTimeout, &c.RenderTimeout},
	} {
		if duration.value != "" {
			errs = append(errs, parseDuration(duration.at, duration.value, duration.set)...)
		}
	}
	if raw.RenderMemory != "" {
		errs = append(errs, parseMemory(field.NewPath("renderMemory"), raw.RenderMemory, &c.RenderMemory)...)
	}
	for _, choice := range choices(raw, &c) {
		value := *choice.value
		*choice.set = value == choice.other
		if value != "" && value != choice.byDefault && value != choice.other {
			errs = append(errs, field.NotSupported(choice.at, value, []string{choice.byDefault, choice.other}))
		}
	}
	if c.CreateHelmCharts && c.IgnoreCharts {
		errs = append(errs, field.Invalid(field.NewPath("missingHelmCharts"), raw.MissingHelmCharts, "with charts: Ignore want "+v1alpha1.HelmChartsIgnore))
	}
	return c, oneLine(errs)
}

// choice is a field that takes one of two words.
type choice struct {
	at               *field.Path
	value            *string
	byDefault, other string
	set              *bool
}

// choices returns the fields that take one of two words, and what they set.
func choices(raw *v1alpha1.Configuration, c *Configuration) []choice {
	return []choice{
		{field.NewPath("namespaceDefault"), &raw.NamespaceDefault, v1alpha1.SyncEnabled, v1alpha1.SyncDisabled, &c.Pins.NamespacesDisabled},
		{field.NewPath("releases"), &raw.Releases, v1alpha1.ReleasesSuspended, v1alpha1.ReleasesAll, &c.Pins.ProtectLive},
		{field.NewPath("secretValues"), &raw.SecretValues, v1alpha1.SecretValuesIgnore, v1alpha1.SecretValuesRead, &c.ReadSecrets},
		{field.NewPath("charts"), &raw.Charts, v1alpha1.ChartsRead, v1alpha1.ChartsIgnore, &c.IgnoreCharts},
		{field.NewPath("missingHelmCharts"), &raw.MissingHelmCharts, v1alpha1.HelmChartsIgnore, v1alpha1.HelmChartsCreate, &c.CreateHelmCharts},
		{field.NewPath("crossNamespaceRefs"), &raw.CrossNamespaceRefs, v1alpha1.RefsAllow, v1alpha1.RefsDeny, &c.DenyCrossNamespace},
		{field.NewPath("tags"), &raw.Tags, v1alpha1.TagsReferenced, v1alpha1.TagsFloating, &c.Pins.FloatingOnly},
		{field.NewPath("hold", "proof"), &raw.Hold.Proof, v1alpha1.ProofPods, v1alpha1.ProofReady, &c.Pins.ReadyIsProof},
	}
}

func checkKind(raw *v1alpha1.Configuration) field.ErrorList {
	var errs field.ErrorList
	if raw.APIVersion != v1alpha1.APIVersion {
		errs = append(errs, field.NotSupported(field.NewPath("apiVersion"), raw.APIVersion, []string{v1alpha1.APIVersion}))
	}
	if raw.Kind != v1alpha1.ConfigurationKind {
		errs = append(errs, field.NotSupported(field.NewPath("kind"), raw.Kind, []string{v1alpha1.ConfigurationKind}))
	}
	return errs
}

func parseRegistry(at *field.Path, raw *v1alpha1.Registry) (pin.Registry, field.ErrorList) {
	var errs field.ErrorList
	host, err := image.ParseHost(raw.Host)
	if err != nil {
		errs = append(errs, field.Invalid(at.Child("host"), raw.Host, err.Error()))
	}
	registry := pin.Registry{Host: host, Type: cmp.Or(raw.Type, pin.DefaultType)}
	if raw.Owner != "" {
		registry.Owner, err = image.ParsePath(raw.Owner)
		if err != nil {
			errs = append(errs, field.Invalid(at.Child("owner"), raw.Owner, err.Error()))
		}
	}
	if err := pin.CheckType(registry.Type); err != nil {
		errs = append(errs, field.Invalid(at.Child("type"), registry.Type, "want a-z and 0-9, such as container"))
	}
	return registry, errs
}

func checkName(at *field.Path, name string) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsDNS1123Subdomain(name) {
		errs = append(errs, field.Invalid(at, name, message))
	}
	if strings.HasSuffix(name, v1alpha1.ReportSuffix) {
		errs = append(errs, field.Invalid(at, name, "want a name that does not end in "+v1alpha1.ReportSuffix+": the report on another list has such a name"))
	}
	if shard.MatchString(name) {
		errs = append(errs, field.Invalid(at, name, "want a name that does not end in - and a number: the further objects of another list have such names"))
	}
	return errs
}

// shard is the end of the names that the further objects of a list have.
var shard = regexp.MustCompile(`-[0-9]+$`)

// wantedMemory is what a field takes, for people.
const wantedMemory = "a quantity from 64Mi to 4Gi, such as 128Mi"

// wantedDuration is what a field takes, for people.
func wantedDuration() string {
	return fmt.Sprintf("a duration of at least %s, such as 30s, 5m or 1h30m", minDuration)
}

func parseDuration(at *field.Path, s string, duration *time.Duration) field.ErrorList {
	parsed, err := time.ParseDuration(s)
	if err != nil || parsed < minDuration {
		return field.ErrorList{field.Invalid(at, s, "want "+wantedDuration())}
	}
	*duration = parsed
	return nil
}

// Rendering large public charts takes up to 100 MiB, and a process that renders nothing some 40.
const (
	minRenderMemory = 64 << 20
	maxRenderMemory = 4 << 30
)

func parseMemory(at *field.Path, s string, bytes *int) field.ErrorList {
	quantity, err := resource.ParseQuantity(s)
	if err != nil || quantity.Value() < minRenderMemory || quantity.Value() > maxRenderMemory {
		return field.ErrorList{field.Invalid(at, s, "want "+wantedMemory)}
	}
	*bytes = int(quantity.Value())
	return nil
}

// oneLine joins errors to one that is a single line, nil if there are none.
func oneLine(errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	messages := make([]string, 0, len(errs))
	for _, err := range errs {
		messages = append(messages, err.Error())
	}
	return lineError(strings.Join(messages, "; "))
}
