//go:build e2e

package e2e

import (
	"testing"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// A release whose Deployment was deleted while it was suspended is Ready at once when it is
// resumed, and nothing of it runs: its tag stays until a Pod runs it.
func TestReadyWithoutPods(t *testing.T) {
	s := newStory(t)
	built := s.registry.push("app", "1")
	s.release("app", "app", "1", false)
	s.isLive("app", "app:1")
	s.suspend("app", testbed.Pin("app", "1"))
	s.deleteDeployment("app")

	s.setSuspend("app", false)
	s.becomesReady("app")
	s.reported("no pod in " + s.namespace + " runs it for HelmRelease/" + s.namespace + "/app")
	s.cleans()
	s.MayRemove(testbed.Pin("app", "1"))
	s.changeRelease("app", forceUpgrade)
	s.isLive("app", "app:1")
	s.lists()
	s.registry.expectWhole("app", "1", built)
}

// A release whose Deployment was scaled to zero while it was suspended is Ready at once when it is
// resumed, and stays scaled to zero: its tag stays until a Pod runs it.
func TestReadyScaledToZero(t *testing.T) {
	s := newStory(t)
	built := s.registry.push("app", "1")
	s.release("app", "app", "1", false)
	s.isLive("app", "app:1")
	s.suspend("app", testbed.Pin("app", "1"))

	s.setSuspend("app", false)
	s.becomesReady("app")
	s.reported("no pod in " + s.namespace + " runs it for HelmRelease/" + s.namespace + "/app")
	s.cleans()
	uncordon := s.cordon()
	s.scale("app", 1)
	s.awaitPods("app", "one exists", func(pods []corev1.Pod) bool { return len(pods) == 1 })
	s.scale("app", 0)
	s.cleans()
	s.registry.expectWhole("app", "1", built)

	s.MayRemove(testbed.Pin("app", "1"))
	uncordon()
	s.scale("app", 1)
	s.isLive("app", "app:1")
	s.lists()
	s.registry.expectWhole("app", "1", built)
}

// If the upgrade of a resumed release fails, helm-controller rolls it back to what it ran
// before: both tags are needed until it is live.
func TestFailedResume(t *testing.T) {
	s := newStory(t)
	one := s.registry.push("app", "1")
	s.releaseWith("app", false, values{"image": s.image("app", "1")}, func(release *helmv2.HelmRelease) {
		strategy := helmv2.RollbackRemediationStrategy
		lastFailure := true
		release.Spec.Upgrade = &helmv2.Upgrade{
			Timeout:     &metav1.Duration{Duration: 3 * time.Second},
			Remediation: &helmv2.UpgradeRemediation{Retries: 1, Strategy: &strategy, RemediateLastFailure: &lastFailure},
		}
	})
	s.isLive("app", "app:1")
	s.suspend("app", testbed.Pin("app", "1"))

	two := s.registry.push("app", "2")
	failing := values{"image": s.image("app", "2"), "args": []string{testbed.FailArgument}}
	s.Needs(testbed.Pin("app", "2"))
	s.setValues("app", failing)
	s.lists(testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.needed(testbed.Pin("app", "1"))
	s.setSuspend("app", false)
	s.awaitRelease("app", "it is rolled back", func(release *helmv2.HelmRelease) bool {
		return release.Status.UpgradeFailures > 1 && apimeta.IsStatusConditionTrue(release.Status.Conditions, helmv2.RemediatedCondition)
	})
	s.runs("app", "app:1")
	s.lists(testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.cleans()
	s.registry.expectWhole("app", "1", one)
	s.registry.expectWhole("app", "2", two)

	s.MayRemove(testbed.Pin("app", "1"), testbed.Pin("app", "2"))
	s.changeRelease("app", func(release *helmv2.HelmRelease) {
		release.Spec.Values, release.Spec.Upgrade = s.encode(values{"image": s.image("app", "2")}), nil
	})
	s.isLive("app", "app:2")
	s.lists()
	s.cleans(testbed.Pin("app", "1"))
	s.registry.expectWhole("app", "2", two)
}
