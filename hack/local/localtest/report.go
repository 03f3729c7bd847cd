package localtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// Report waits for the report on the list that exists then, and returns it, and its text. List and
// report have one ConfigMap each.
func Report(t testing.TB, c client.Client, namespace string) (report *v1alpha1.PinReport, text string) {
	t.Helper()
	Until(t, func() (bool, string) {
		var list, published corev1.ConfigMap
		report = &v1alpha1.PinReport{}
		err := errors.Join(
			c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "registry-pins"}, &list),
			c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "registry-pins-report"}, &published),
		)
		if err != nil {
			return false, err.Error()
		}
		text = published.Data["report.json"]
		err = json.Unmarshal([]byte(text), report)
		plan := list.Annotations["pinsync.oleks.space/plan"]
		return err == nil && report.List != nil && report.List.Plan == plan, fmt.Sprintf("the list's plan is %q; %v, %s", plan, err, text)
	})
	return report, text
}
