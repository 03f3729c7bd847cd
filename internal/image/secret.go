package image

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsSecretKey reports whether Kubernetes and charts keep secrets under a key: by what it
// contains, such as dbPassword, imagePullSecrets, dockerconfigjson, by one of its words,
// such as REGISTRY_PASS, authToken, basic-auth, or by its last word, such as apiKey. What
// stands under such a key is not read as free text and not quoted.
func IsSecretKey(key string) bool {
	name := plain(key)
	for _, part := range []string{
		"password", "passwd", "passphrase", "secret", "credential", "dockerconfig", "dockercfg",
		"apikey", "accesskey", "privatekey", "connectionstring", "stringdata",
	} {
		if strings.Contains(name, part) {
			return true
		}
	}
	words := words(key)
	for _, word := range words {
		switch word {
		case "pass", "pwd", "token", "tokens", "auth", "jwt", "bearer", "dsn", "kubeconfig", "pem":
			return true
		}
	}
	last := ""
	if len(words) > 0 {
		last = words[len(words)-1]
	}
	return last == "key" || last == "keys" || strings.HasSuffix(last, "token") || strings.HasSuffix(last, "tokens")
}

// IsCredentialKey reports whether what stands under a key is a credential, as for password,
// apiKey or imagePullSecrets. The other keys for secrets may as well be names of components:
// auth, token-refresher, external-secrets.
func IsCredentialKey(key string) bool {
	words := words(key)
	for len(words) > 1 && slices.Contains([]string{"name", "names", "ref", "refs", "value", "file", "path"}, words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	if len(words) == 0 {
		return false
	}
	switch last := words[len(words)-1]; last {
	case "auth", "jwt":
		return false
	case "keys", "pass":
		return len(words) > 1
	case "secrets":
		return len(words) == 1 || slices.Contains(words, "pull")
	case "string", "data":
		return IsSecretKey(strings.Join(words[max(0, len(words)-2):], ""))
	default:
		return IsSecretKey(last)
	}
}

// isPlacementKey reports whether a key is about where pods run: labels and taints look
// like references, as node-role.kubernetes.io/control-plane:NoSchedule does.
func isPlacementKey(key string) bool {
	return slices.ContainsFunc(words(key), func(word string) bool {
		return slices.Contains([]string{"taint", "taints", "toleration", "tolerations", "selector", "selectors", "affinity"}, word)
	})
}

// isSecretObject reports whether a map is a manifest of a Secret.
func isSecretObject(m map[string]any) bool {
	return m["kind"] == "Secret" && (m["data"] != nil || m["stringData"] != nil)
}

// words are the words of a key in lower case: db, admin and password for dbAdminPassword,
// DB_ADMIN_PASSWORD and db-admin.password.
func words(key string) []string {
	var list []string
	start, last := -1, rune(0)
	end := func(at int) {
		if start >= 0 {
			list = append(list, strings.ToLower(key[start:at]))
		}
		start = -1
	}
	for i, r := range key {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end(i)
		case start < 0:
			start = i
		case unicode.IsUpper(r) && (unicode.IsLower(last) || unicode.IsUpper(last) && beginsLower(key[i+utf8.RuneLen(r):])):
			end(i)
			start = i
		}
		last = r
	}
	end(len(key))
	return list
}

func beginsLower(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return unicode.IsLower(first)
}
