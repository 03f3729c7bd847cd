package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// Mistakes that people make have messages that name the thing, the value and what would be right, in
// one line that takes at most two at 80 columns.
func TestMistakes(t *testing.T) {
	e := newExports(t)
	localtest.Must(t, e.plane.InstallFlux(t.Context()))
	localtest.Must(t, local.Load(t.Context(), e.client, "testdata/mistakes.yaml"))
	e.publish("pinsync-system", "registry-pins", nil, "staging")
	e.report("pinsync-system", `{"pins":[],"releases":[{"kind":"HelmRelease","namespace":"kotkan","name":"web"}],"problems":[]}`)
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		e.write(path, text)
		return path
	}
	broken := file("kubeconfig", "apiVersion: v1\nkind: Config\nclusters: []\n")
	config := file("config.yaml", "apiVersion: pinsync.oleks.space/v1alpha1\nkind: Configuration\nreleases: all\n")
	token := func(server, name string) string {
		path := filepath.Join(folder, name)
		localtest.Must(t, clientcmd.WriteToFile(clientcmdapi.Config{
			Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: server, CertificateAuthorityData: e.config.CAData}},
			AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: "none"}},
			Contexts:       map[string]*clientcmdapi.Context{"c": {Cluster: "c", AuthInfo: "u"}},
			CurrentContext: "c",
		}, path))
		return path
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	k := []string{"--kubeconfig", e.kubeconfig}
	for name, test := range map[string]struct {
		line string // the command line; the kubeconfig is added if there is none
		code int
		want string
	}{
		"a mistyped command":                   {"exprot", 2, `there is no command "exprot": did you mean export?`},
		"an unknown command":                   {"delete", 2, `there is no command "delete": see pinsync --help`},
		"a mistyped flag":                      {"status --contxt a", 2, "unknown flag: --contxt: did you mean --context?"},
		"a flag in the singular":               {"export --pod-first", 2, "unknown flag: --pod-first: did you mean --pods-first?"},
		"a flag of nothing":                    {"status --zzzzz", 2, "unknown flag: --zzzzz; see pinsync status --help"},
		"a file as an argument":                {"plan all.yaml", 2, `plan takes no argument "all.yaml": did you mean -f all.yaml?`},
		"a file to export to":                  {"export pins.txt", 2, `export takes no argument "pins.txt": did you mean --output-file pins.txt?`},
		"a namespace as an argument":           {"status kotkan", 2, `status takes no argument "kotkan": did you mean -n kotkan?`},
		"an argument of nothing":               {"version 1", 2, `version takes no argument "1": see pinsync version --help`},
		"a percentage with its sign":           {"export --max-shrink 50%", 2, `--max-shrink "50%": want a whole number such as 50`},
		"a word that is not true":              {"export --allow-empty=maybe", 2, `--allow-empty "maybe": want true or false`},
		"another format":                       {"export -o yaml", 2, `--output "yaml": want one of pins, images, regex, gitea, json; see pinsync export --help`},
		"a flag without a value":               {"status --context", 2, "flag needs an argument: --context"},
		"a flag twice":                         {"export --static a --static b", 2, `--static "b": it was given before, as "a": want it once`},
		"a flag twice, of another type":        {"export --wait 1s --wait 2s", 2, `--wait "2s": it was given before, as "1s": want it once`},
		"a flag twice, by its earlier name":    {"export --namespace a --pinsync-namespace b", 2, `--pinsync-namespace "b": it was given before, as "a": want it once`},
		"an empty flag":                        {"status --context=", 2, "--context is empty: give a value, or omit the flag"},
		"an unknown format":                    {"status -o wide", 2, `--output "wide": want one of table, json, yaml`},
		"a file as the format":                 {"export -o /tmp/pins.txt", 2, "want one of pins, images, regex, gitea, json; did you mean --output-file /tmp/pins.txt?"},
		"a duration without a unit":            {"status --max-age 5", 2, `--max-age "5": want a duration such as 30s, 5m or 1h30m`},
		"a negative timeout":                   {"status --request-timeout -1s", 2, "--request-timeout -1s: want 0 or more"},
		"two ways to name namespaces":          {"status -A -n kotkan", 2, "--all-namespaces and --namespace kotkan: give one of them"},
		"a wrong context":                      {"status --context prod", 2, `--context "prod" is not in ` + e.kubeconfig + ", which has envtest"},
		"a kubeconfig that is missing":         {"status --kubeconfig /nowhere", 2, "stat /nowhere: no such file"},
		"a kubeconfig without a cluster":       {"status --kubeconfig " + broken, 2, "--kubeconfig " + broken + ": there is no cluster in it"},
		"a namespace in capitals":              {"status -n Kotkan", 2, `--namespace "Kotkan": want a-z, 0-9 and hyphens`},
		"pinsync's namespace as -n":            {"check -n pinsync-system", 5, "no release in namespace pinsync-system is protected: those with such releases are kotkan"},
		"another namespace of pinsync":         {"status --pinsync-namespace flux-system", 5, "namespace flux-system: there is no list registry-pins: is pinsync running, and --pinsync-namespace right?"},
		"another name of the list":             {"status --name pins", 5, "ConfigMap registry-pins has the label of a list, but is no part of pins: give --name, or delete it"},
		"no release named":                     {"explain", 2, "want a release: NAME with -n NAMESPACE, NAMESPACE/NAME or helmrelease/NAME, not 0 arguments; see pinsync explain --help"},
		"a mistyped release":                   {"explain kotkan/wbe", 1, "there is no HelmRelease kotkan/wbe: did you mean web?"},
		"a release elsewhere":                  {"explain -n kotkan unrelated", 1, "there is no HelmRelease kotkan/unrelated: namespace kotkan has web"},
		"a release and its namespace":          {"explain web kotkan", 2, "want a release: NAME with -n NAMESPACE, NAMESPACE/NAME or helmrelease/NAME, not 2 arguments"},
		"a release in no namespace":            {"explain web", 1, "there is no HelmRelease default/web: did you mean kotkan/web?\n"},
		"a namespace that is missing":          {"explain -n nope web", 1, "there is no HelmRelease nope/web: did you mean kotkan/web?\n"},
		"no such release anywhere":             {"explain unrelated", 1, "there is no HelmRelease default/unrelated: namespace default has none\n"},
		"a release that only the report names": {"explain web --as getter", 1, "there is no HelmRelease default/web: did you mean kotkan/web?\n"},
		"a policy":                             {"explain imagepolicy/web -n kotkan", 2, "give one of them; only HelmReleases can be explained"},
		"another kind":                         {"explain deployment/kotkan/web", 2, `release "deployment/kotkan/web": want NAME, NAMESPACE/NAME or helmrelease/NAME: only HelmReleases can be explained`},
		"two namespaces of a release":          {"explain -n a kotkan/web", 2, `release "kotkan/web" is not in --namespace a: give one of them`},
		"several clusters":                     {"explain --context a --context b web", 2, "several clusters: give --kubeconfig and --context once"},
		"a mistyped pin":                       {"why container/app==stagin", 1, `"container/app==stagin" is not in the list: did you mean container/app==staging?`},
		"no pin":                               {"why web", 1, `"web" is not in the list: want a pin such as container/app==1.0, or an image host/path:tag`},
		"no rights":                            {"status --as tenant", 5, "forbidden: tenant may not list configmaps in namespace pinsync-system"},
		"no rights to the release":             {"explain kotkan/web --as tenant", 1, "forbidden: tenant may not get helmreleases.helm.toolkit.fluxcd.io in namespace kotkan"},
		"credentials that have expired":        {"status --kubeconfig " + token(e.config.Host, "expired"), 5, "the API server does not accept the credentials of the kubeconfig"},
		"an address where nothing is":          {"status --kubeconfig testdata/kubeconfig", 5, "no connection to the API server: dial tcp 127.0.0.1:1: connect: connection refused"},
		"TLS to a plain server":                {"status --kubeconfig " + token(strings.Replace(plain.URL, "http:", "https:", 1), "plain"), 5, "http: server gave HTTP response to HTTPS client"},
		"a server that does not answer":        {"status --request-timeout 1s --kubeconfig " + token(silent.URL, "silent"), 5, "the API server has not answered in time: see --request-timeout"},
		"a configuration in lower case":        {"explain kotkan/web --config " + config, 2, `releases: Unsupported value: "all": supported values: "Suspended", "All"`},
		"no manifests":                         {"plan", 2, "no manifests: give -f FILE, -f DIR or -f -"},
		"a time that is none":                  {"export --since yesterday", 2, `--since "yesterday": want a time such as 2006-01-02T15:04:05Z`},
		"a percentage above 100":               {"export --max-shrink 150", 2, "--max-shrink 150: want 0 to 100"},
		"a registry with a scheme":             {"check --insecure-registry http://localhost:5000", 2, `--insecure-registry "http://localhost:5000"`},
	} {
		t.Run(name, func(t *testing.T) {
			if test.want == "" {
				t.Fatal("no message is expected")
			}
			args := strings.Fields(test.line)
			if !strings.Contains(test.line, "--kubeconfig") && len(args) > 0 && args[0] != "exprot" && args[0] != "delete" && args[0] != "plan" && args[0] != "version" {
				args = append(args[:1:1], append(k, args[1:]...)...)
			}
			code, out, errOut := pinsync(t, "", args...)
			if code != test.code || out != "" || !strings.Contains(errOut, test.want) {
				t.Errorf("exit code %d, want %d; printed %q and %q, want %q", code, test.code, out, errOut, test.want)
			}
			// The paths of test files are longer than people's.
			short := strings.ReplaceAll(errOut, filepath.Dir(e.kubeconfig), "/home/user/.kube")
			short = strings.ReplaceAll(short, folder, "/home/user/.kube")
			if strings.Count(errOut, "\n") != 1 || utf8.RuneCountInString(short) > 161 {
				t.Errorf("%d characters, want a line of at most 160: %s", utf8.RuneCountInString(short), errOut)
			}
		})
	}
}
