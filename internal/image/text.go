package image

import "strings"

// isWordByte reports whether a byte can be part of a reference.
func isWordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("._-/:@", b) >= 0
}

// eachWord calls take for every run of bytes of which references are made, with where it
// begins and ends.
func eachWord(text string, take func(start, end int)) {
	start := -1
	for i := 0; i <= len(text); i++ {
		switch isPart := i < len(text) && isWordByte(text[i]); {
		case isPart && start < 0:
			start = i
		case !isPart && start >= 0:
			take(start, i)
			start = -1
		}
	}
}

// references returns the full references in a text, each once: a host, a path, and a tag
// or a digest. A text is an argument, a script, a block of YAML, TOML or JSON, or no more
// than the reference. What a template or a variable completes is none, nor is part of a
// URL. What a credential's key stands before is skipped.
func references(text string) (found []string, skipped bool) {
	text = strings.ReplaceAll(text, `\/`, "/") // as some write JSON
	var seen map[string]bool
	eachWord(text, func(start, end int) {
		if end-start > maxReference || strings.IndexByte(text[start:end], '/') < 0 {
			return
		}
		if start > 0 && text[start-1] == '\\' && strings.IndexByte("nrt", text[start]) >= 0 {
			start++ // of an escaped line end
		}
		if start > 0 && strings.IndexByte("$}%&?#~+*", text[start-1]) >= 0 ||
			end < len(text) && strings.IndexByte("${%&?#~+*", text[end]) >= 0 {
			return
		}
		word := fullReference(text[start:end])
		if word == "" {
			return
		}
		begin := start + strings.Index(text[start:end], word)
		switch {
		case IsCredentialKey(keyBefore(text[:start])), IsCredentialKey(keyBefore(strings.TrimSuffix(text[:begin], "-"))):
			skipped = true
		case !seen[word]:
			if seen == nil { // most texts have none
				seen = map[string]bool{}
			}
			seen[word] = true
			found = append(found, word)
		}
	})
	return found, skipped
}

// isFullReference reports whether a text is a full reference and nothing else.
func isFullReference(text string) bool {
	word := fullReference(text)
	return word != "" && word == withoutTransport(text)
}

// fullReference returns the full reference that a word is, or ends with behind a key and
// a colon; empty, it is none.
func fullReference(word string) string {
	word = strings.TrimRight(withoutTransport(word), ".:")
	slash := strings.IndexByte(word, '/')
	if slash < 0 || isURL(word) || strings.IndexByte(word[:slash], '@') >= 0 {
		return ""
	}
	word = behindKey(word, slash)
	name, suffix := splitName(word)
	if suffix == "" || !HasHost(name) || isLabel(name, suffix) {
		return ""
	}
	if _, _, err := parseTolerant(word); err != nil {
		return ""
	}
	return word
}

// behindKey cuts the key and the colon off that may stand before a word's first part, which ends with a slash
// and may be a host with a port: image:host:5000/path, and the default of a variable in a shell,
// VARIABLE:-host/path.
func behindKey(word string, slash int) string {
	host := word[:slash]
	colon := strings.LastIndexByte(host, ':')
	if colon >= 0 && strings.Trim(host[colon+1:], "0123456789") == "" { // a port
		colon = strings.LastIndexByte(host[:colon], ':')
	}
	return strings.TrimPrefix(word[colon+1:], "-")
}

// isLabel reports whether what reads like a reference is a Kubernetes label or taint: its
// prefix is one that Kubernetes reserves, its value is an effect or a boolean, or nothing
// in it is a name.
func isLabel(name, suffix string) bool {
	host, path, _ := strings.Cut(name, "/")
	switch suffix {
	case ":NoSchedule", ":PreferNoSchedule", ":NoExecute", ":true", ":false":
		return true
	}
	for _, reserved := range []string{"kubernetes.io", "k8s.io"} {
		if (host == reserved || strings.HasSuffix(host, "."+reserved)) && !strings.HasPrefix(host, registryEnding) {
			return true
		}
	}
	return !hasLetter(path)
}

func hasLetter(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
}

// keyBefore returns the key that stands before a value at the end of a text: password for
// `password: "`, `--password=` and `"password":`; empty where none does.
func keyBefore(text string) string {
	text = text[max(0, len(text)-maxKeyBefore):]
	text = strings.TrimRight(text, " \t\\\"'`")
	rest := strings.TrimRight(text, ":=")
	if rest == text {
		return ""
	}
	rest = strings.TrimRight(rest, " \t\\\"'`")
	return rest[strings.LastIndexAny(rest, " \t\r\n\\\"'`{[(,;&=")+1:]
}
