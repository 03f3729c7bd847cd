package image

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// found prints mentions as `path reference`, problems as `path reason`.
func found(t *testing.T, values string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(values))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	mentions, problems := Find(decoded, "v")
	var lines []string
	for _, m := range mentions {
		line := m.Path + " " + m.Repository.String()
		if m.Repository == (Repository{}) {
			line = m.Path + " (" + m.Hint + ")"
		}
		if m.Tag != "" {
			line += ":" + m.Tag
		}
		if m.Digest != "" {
			line += "@" + m.Digest[:9]
		}
		lines = append(lines, line)
	}
	for _, p := range problems {
		lines = append(lines, p.Field+" "+string(p.Reason))
	}
	return strings.Join(lines, "; ")
}

// What is found is short, and keeps no value in memory that is long.
func TestMentionsAreNoParts(t *testing.T) {
	blank := strings.Repeat(" ", 1000)
	long := func(text string) string { return blank + text + blank }
	digest := "sha256:" + strings.Repeat("0", 64)
	values := map[string]any{
		"registry": long("g.io"), "repository": long("o/a"), "tag": long("v1"), "digest": long(digest),
		"image": long("g.io/o/b"), "other": map[string]any{"tag": long("v2")}, "text": long("g.io/o/c:v3@" + digest),
		"namedversion": long("v4"), "name": map[string]any{"image": long("d")},
	}
	mentions, _ := Find(values, "v")
	if len(mentions) < 4 {
		t.Fatalf("found %+v", mentions)
	}
	address := func(text string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(text))) }
	var check func(value any, text string)
	check = func(value any, text string) {
		switch value := value.(type) {
		case string:
			if text != "" && address(text) >= address(value) && address(text) < address(value)+uintptr(len(value)) {
				t.Errorf("%q keeps the value in memory", text)
			}
		case map[string]any:
			for key := range value {
				check(key, text)
				check(value[key], text)
			}
		}
	}
	for _, m := range mentions {
		for _, text := range []string{m.Path, m.Repository.Host, m.Repository.Path, m.Tag, m.Digest, m.Beside, m.Hint} {
			check(values, text)
		}
	}
}

func TestFind(t *testing.T) {
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := []struct{ values, want string }{
		// A string.
		{`{"image":"g.io/o/a:1"}`, "v.image g.io/o/a:1"},
		{`{"image":"o/a"}`, "v.image docker.io/o/a:latest"},
		{`{"image":"a"}`, "v.image docker.io/library/a"},
		{`{"sidecarImage":"o/a:1"}`, "v.sidecarImage docker.io/o/a:1"},
		{`{"image":" g.io/o/a:1\n"}`, "v.image g.io/o/a:1"},
		{`{"image":"g.io/o/a@` + digest + `"}`, "v.image g.io/o/a@sha256:01"},
		{`{"anything":"g.io/o/a:1"}`, "v.anything g.io/o/a:1"},
		{`{"anything":["g.io/o/a:1",{"b":"g.io/o/b:1"}]}`, "v.anything[0] g.io/o/a:1; v.anything[1].b g.io/o/b:1"},
		{`{"images":["o/a:1"]}`, "v.images[0] docker.io/o/a:1"},
		{`{"a.b":{"image":"o/a:1"}}`, `v["a.b"].image docker.io/o/a:1`},

		// What is no image: a name without a host, a host without a tag, an URL.
		{`{"a":"o/a:1","b":"redis:6379","c":"g.io/o/a","d":"https://g.io/o/a:1","e":"g.io:80/x","f":"","g":null}`, ""},
		{`{"image":"https://example.com/logo.png","backgroundImage":""}`, ""},
		{`{"image":"no image"}`, "v.image InvalidReference"},
		{`{"image":{"pullPolicy":"Always"}}`, ""},

		// A map.
		{`{"x":{"repository":"g.io/o/a","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"o/a","registry":"g.io","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"o/a","registry":"g.io/","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"o/a","registry":"","tag":"1"}}`, "v.x docker.io/o/a:1"},
		{`{"x":{"image":"g.io/o/a","version":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"name":"g.io/o/a","tag":1.5}}`, "v.x g.io/o/a:1.5"},
		{`{"x":{"repository":"g.io/o/a","tag":"","version":"2"}}`, "v.x g.io/o/a:2"},
		{`{"x":{"repository":"g.io/o/a","tag":"1","digest":"` + digest + `"}}`, "v.x g.io/o/a:1@sha256:01"},
		{`{"x":{"repository":"g.io/o/a","digest":"` + digest + `"}}`, "v.x g.io/o/a@sha256:01"},
		{`{"x":{"repository":"g.io/o/a","tag":null}}`, "v.x g.io/o/a"},
		{`{"x":{"repository":"g.io/o/a"}}`, "v.x g.io/o/a"},
		{`{"image":{"repository":"o/a"}}`, "v.image docker.io/o/a"},
		{`{"x":{"image":"g.io/o/a:1","tag":"2"}}`, "v.x g.io/o/a:1; v.x g.io/o/a:2"},

		// Other spellings.
		{`{"x":{"image":"g.io/o/a","imageTag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"imageRepository":"o/a","imageRegistry":"g.io","image_tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"g.io/o/a","imageTag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"webImage":"g.io/o/web","webImageTag":"1","jobImage":"g.io/o/job","jobImageTag":"2"}}`, "v.x g.io/o/job:2; v.x g.io/o/web:1"},
		{`{"x":{"web_repository":"g.io/o/web","web_tag":"1"}}`, "v.x g.io/o/web:1"},
		{`{"image":{"name":"g.io/o/a","tag":"1"}}`, "v.image g.io/o/a:1"},

		{`{"images":{"web":"o/web:1","api":{"repository":"o/api","tag":"1"}}}`, "v.images.api docker.io/o/api:1; v.images.web docker.io/o/web:1"},
		{`{"image":"docker://g.io/o/a:1","other":"oci://g.io/o/chart:1"}`, "v.image g.io/o/a:1; v.other g.io/o/chart:1"},
		{`{"image":{"name":"nginx:1.25"}}`, "v.image docker.io/library/nginx:1.25"},
		{`{"x":{"name":"g.io/o/a","tag":""}}`, "v.x g.io/o/a"},
		{`{"x":{"tag":true,"repository":"g.io/o/a"}}`, "v.x g.io/o/a:true"},
		{`{"x":{"registry":"g.io","repository":"o/a"}}`, "v.x g.io/o/a"},
		{`{"x":{"registry":"g.io","image":"o/a"}}`, "v.x g.io/o/a"},

		// A repository in two parts.
		{`{"x":{"repository":"g.io/o","image":"a","tag":"1"}}`, "v.x g.io/o:1; v.x g.io/o/a:1"},
		{`{"x":{"registry":"g.io","repository":"o","name":"a","tag":"1"}}`, "v.x g.io/o:1; v.x g.io/o/a:1"},
		{`{"x":{"repository":"g.io/o/a","image":"a","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"repository":"g.io/o/a","name":"web","tag":"1"}}`, "v.x g.io/o/a:1"},

		{`{"x":{"repository":"g.io/o","image":"a!","tag":"1"}}`, "v.x g.io/o:1"},

		// A registry for all.
		{`{"global":{"imageRegistry":"m.io"},"x":{"repository":"o/a","tag":"1"}}`, "v.x m.io/o/a:1"},
		{`{"global":{"imageRegistry":"m.io"},"x":{"repository":"o/a","registry":"g.io","tag":"1"}}`, "v.x g.io/o/a:1; v.x m.io/o/a:1"},
		{`{"global":{"imageRegistry":"m.io"},"x":{"repository":"g.io/o/a","tag":"1"}}`, "v.x g.io/o/a:1"},

		// A tag alone, with the key that may tell which image is meant.
		{`{"x":{"tag":"1"}}`, "v.x.tag (x):1"},
		{`{"x":{"tag":"1@` + digest + `"}}`, "v.x.tag (x):1@sha256:01"},
		{`{"x":{"tag":"1@2"}}`, "v.x.tag (x):1; v.x InvalidReference"},
		{`{"image":{"tag":"1"}}`, "v.image.tag ():1"},
		{`{"web":{"image":{"tag":"1"}}}`, "v.web.image.tag (web):1"},
		{`{"webImageTag":"1"}`, "v.webImageTag (web):1"},
		{`{"x":{"version":"1"}}`, ""},

		// What lies beside or below the fields is looked at too.
		{`{"x":{"repository":"g.io/o/a","tag":"1","init":{"image":"g.io/o/b:1"}}}`, "v.x g.io/o/a:1; v.x.init.image g.io/o/b:1"},
		{`{"x":{"repository":"g.io/o/a","tag":"1","version":{"image":"g.io/o/b:1"}}}`, "v.x g.io/o/a:1; v.x.version.image g.io/o/b:1"},
		{`{"name":"web","image":{"repository":"g.io/o/a","tag":"1"}}`, "v.image g.io/o/a:1"},

		// Maps that are no images.
		{`{"x":{"repository":"o/a"}}`, ""},
		{`{"x":{"repository":"https://charts.io","version":"1.2"}}`, ""},
		{`{"x":{"name":"My App","version":"1.2"}}`, ""},
		{`{"x":{"name":"app","version":">=1.2"}}`, ""},
		{`{"x":{"version":"1.2"}}`, ""},

		{`{"x":{"name":"plugin","version":"1.2"}}`, ""},

		// What a name is where something better stands beside it.
		{`{"x":{"name":"shop","repo":"g.io/o/a","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"name":"shop","imageName":"o/a","tag":"1"}}`, "v.x docker.io/o/a:1"},
		{`{"x":{"name":"shop","src":"g.io/o/a","tag":"1"}}`, "v.x docker.io/library/shop:1; v.x g.io/o/a:1"},
		{`{"x":{"name":"o/a","mirror":"m.io/o/a","tag":"1"}}`, "v.x docker.io/o/a:1; v.x m.io/o/a:1"},
		{`{"image":{"registry":"g.io/o","name":"a","tag":"1"}}`, "v.image g.io/o/a:1"},
		{`{"x":{"registry":"g.io","name":"o/a","tag":"1","source":"h.io/o/a"}}`, "v.x g.io/o/a:1; v.x h.io/o/a:1"},
		{`{"x":{"name":"My App","src":"g.io/o/a","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"name":5,"src":"g.io/o/a","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"name":"plugin","src":"g.io/o/a","version":"1"}}`, "v.x g.io/o/a:1"},
		{`{"image":{"name":"a","src":"g.io/o/a","version":"1"}}`, "v.image docker.io/library/a:1; v.image g.io/o/a:1"},
		{`{"x":{"name":"g.io/o/a","docs":"g.io/o/docs","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"name":"shop","key":"g.io/o/a","tag":"1"}}`, "v.x docker.io/library/shop:1"},
		{`{"x":{"registry":"g.io/o/a","tag":"1"}}`, "v.x g.io/o/a:1"},
		{`{"x":{"host":"g.io/o/a","tag":"1"}}`, "v.x.tag (x):1"},
		{`{"x":{"registry":"g.io/o/a","source":"h.io/o/a","tag":"1"}}`, "v.x g.io/o/a:1"},

		// A registry is every image's of its map.
		{`{"x":{"registry":"g.io","aImage":"o/a","aTag":"1","bImage":"o/b","bTag":"2"}}`, "v.x g.io/o/a:1; v.x g.io/o/b:2"},
		{`{"x":{"registry":"g.io","aImage":"o/a:1","bImage":"h.io/o/b:2"}}`, "v.x.aImage g.io/o/a:1; v.x.bImage h.io/o/b:2"},
		{`{"images":{"registry":"g.io","a":"o/a:1","b":"o/b:2"}}`, "v.images.a g.io/o/a:1; v.images.b g.io/o/b:2"},
		{`{"x":{"repository":"g.io/m","image":"o/a","imageTag":"1"}}`, "v.x g.io/m/o/a:1"},
		{`{"x":{"registry":"g.io","repository":"h.io/o/a","tag":"1"}}`, "v.x g.io/h.io/o/a:1; v.x h.io/o/a:1"},

		{`{"x":{"registry":"g.io","a":{"repository":"o/a","tag":"1"},"b":{"c":{"image":"o/b:2"}}}}`, "v.x.a g.io/o/a:1; v.x.b.c.image g.io/o/b:2"},
		{`{"x":{"registry":"g.io","list":[{"image":"o/a","tag":"1"},{"image":"h.io/o/b:2"}]}}`, "v.x.list[0] g.io/o/a:1; v.x.list[1].image h.io/o/b:2"},
		{`{"x":{"registry":"g.io/m","a":{"repository":"o/a","tag":"1"},"bImage":"o/b:2"}}`, "v.x.a g.io/m/o/a:1; v.x.a docker.io/o/a:1; v.x.bImage g.io/m/o/b:2; v.x.bImage docker.io/o/b:2"},
		{`{"x":{"registry":"hub","a":{"repository":"o/a","tag":"1"}}}`, "v.x.a docker.io/o/a:1"},
		{`{"x":{"registry":"g.io","a":{"registry":"h.io","repository":"o/a","tag":"1"}},"b":{"image":"o/b:2"}}`, "v.b.image docker.io/o/b:2; v.x.a h.io/o/a:1"},

		// A version is a tag where the image is called like it; else latest is not implied.
		{`{"webImage":"g.io/o/a","webImageVersion":"1"}`, "v g.io/o/a:1"},
		{`{"webImage":"g.io/o/a","webVersion":"1"}`, "v g.io/o/a:1"},
		{`{"image":"g.io/o/a","packageVersion":"1"}`, "v.image g.io/o/a; v.image g.io/o/a:1"},
		{`{"image":"g.io/o/a","aVersion":"2","bVersion":"1","cVersion":"2","dVersion":">=1","eVersion":true}`, "v.image g.io/o/a; v.image g.io/o/a:1; v.image g.io/o/a:2"},
		{`{"webImage":"g.io/o/a","jobImage":"g.io/o/b:1","aVersion":"1"}`, "v.jobImage g.io/o/b:1; v.webImage g.io/o/a"},
		{`{"webImage":"g.io/o/a","jobImage":"g.io/o/b:1","appVersion":"2"}`, "v.jobImage g.io/o/b:1; v.webImage g.io/o/a; v.webImage g.io/o/a:2"},
		{`{"images":{"a":"g.io/o/a","b":"g.io/o/b:1","xVersion":"1"}}`, "v.images.a g.io/o/a; v.images.b g.io/o/b:1"},
		{`{"image":"g.io/o/a","appVersion":""}`, "v.image g.io/o/a:latest"},
		{`{"apiVersion":"v1","image":"g.io/o/a"}`, "v.image g.io/o/a:latest"},
		{`{"image":"g.io/o/a","web":{"version":"1"}}`, "v.image g.io/o/a:latest"},

		// Settings that stand where images do, switches, and keys that no chart has.
		{`{"images":{"pullPolicy":"Always","debug":"true","labelsFromPath":{"a":["metadata","x"]},"registry":"g.io/o"}}`, ""},
		{`{"persistence":{"images":{"type":"nfs","server":"nas.io","path":"/data","name":"pv","size":"5Gi","at":"12:30"}}}`, ""},
		{`{"image":{"enabled":true},"createImage":"yes","useImage":true,"x":{"image":false,"imageTag":"1"}}`, "v.x.imageTag (x):1"},
		{`{"image.repository":"g.io/o/a","image.tag":"1"}`, ""},
		{`{"images":{"a":"o/a","b":"g.io/o/b"}}`, "v.images.a docker.io/o/a; v.images.b g.io/o/b:latest"},

		// The value of a pair stands under its name.
		{`{"env":[{"name":"JOB_IMAGE","value":"o/a:1"},{"name":"X_TOKEN","value":"g.io/o/a:1"}]}`, "v.env[0].value docker.io/o/a:1; v.env[1].value ValuesNotRead"},

		// What YAML and Helm make of numbers.
		{`{"x":{"repository":"g.io/o/a","tag":1.10}}`, "v.x g.io/o/a:1.1"},
		{`{"x":{"repository":"g.io/o/a","tag":1e3}}`, "v.x g.io/o/a:1000"},
		{`{"x":{"repository":"g.io/o/a","tag":31415926}}`, "v.x g.io/o/a:31415926; v.x.tag InvalidReference"},

		// What should be an image and is not.
		{`{"x":{"tag":"1==2"}}`, "v.x.tag InvalidReference"},
		{`{"x":{"tag":""}}`, ""},
		{`{"x":{"tag":["1"]}}`, ""},
		{`{"x":{"repository":5,"tag":"1"}}`, "v.x.repository InvalidReference"},
		{`{"x":{"repository":"o//a","tag":"1"}}`, "v.x.repository InvalidReference"},
		{`{"x":{"repository":"g.io/o/a","tag":"1==2"}}`, "v.x g.io/o/a; v.x.tag InvalidReference"},
		{`{"x":{"repository":"g.io/o/a","tag":["1"]}}`, "v.x g.io/o/a; v.x.tag InvalidReference"},
		{`{"x":{"repository":"g.io/o/a","tag":"1","digest":"2"}}`, "v.x g.io/o/a:1; v.x InvalidReference"},
		{`{"image":"g.io/o/a:1@2"}`, "v.image g.io/o/a:1; v.image InvalidReference"},
	}
	for _, test := range tests {
		if got := found(t, test.values); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.values, got, test.want)
		}
	}
}

// Every full reference in a text counts, whatever the text is.
func TestFindInText(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for text, want := range map[string]string{
		"--solver=g.io/o/a:1":                                 "g.io/o/a:1",
		"--images g.io/o/a:1,g.io/o/b:2;h.io:5000/c:3.":       "g.io/o/a:1 g.io/o/b:2 h.io:5000/c:3",
		"- name: a\n  image: \"g.io/o/a:1\"\n  args: [x]\n":   "g.io/o/a:1",
		"[[runner]]\n  image = 'g.io/o/a:1'\n":                "g.io/o/a:1",
		`{"image":"g.io/o/a:1","x":"{\"i\":\"g.io/o/b:2\"}"}`: "g.io/o/a:1 g.io/o/b:2",
		`a: |\ng.io/o/a:1\n`:                                  "g.io/o/a:1",
		"sidecar:g.io/o/a:1 init:localhost/b:2":               "g.io/o/a:1 localhost/b:2",
		"docker pull docker://g.io/o/a:1" + digest:            "g.io/o/a:1" + digest[:10],
		"g.io/o/a:1 and g.io/o/a:1":                           "g.io/o/a:1",
		"(see g.io/o/a:1)...":                                 "g.io/o/a:1",
		"registry.k8s.io/pause:3.9":                           "registry.k8s.io/pause:3.9",
		"url: oci://g.io/o/a:1 registry://g.io/o/b:2":         "g.io/o/a:1 g.io/o/b:2",
		"image:g.io:5000/o/a:1 ${IMAGE:-g.io/o/b:2}":          "g.io:5000/o/a:1 g.io/o/b:2",
		`{"image":"g.io\/o\/a:1"}`:                            "g.io/o/a:1",

		"https://g.io/o/a:1 bob:pw@g.io/o/a:1 oci://bob:pw@g.io/o/a:1":                              "",
		"g.io/o/a:${TAG} g.io/o/a:1-${X} ${R}g.io/o/a:1 {{ .r }}/o/a:1 g.io/o/a:{{x}":               "",
		"o/a:1 redis:6379 g.io/o/a g.io:80/x /g.io/o/a:1 nas.io/x:/data":                            "",
		"node-role.kubernetes.io/control-plane:NoSchedule x.io/gpu:NoExecute":                       "",
		"topology.kubernetes.io/zone:a kubernetes.io/os:linux a.io/inject:true":                     "",
		"10.0.0.0/8:443 a=b:c 1.5/2:3":                                                              "",
		"password: g.io/o/a:1\n--api-token=g.io/o/b:1 \"authToken\": \"g.io/o/c:1\"":                "ValuesNotRead",
		"password:g.io/o/a:1 --password=x:g.io/o/a:1 token:g.io:5000/o/a:1 ${PASSWORD:-g.io/o/a:1}": "ValuesNotRead",
	} {
		mentions, problems := Find(map[string]any{"x": text}, "v")
		var got []string
		for _, m := range mentions {
			s := m.Repository.String() + ":" + m.Tag
			if m.Digest != "" {
				s += "@" + m.Digest[:9]
			}
			got = append(got, s)
		}
		for _, p := range problems {
			got = append(got, string(p.Reason))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s\n got %s\nwant %s", text, s, want)
		}
	}
}

// credentialKeys are keys that Kubernetes and charts have for secrets themselves.
func credentialKeys() []string {
	return []string{
		"password", "dbPassword", "DB_PASSWORD", "registryPasswordSecretKey", "passwd", "passphrase", "REGISTRY_PASS", "pwd",
		"secret", "secrets", "existingSecret", "imagePullSecrets", "pullSecret", "clientSecret", "secretKeyRef", "secretName", "stringData",
		"token", "authToken", "githubtoken", "API_TOKENS", "bearer", "apiKey", "apikey", "API_KEY", "accessKey", "privateKey", "ssh-key", "tls.key",
		"encryptionKeys", "credentials", "imageCredentials", "registryCredentials", "dockerconfigjson", ".dockerconfigjson", ".dockercfg",
		"kubeconfig", "connectionString", "dsn", "ca.pem",
	}
}

// componentKeys are keys that secrets may stand below, and that components have for names, too.
func componentKeys() []string {
	return []string{
		"auth", "basic-auth", "htpasswd_auth", "authServer", "AUTH_SERVICE", "jwt", "jwt-issuer", "keys", "pass", "token-refresher", "password-reset",
		"external-secrets", "secret-store", "nodeSelector", "tolerations", "affinity",
	}
}

// Nothing under a key for a credential becomes an image or is quoted, wherever the key stands.
func TestSecretsAreNoImages(t *testing.T) {
	for _, key := range credentialKeys() {
		for _, secret := range []any{
			"hunter2", "g.io/o/hunter2:1", "o/hunter2:1", "not an image hunter2",
			[]any{"g.io/o/hunter2:1"},
			map[string]any{"a": "g.io/o/hunter2:1"},
			map[string]any{"tag": "hunter2"},
			map[string]any{"name": "hunter2", "version": "1"},
			map[string]any{"repository": "hunter2", "tag": "1==1"},
			[]any{map[string]any{"name": "g.io/o/hunter2:1", "value": "g.io/o/hunter2:1"}},
		} {
			for _, values := range []map[string]any{
				{key: secret},
				{"privateImages": map[string]any{key: secret}},
				{"image": map[string]any{key: secret}},
				{"images": map[string]any{"x": map[string]any{key: secret}}},
				{"env": []any{map[string]any{"name": key, "value": secret}}},
			} {
				mentions, problems := Find(values, "v")
				if said := fmt.Sprint(mentions, problems); strings.Contains(said, "hunter2") {
					t.Errorf("%v: %s", values, said)
				}
			}
		}
	}
	for _, key := range []string{"image", "keycloak", "valkey", "monkey", "tokenizer", "authorImage", "compass", "container", "maintainer"} {
		if IsSecretKey(key) || isPlacementKey(key) {
			t.Errorf("%s is a key like others", key)
		}
	}
}

// What stands under a key that may be that of a component is no free text either.
func TestTextUnderComponentsIsNotQuoted(t *testing.T) {
	for _, key := range componentKeys() {
		for _, secret := range []any{
			"hunter2", "o/hunter2:1", "not an image hunter2", "--x=g.io/o/hunter2:1", "bob:g.io/o/hunter2:1",
			map[string]any{"a": "x g.io/o/hunter2:1"},
			map[string]any{"tag": "hunter2"},
			map[string]any{"imageTag": "hunter2=="},
			map[string]any{"name": "hunter2", "version": "1"},
			map[string]any{"name": "hunter2", "tag": "1"},
			map[string]any{"repository": "hunter2", "tag": "1==1"},
			map[string]any{"repository": "o/a", "tag": "1", "digest": "hunter2"},
			map[string]any{"password": "g.io/o/hunter2:1"},
		} {
			for _, values := range []map[string]any{
				{key: secret},
				{"image": map[string]any{key: secret}},
				{"env": []any{map[string]any{"name": key, "value": secret}}},
			} {
				mentions, problems := Find(values, "v")
				if said := fmt.Sprint(mentions, problems); strings.Contains(said, "hunter2") {
					t.Errorf("%v: %s", values, said)
				}
			}
		}
	}
}

// A component may be called like a secret, or like where pods run.
func TestComponentsThatAreCalledLikeSecrets(t *testing.T) {
	for _, key := range componentKeys() {
		for _, test := range []struct{ values, want string }{
			{`{"K":{"imageTag":"1"}}`, "v.K.imageTag (K):1"},
			{`{"K":{"image":{"tag":"1"}}}`, "v.K.image.tag (K):1"},
			{`{"K":{"image":{"registry":"g.io/o","repository":"a","tag":"1"}}}`, "v.K.image g.io/o/a:1"},
			{`{"K":{"image":{"name":"g.io/o/a","tag":"1"}}}`, "v.K.image g.io/o/a:1"},
			{`{"K":{"image":{"repository":"g.io/o/a"}}}`, "v.K.image g.io/o/a"},
			{`{"K":{"image":"o/a:1"}}`, "v.K.image docker.io/o/a:1"},
			{`{"K":{"images":{"server":"g.io/o/a:1"}}}`, "v.K.images.server g.io/o/a:1"},
			{`{"K":{"repository":"a","tag":"1@S"}}`, "v.K docker.io/library/a:1@sha256:01"},
			{`{"K":{"repository":"g.io/o/a"}}`, "v.K g.io/o/a"},
			{`{"K":{"registry":"g.io","repository":"o/a"}}`, "v.K g.io/o/a"},
			{`{"K":{"registry":"g.io","x":{"repository":"o/a"}}}`, "v.K.x g.io/o/a"},
			{`{"K":{"registry":"g.io/o","name":"a","tag":"1"}}`, "v.K g.io/o/a:1"},
			{`{"K":{"registry":"g.io/o/a","tag":"1"}}`, "v.K g.io/o/a:1"},
			{`{"K":{"name":"g.io/o/a","tag":"1"}}`, "v.K g.io/o/a:1"},
			{`{"x":{"name":"a","tag":"1","K":"g.io/o/a"}}`, "v.x docker.io/library/a:1; v.x g.io/o/a:1"},
			{`{"K":{"jobs":[{"registry":"g.io","repository":"o/a","tag":"1"}]}}`, "v.K.jobs[0] g.io/o/a:1"},
			{`{"K":{"x":{"y":["g.io/o/a:1"]}}}`, "v.K.x.y[0] g.io/o/a:1"},
			{`{"K":"g.io/o/a:1"}`, "v.K g.io/o/a:1"},
			{`{"env":{"K":"docker://g.io/o/a:1"}}`, "v.env.K g.io/o/a:1"},
			{`{"env":[{"name":"K","value":"g.io/o/a:1"}]}`, "v.env[0].value g.io/o/a:1"},
			{`{"args":["--K=g.io/o/a:1"]}`, "v.args[0] g.io/o/a:1"},
			{`{"images":{"K":"o/a:1"}}`, "v.images.K docker.io/o/a:1"},
			{`{"images":{"K":{"tag":"1"}}}`, "v.images.K.tag (K):1"},
		} {
			values := strings.NewReplacer("K", key, "S", "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef").Replace(test.values)
			want := strings.ReplaceAll(test.want, "K", key)
			if got := found(t, values); got != want {
				t.Errorf("%s\n got %s\nwant %s", values, got, want)
			}
		}
	}
	for values, want := range map[string]string{
		`{"password":{"image":"g.io/o/a:1","x":{"registry":"g.io","repository":"o/b","tag":"1"}}}`:              "v.password.image g.io/o/a:1; v.password.x g.io/o/b:1",
		`{"nodeSelector":{"a":"k8s.io/b:1"},"taintToleration":"kubernetes.io/os:linux","taints":"x.io/y:true"}`: "",
		`{"extra":[{"kind":"Secret","stringData":{"x":"g.io/o/a:1","image":"g.io/o/b:1"}}]}`:                    "",

		// What is skipped is reported if it looks like an image.
		`{"token":"g.io/o/a:1","password":"g.io/o/a","secretName":"a"}`:      "v.token ValuesNotRead",
		`{"password":{"name":"g.io/o/a","tag":"1"}}`:                         "v.password ValuesNotRead",
		`{"password":{"x":["g.io/o/a:1"]}}`:                                  "v.password.x[0] ValuesNotRead",
		`{"auth":{"args":"-i g.io/o/a:1","tag":"1","x":"https://g.io/a:1"}}`: "v.auth.tag ValuesNotRead; v.auth.args ValuesNotRead",
		`{"auth":{"x":{"repository":"g.io/o/a","tag":"1=1"}}}`:               "v.auth.x ValuesNotRead",
		`{"imagePullSecrets":[{"name":"a","registry":"g.io"}]}`:              "",
		`{"auth":{"repository":"https://g.io/charts","version":"1"}}`:        "",
		`{"x":"--password=g.io/o/a:1 --image=g.io/o/b:1"}`:                   "v.x g.io/o/b:1; v.x ValuesNotRead",
	} {
		if got := found(t, values); got != want {
			t.Errorf("%s\n got %s\nwant %s", values, got, want)
		}
	}
}

func TestPathIsCut(t *testing.T) {
	p := &path{root: "root"}
	for range 10_000 {
		p = p.field("step")
	}
	if s := p.String(); len(s) > maxPath+len("root…") || !strings.HasPrefix(s, "root….step.") {
		t.Errorf("%d bytes: %s", len(s), s)
	}
	long := (&path{root: "root"}).field(strings.Repeat("k", 10_000))
	if s := long.String(); s != "root…" {
		t.Errorf("%s", s)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"git.oleks.space/oleks/cms-plugins:staging", "nginx", "A/b:C", "localhost:5000/a@sha256:" + strings.Repeat("0", 64),
		"[::1]:443/a:b", "[1]:443/a", "a.b_c/d", "a\nb", "a==b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := Parse(s)
		if err != nil {
			return
		}
		checkReference(t, ref, s)
		if again, err := Parse(ref.String()); err != nil || again != ref {
			t.Errorf("Parse(%q) = %+v, but its normal form %q gives %+v, %v", s, ref, ref, again, err)
		}
	})
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{
		`{"image":"g.io/o/a:1"}`, `{"x":{"repository":"o/a","registry":"g.io","tag":1.5}}`, `{"x":{"image":"a:1","tag":"2\n"}}`,
		`{"containers":[{"image":"a"}],"args":["--b-image","c:1"],"data":"x-image: d/e:1"}`,
		`["a.b/c:d@sha256:1",{"tag":"==","name":"a"}]`, `{"image":{"repository":"A/B","version":true}}`, `"a.b/c:d"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		decoder := json.NewDecoder(strings.NewReader(s))
		decoder.UseNumber()
		var values any
		if decoder.Decode(&values) != nil {
			return
		}
		mentions, problems := Find(values, "v")
		said := strings.Join(scalars(values), "\n")
		for _, m := range mentions {
			checkReference(t, m.Reference, said)
		}
		for _, p := range problems {
			if p.Reason == "" || p.Message == "" || !strings.HasPrefix(p.Field, "v") {
				t.Errorf("a problem that says nothing: %+v", p)
			}
		}
		checkAgain(t, values, mentions, problems)
		if object, isMap := values.(map[string]any); isMap {
			mentions, _ := FindInManifests([]map[string]any{object}, false)
			for _, m := range mentions {
				checkReference(t, m.Reference, said)
			}
		}
	})
}

// checkReference checks that a reference is one by the grammar, and that what was
// read named it.
func checkReference(t *testing.T, ref Reference, said string) {
	t.Helper()
	if _, err := ParseRepository(ref.Repository.String()); err != nil && ref.Repository != (Repository{}) {
		t.Errorf("from %q: %v", said, err)
	}
	if ref.Tag != "" && CheckTag(ref.Tag) != nil {
		t.Errorf("from %q: tag %q", said, ref.Tag)
	}
	if ref.Tag != "" && ref.Tag != "latest" && !strings.Contains(said, ref.Tag) {
		t.Errorf("%q does not name the tag %q", said, ref.Tag)
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(ref.Repository.Path, "library/"), "/") {
		if !strings.Contains(strings.ToLower(said), part) {
			t.Errorf("%q does not name %q of the repository %s", said, part, ref.Repository)
		}
	}
}

// checkAgain checks that nothing depends on the order of a map's keys.
func checkAgain(t *testing.T, values any, mentions []Mention, problems []v1alpha1.Problem) {
	t.Helper()
	again, problemsAgain := Find(values, "v")
	if len(again) != len(mentions) || len(problemsAgain) != len(problems) {
		t.Fatal("another walk finds other images")
	}
	for i := range again {
		if again[i] != mentions[i] {
			t.Errorf("another walk finds %+v instead of %+v", again[i], mentions[i])
		}
	}
}

// scalars lists every scalar of values as it is printed.
func scalars(values any) []string {
	switch values := values.(type) {
	case map[string]any:
		var list []string
		for _, value := range values {
			list = append(list, scalars(value)...)
		}
		return list
	case []any:
		var list []string
		for _, value := range values {
			list = append(list, scalars(value)...)
		}
		return list
	default:
		s, _ := scalar(values)
		return []string{s}
	}
}

// Whatever the key and the text: what is found is in the text, and nothing is found or
// quoted of what stands under a key for secrets.
func FuzzKeys(f *testing.F) {
	for key, text := range map[string]string{
		"image": "o/a:1", "dbPassword": "g.io/o/a:1", "args": "--x=g.io/o/a:1,g.io/o/b@sha256:12", "a": `{"token":"g.io/o/a:1"}`,
		"images": "g.io/o/a", "registry": "g.io", "value": "\\ng.io/o/a:1:", "": "localhost/a:1...", "Tag": "1e3", "x": "a.io/b:${c}",
	} {
		f.Add(key, text)
	}
	f.Fuzz(func(t *testing.T, key, text string) {
		for _, values := range []map[string]any{
			{key: text},
			{"images": map[string]any{key: text}},
			{"env": []any{map[string]any{"name": key, "value": text}}},
			{key: text, "registry": "g.io", "tag": "1"},
		} {
			mentions, problems := Find(values, "v")
			for _, m := range mentions {
				checkReference(t, m.Reference, text+"\n"+key+"\ng.io\n1")
			}
			secret := strings.TrimSpace(text)
			if said := fmt.Sprint(mentions, problems); IsCredentialKey(key) && len(secret) > 20 && strings.Contains(said, secret) {
				t.Errorf("what stands under %q is said: %s", key, said)
			}
		}
		words, _ := references(text)
		for _, word := range words {
			ref, _, err := parseTolerant(word)
			if err != nil || !strings.Contains(text, word) || ref.Tag == "" && ref.Digest == "" || !strings.Contains(word, "/") {
				t.Errorf("%q has %q, %v", text, word, err)
			}
		}
	})
}
