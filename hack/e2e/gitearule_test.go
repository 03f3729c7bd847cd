//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// Gitea's own clean-up rule with the pattern of export keeps the images of the list, and removes every
// other version of the owner.
func TestGiteaRule(t *testing.T) {
	s := newStory(t)
	s.registry.push("app", "1", "1.0", "staging")
	s.registry.push("app", "RC.1", "RC-1", "xRC.1", "RC.1x")
	index, _ := s.registry.pushIndex("web/front", "staging", "old")
	s.registry.push("web", "staging")
	s.releaseWith("app", true, values{"image": s.image("app", "staging"), "init": s.image("app", "RC.1")})
	s.releaseWith("front", true, values{"image": s.image("web/front", "staging")})
	s.Needs(testbed.Pin("app", "staging"), testbed.Pin("app", "rc.1"), testbed.Pin("web/front", "staging"))
	s.lists(testbed.Pin("app", "RC.1"), testbed.Pin("app", "rc.1"), testbed.Pin("app", "staging"), testbed.Pin("web/front", "staging"))

	exported := s.host.export("-o", "gitea")
	if want := "look at no pods"; exported.code != 0 || !strings.Contains(exported.errOut, want) {
		t.Fatalf("%+v, want a warning with %q", exported, want)
	}
	rule, ok := strings.CutPrefix(strings.TrimSpace(exported.out), gitea.Host+"/"+s.registry.Owner+"\t")
	if !ok {
		t.Fatalf("%q has no line of the owner", exported.out)
	}
	s.registry.addRule(rule)
	_, err := s.registry.Send(t.Context(), http.MethodPost, "/api/v1/admin/cron/cleanup_packages", "", nil, http.StatusNoContent)
	localtest.Must(t, err)
	localtest.Until(t, func() (bool, string) {
		versions := slices.DeleteFunc(s.registry.versions(), func(p string) bool { return strings.Contains(p, "==sha256:") })
		want := append([]string{testbed.Pin("app", "rc.1"), testbed.Pin("app", "staging"), testbed.Pin("web/front", "staging")}, s.others...)
		slices.Sort(want)
		return slices.Equal(versions, want), strings.Join(versions, " ")
	})
	s.registry.expectWhole("web/front", "staging", index)
}

// addRule makes the clean-up rule of the owner's containers, as a browser does: there is no API for it.
// The rule removes at once what the pattern does not match.
func (r *registry) addRule(keepPattern string) {
	r.t.Helper()
	const password = "only-for-a-test-1"
	user, err := json.Marshal(map[string]any{"source_id": 0, "login_name": gitea.User, "password": password, "must_change_password": false})
	localtest.Must(r.t, err)
	_, err = r.Send(r.t.Context(), http.MethodPatch, "/api/v1/admin/users/"+gitea.User, "application/json", user, http.StatusOK)
	localtest.Must(r.t, err)
	jar, err := cookiejar.New(nil)
	localtest.Must(r.t, err)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	post := func(path string, form url.Values) {
		r.t.Helper()
		request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+gitea.Host+path, strings.NewReader(form.Encode()))
		localtest.Must(r.t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := browser.Do(request)
		localtest.Must(r.t, err)
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode != http.StatusSeeOther {
			r.t.Fatalf("%s: %s: %s", path, response.Status, text)
		}
	}
	post("/user/login", url.Values{"user_name": {gitea.User}, "password": {password}})
	post("/org/"+r.Owner+"/settings/packages/rules/add", url.Values{
		"enabled": {"on"}, "type": {"container"}, "keep_count": {"0"}, "remove_days": {"0"},
		"keep_pattern": {keepPattern}, "match_full_name": {"on"}, "action": {"save"},
	})
}
