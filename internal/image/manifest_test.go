package image

import (
	"encoding/json"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// inManifest prints what is found in an object as found does, without what the path begins with.
func inManifest(t *testing.T, manifest string, secret bool) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(manifest))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatal(err)
	}
	mentions, problems := FindInManifests([]map[string]any{object}, secret)
	var lines []string
	for _, m := range mentions {
		line := strings.TrimPrefix(m.Path, "chart ") + " " + m.String()
		if m.Hostless {
			t.Errorf("%s counts as without a host", line)
		}
		lines = append(lines, line)
	}
	for _, p := range problems {
		lines = append(lines, strings.TrimPrefix(p.Field, "chart ")+" "+string(p.Reason))
	}
	return strings.Join(lines, "; ")
}

func TestFindInManifests(t *testing.T) {
	tests := map[string]struct{ manifest, want string }{
		"all kinds of containers": {
			`{"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"image": "nginx"}], "initContainers": [{"image": "o/i:1"}], "ephemeralContainers": [{"image": "g.io/e:1"}]}}`,
			"Pod/a.spec.containers[0].image docker.io/library/nginx:latest; Pod/a.spec.initContainers[0].image docker.io/o/i:1; " +
				"Pod/a.spec.ephemeralContainers[0].image g.io/e:1",
		},
		"a volume": {
			`{"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [], "volumes": [{"name": "v", "image": {"reference": "o/v:1"}}, {"secret": {"secretName": "x"}}]}}`,
			"Pod/a.spec.volumes[0].image.reference docker.io/o/v:1",
		},
		"a pod spec at any place": {
			`{"kind": "Runner", "metadata": {"name": "a"}, "spec": {"authSecret": {"template": {"spec": {"containers": [{"name": "x", "image": "app"}]}}}}}`,
			"Runner/a.spec.authSecret.template.spec.containers[0].image docker.io/library/app:latest",
		},
		"a list of objects": {
			`{"kind": "List", "items": [{"kind": "Pod", "spec": {"containers": [{"image": "a:1"}]}}]}`,
			"List/.items[0].spec.containers[0].image docker.io/library/a:1",
		},
		"no image": {
			`{"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"image": "A B"}, {"image": ""}, {"name": "x"}]}}`,
			"Pod/a.spec.containers[0].image InvalidReference",
		},
		"fields of a custom resource": {
			`{"kind": "Db", "metadata": {"name": "a"}, "spec": {"image": {"repository": "o/db", "tag": 1.10}, "imageName": "g.io/n:1", "proxyImage": "p:2", "backup": {"registry": "g.io", "repository": "b", "version": "v3"}}}`,
			"Db/a.spec.backup g.io/b:v3; Db/a.spec.image docker.io/o/db:1.1; Db/a.spec.imageName g.io/n:1; Db/a.spec.proxyImage docker.io/library/p:2",
		},
		"a tag alone, and a distribution": {`{"kind": "Db", "metadata": {"name": "a"}, "spec": {"tag": "v1", "imageTag": "v2", "distribution": {"registry": "g.io/flux", "version": "2.x"}}}`, ""},
		"the schema of a custom resource": {
			`{"kind": "CustomResourceDefinition", "spec": {"versions": [{"schema": {"properties": {"image": {"type": "array", "default": "g.io/a:1"}}}}]}}`, "",
		},
		"a Secret": {`{"kind": "Secret", "stringData": {"a": "g.io/a:1"}}`, ""},
		"arguments": {
			`{"kind": "X", "spec": {"args": ["--a-image=o/a:1", "--b-image", "o/b:1", "--image", "c:1", "--c=o/c:1", "g.io/d:1", "--imagex", "o/e:1", "--f-image", "--g", "--acme-solver-image=g.io/h:1"]}}`,
			"X/.spec.args[2] docker.io/o/b:1; X/.spec.args[4] docker.io/library/c:1; X/.spec.args[0] docker.io/o/a:1; X/.spec.args[6] g.io/d:1; X/.spec.args[11] g.io/h:1",
		},
		"arguments without a tag": {
			`{"kind": "X", "spec": {"args": ["--a-image=g.io/a", "--a-tag=v1"], "env": [{"name": "B_IMAGE", "value": "o/b"}]}}`,
			"X/.spec.args[0] g.io/a; X/.spec.args[0] g.io/a:latest; X/.spec.env[0].value docker.io/o/b; X/.spec.env[0].value docker.io/o/b:latest",
		},
		"keys of a ConfigMap with dots": {
			`{"kind": "ConfigMap", "data": {"trivy.repository": "g.io/o/trivy", "trivy.tag": "1.0", "trivy.dbRepository": "g.io/o/db", "log.level": "info", "git.repository": "https://g.io/o/r", "git.tag": "v1", "maven.repository": "central", "maven.tag": "v1", "init.repository": "g.io/o/a:v1\\ng.io/o/b:v2", "init.tag": "x"}}`,
			"ConfigMap/.data[\"trivy.repository\"] g.io/o/trivy:1.0; ConfigMap/.data[\"init.repository\"] g.io/o/a:v1; ConfigMap/.data[\"init.repository\"] g.io/o/b:v2",
		},
		"keys with dots elsewhere": {
			`{"kind": "X", "data": {"trivy.repository": "g.io/o/trivy", "trivy.tag": "1.0"}}`, "",
		},
		"an artifact": {
			`{"kind": "FluxInstance", "spec": {"sync": {"kind": "OCIRepository", "url": "oci://g.io/team/fleet", "ref": "v1"}}}`,
			"FluxInstance/.spec.sync.url g.io/team/fleet:v1",
		},
		"an artifact of Flux": {
			`{"kind": "OCIRepository", "spec": {"url": "oci://g.io/team/a", "ref": {"tag": "v1"}, "other": {"url": "oci://g.io/team/b", "ref": {"semver": "1.x"}}, "git": {"url": "https://g.io/team/c", "ref": "v1"}}}`,
			"OCIRepository/.spec.url g.io/team/a:v1",
		},
		"a repository": {`{"kind": "ImageRepository", "spec": {"image": "g.io/a"}}`, ""},
		"a command in one text": {
			`{"kind": "X", "spec": {"command": ["sh", "-c", "run --a-image o/a:1 --b-image=\"o/b:1\" --tag x:1 && B_IMAGE=o/c:1 run"]}}`,
			"X/.spec.command[2] docker.io/o/a:1; X/.spec.command[2] docker.io/o/b:1; X/.spec.command[2] docker.io/o/c:1",
		},
		"variables": {
			`{"kind": "X", "spec": {"env": [{"name": "A_IMAGE", "value": "o/a:1"}, {"name": "IMAGE", "value": "b"}, {"name": "RELATED", "value": "g.io/c:1"}, {"name": "TOKEN", "value": "g.io/d:1"}, {"name": "URL", "value": "redis:6379"}]}}`,
			"X/.spec.env[0].value docker.io/o/a:1; X/.spec.env[1].value docker.io/library/b; X/.spec.env[2].value g.io/c:1; X/.spec.env[3].value ValuesNotRead",
		},
		"what a template completes": {
			`{"kind": "X", "data": "image: o/a:${TAG}\\nimage: o/b{{ .tag }}\\nimage: ${HOST}/c:1\\nimage: o/d:*"}`, "",
		},
		"a ConfigMap": {
			`{"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"config": "initImage: o/a:1\nother: o/b:1\n  image: 'c:2'\nimage = d\nicon_image: /x.png\nfull: g.io/e:1 # comment\n"}}`,
			"ConfigMap/a.data.config g.io/e:1; ConfigMap/a.data.config docker.io/o/a:1; ConfigMap/a.data.config docker.io/library/c:2",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := inManifest(t, test.manifest, false); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// Where a Secret may be in what was rendered, nothing of it is quoted, and text is not read.
func TestFindInManifestsWithSecrets(t *testing.T) {
	got := inManifest(t, `{"kind": "Pod", "metadata": {"name": "pass"}, "spec": {"containers": [{"image": "o/a:1", "args": ["--x-image=o/b:1", "g.io/c:1"]}, {"image": "A B"}]}}`, true)
	if want := "chart docker.io/o/a:1; chart InvalidReference"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFindInManifestsHasABudget(t *testing.T) {
	var containers []any
	for range budget.Mentions + 1 {
		containers = append(containers, map[string]any{"image": "a:1"})
	}
	mentions, problems := FindInManifests([]map[string]any{{"containers": containers}}, false)
	if len(mentions) > 0 || len(problems) != 1 || problems[0].Reason != "OverBudget" {
		t.Errorf("%d mentions, %v", len(mentions), problems)
	}
}
