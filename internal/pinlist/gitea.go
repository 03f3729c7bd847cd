package pinlist

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// MaxGiteaPattern is how many characters of a pattern Gitea's database keeps, unless it is SQLite.
const MaxGiteaPattern = 255

// giteaRules makes a line for each owner of images: host/owner, a tab, and a pattern of all of the
// owner's images, as Gitea matches it: against name/version, both in lower case. Gitea puts anchors
// around the pattern, and no group: alternatives need one of their own. A repository without an owner
// cannot be in a Gitea.
func giteaRules(images []string) []string {
	owners := map[string]map[string][]string{}
	for _, image := range images {
		colon := strings.LastIndexByte(image, ':')
		parts := strings.SplitN(image[:colon], "/", 3)
		if len(parts) < 3 {
			continue
		}
		owner, name := parts[0]+"/"+parts[1], regexp.QuoteMeta(strings.ToLower(parts[2]))
		if owners[owner] == nil {
			owners[owner] = map[string][]string{}
		}
		owners[owner][name] = append(owners[owner][name], regexp.QuoteMeta(strings.ToLower(image[colon+1:])))
	}
	lines := make([]string, 0, len(owners))
	for _, owner := range slices.Sorted(maps.Keys(owners)) {
		var alternatives []string
		for _, name := range slices.Sorted(maps.Keys(owners[owner])) {
			alternatives = append(alternatives, name+"/"+anyOf(owners[owner][name]))
		}
		lines = append(lines, owner+"\t"+anyOf(alternatives))
	}
	return lines
}

// anyOf returns a pattern that matches what one of several patterns matches.
func anyOf(patterns []string) string {
	slices.Sort(patterns)
	return "(?:" + strings.Join(slices.Compact(patterns), "|") + ")"
}
