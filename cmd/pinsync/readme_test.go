package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/configuration"
)

// The README names every flag, every field of the configuration, and shows a
// configuration that is one.
func TestREADMEIsUpToDate(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	for _, command := range newRootCommand().Commands() {
		command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if !strings.Contains(readme, "`--"+flag.Name+"`") {
				t.Errorf("it does not name --%s of %s", flag.Name, command.Name())
			}
		})
	}
	_, example, _ := strings.Cut(readme, "## Configuration\n\n```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if _, err := configuration.Parse([]byte(example)); err != nil {
		t.Errorf("its configuration: %v", err)
	}
	for _, fields := range []reflect.Type{reflect.TypeFor[v1alpha1.Configuration](), reflect.TypeFor[v1alpha1.Registry]()} {
		for _, field := range reflect.VisibleFields(fields) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !strings.Contains(example, name+": ") && !strings.Contains(example, name+":\n") {
				t.Errorf("its configuration does not show %s", name)
			}
		}
	}
}

// What the README has for users to apply is taken by the API server as it stands there.
func TestREADMEApplies(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	d := deploy(t)
	d.kubectl("apply", "-f", d.file("access.yaml", d.kubectl("kustomize", "../../config/components/cleaner-access")))
	_, job, found := strings.Cut(string(text), "```yaml\napiVersion: batch/v1\n")
	job, _, ends := strings.Cut(job, "```")
	if !found || !ends {
		t.Fatal("the README has no CronJob")
	}
	file := d.file("job.yaml", "apiVersion: batch/v1\n"+job)
	d.kubectl("apply", "--validate=strict", "-f", file)
	// A Job's pods are made by a controller that does not run here.
	var cronJob batchv1.CronJob
	d.must(d.client.Get(t.Context(), client.ObjectKey{Namespace: "pinsync-system", Name: "registry-cleaner"}, &cronJob))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "pinsync-system", Name: "registry-cleaner"},
		Spec:       cronJob.Spec.JobTemplate.Spec.Template.Spec,
	}
	if err := d.client.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("the namespace does not take the CronJob's pods: %v", err)
	}
}
