package pin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// maxVia and maxDigests limit how many places and digests the report has for a pin,
// maxPolicies and maxProblems how many policies and problems for a release; maxMessage limits
// a message's bytes. More help nobody, and one tenant could fill the report for all.
const (
	maxVia      = 20
	maxDigests  = 5
	maxPolicies = 1000
	maxProblems = 50
	maxMessage  = 2000
)

// sortedSet sorts and removes duplicates. It never returns nil, so that JSON has an empty
// list.
func sortedSet(list []string) []string {
	slices.Sort(list)
	return append([]string{}, slices.Compact(list)...)
}

// mergeSorted merges two sorted lists, of which the second is short.
func mergeSorted[T any](long, short []T, compare func(a, b *T) int) []T {
	if len(short) == 0 {
		return long
	}
	merged := make([]T, 0, len(long)+len(short))
	for i := range short {
		n, _ := slices.BinarySearchFunc(long, &short[i], func(a T, b *T) int { return compare(&a, b) })
		merged = append(append(merged, long[:n]...), short[i])
		long = long[n:]
	}
	return append(merged, long...)
}

// few cuts a list that is longer than most, and adds how many entries were cut.
func few(list []string, most int) []string {
	if len(list) <= most {
		return list
	}
	return append(list[:most:most], fmt.Sprintf("and %d more", len(list)-most))
}

// firstOf sorts, removes duplicates, and keeps as many as most; nil, if there are none.
func firstOf(list []string, most int) []string {
	slices.Sort(list)
	list = slices.Compact(list)
	return list[:min(len(list), most)]
}

// places returns the places in a list that few has cut.
func places(via []string) []string {
	return slices.DeleteFunc(slices.Clone(via), func(s string) bool {
		return strings.HasPrefix(s, "and ") && strings.HasSuffix(s, " more")
	})
}

// sortedVia puts the fields of releases before the policies.
func sortedVia(via []string) []string {
	set := sortedSet(via)
	slices.SortStableFunc(set, func(a, b string) int {
		return cmp.Compare(strings.Index(a, link.PolicyObject), strings.Index(b, link.PolicyObject))
	})
	return set
}

// SortedProblems sorts problems by importance, removes duplicates, and limits their number and length. It
// never returns nil.
func SortedProblems(problems []v1alpha1.Problem) []v1alpha1.Problem {
	slices.SortFunc(problems, compareProblems)
	set := append([]v1alpha1.Problem{}, slices.Compact(problems)...)
	for i := range set {
		if p := &set[i]; len(p.Message) > maxMessage {
			p.Message = strings.ToValidUTF8(p.Message[:maxMessage], "") + " …"
		}
	}
	if len(set) <= maxProblems {
		return set
	}
	return append(set[:maxProblems:maxProblems], moreProblems(len(set)-maxProblems))
}

func compareProblems(a, b v1alpha1.Problem) int {
	return cmp.Or(cmp.Compare(importance(a), importance(b)), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Field, b.Field),
		cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
}

// importance puts reads that have failed, which make a list incomplete, first, then what may miss a tag: so
// that of more problems than a report has, it has one of those if there is one.
func importance(p v1alpha1.Problem) int {
	switch {
	case p.Reason == v1alpha1.ReasonReadFailed:
		return 0
	case MayMissTag(p):
		return 1
	default:
		return 2
	}
}

func moreProblems(n int) v1alpha1.Problem {
	return v1alpha1.Problem{Reason: v1alpha1.ReasonMoreProblems, Message: "and " + object.Amount(n, "more problem")}
}
