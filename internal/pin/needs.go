package pin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// viaChart is where the tag was found that is a release's chart itself.
const viaChart = "the chart of the release"

// findNeeds finds the policies that follow the images of a release, and from both the tags
// that it needs.
func findNeeds(release object.Name, in Inputs, l *link.Linker, o needsOptions) *needs {
	f := &needsFinder{
		needsOptions: o, linker: l,
		release: release, subject: link.Subject{
			Name: release.Name, ReleaseName: in.ReleaseName, Chart: in.Chart,
			Namespace: release.Namespace, Trusted: []string{release.Namespace, in.SourceNamespace, in.AppliedFrom},
		},
		foreign: map[foreignTags]int{}, links: map[linkInputs]links{}, linked: map[*link.Candidate]bool{}, named: map[*link.Candidate]bool{}, result: &needs{},
	}
	if in.Rendered != nil {
		f.result.chart = in.Rendered.Entry
	}
	if in.ChartRef.Tag != "" {
		f.result.tags = append(f.result.tags, neededTag{in.ChartRef, viaChart, true})
	}
	f.addAnnotated(in.Policies)
	if err := f.addMentions(&in); err != nil {
		return overBudget(err)
	}
	f.result.policies = slices.SortedFunc(maps.Keys(f.linked), func(a, b *link.Candidate) int { return object.Compare(a.Name, b.Name) })
	for _, c := range f.result.policies {
		f.addPolicy(c)
	}
	f.reportOutside()
	f.reportLeftOut()
	return f.result
}

// overBudget are the needs of a release that could not be found within a budget.
func overBudget(err error) *needs {
	return &needs{isOver: true, problems: []v1alpha1.Problem{{Reason: v1alpha1.ReasonOverBudget, Message: err.Error()}}}
}

// addAnnotated links the policies that the release's annotation names.
func (f *needsFinder) addAnnotated(policies string) {
	field := fmt.Sprintf("metadata.annotations[%s]", v1alpha1.ImagePoliciesAnnotation)
	for entry := range strings.SplitSeq(policies, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		name := object.Name{Namespace: f.release.Namespace, Name: entry}
		if namespace, rest, ok := strings.Cut(entry, "/"); ok {
			name = object.Name{Namespace: namespace, Name: rest}
		}
		c, ok := f.linker.Policy(name)
		if !ok {
			f.problem(v1alpha1.ReasonPolicyNotFound, field, "there is no ImagePolicy "+image.Shorten(name.String()))
			continue
		}
		f.linked[c], f.named[c] = true, true
		f.addFinding(field, c.Image().String(), link.NamedByAnnotation, c)
	}
}

func (f *needsFinder) addFinding(path, image string, rule link.Rule, linked ...*link.Candidate) {
	if !f.explain {
		return
	}
	finding := Finding{Release: f.release, Path: path, Image: image}
	for _, c := range linked {
		finding.Policies, finding.Rule = append(finding.Policies, c.Name), rule
	}
	slices.SortFunc(finding.Policies, object.Compare)
	f.result.findings = append(f.result.findings, finding)
}

// addMentions adds what the images in the values and of the chart need. It returns an error where that
// is beyond the budget.
func (f *needsFinder) addMentions(in *Inputs) error {
	answers := in.Rendered.answers(in.Images)
	if in.Images != nil {
		for i := range in.Images.Problems {
			if p := &in.Images.Problems[i]; !in.Rendered.solves(p) {
				f.result.problems = append(f.result.problems, *p)
			}
		}
		for i := range in.Images.Mentions {
			m := &in.Images.Mentions[i]
			f.isAnswered = answers.has(m)
			if f.addMention(m); f.exceeded() != nil {
				return f.exceeded()
			}
		}
	}
	f.isAnswered = false
	if in.Rendered != nil {
		f.result.problems = append(f.result.problems, in.Rendered.Problems...)
		for i := range in.Rendered.Mentions {
			if f.addMention(&in.Rendered.Mentions[i]); f.exceeded() != nil {
				return f.exceeded()
			}
		}
	}
	return nil
}

// addMention adds what one image needs: its tag, and the policies that follow it.
func (f *needsFinder) addMention(m *image.Mention) {
	linked, rule := f.link(m)
	f.addFinding(m.Path, quote(m, m.String()), rule, linked...)
	f.reportMoved(m, linked)
	repositories := f.locate(m, linked)
	f.addDigest(m, repositories)
	tags := f.tagsOf(m, repositories, linked)
	if f.floatingOnly && m.Tag != "" && !slices.ContainsFunc(linked, func(c *link.Candidate) bool { return f.linker.Accepts(c, m.Tag, &f.subject) }) {
		f.result.notFollowed += len(tags)
		tags = nil
	}
	f.result.tags = append(f.result.tags, tags...)
	switch {
	case f.isAnswered:
	case m.Tag != "" && m.Repository == (image.Repository{}) && !slices.ContainsFunc(linked, f.trusts):
		f.problem(v1alpha1.ReasonNoRepository, m.Path, fmt.Sprintf(
			"tag %s stands without a repository, and no ImagePolicy that accepts it has a matching name%s: "+
				"it is not known which image it belongs to", quote(m, strconv.Quote(m.Tag)), f.others(linked)))
	case m.Tag == "" && len(repositories) > 0 && !slices.ContainsFunc(linked, func(c *link.Candidate) bool { return f.namesTag(c, m) }):
		f.result.untagged = append(f.result.untagged, repositories...)
		why := "has no tag (the chart's default applies, which pinsync does not know)"
		if m.Beside != "" && !m.Secret {
			why = fmt.Sprintf("has no tag, and it is not known whether the chart takes it from %q beside it", image.Shorten(m.Beside))
		}
		if m.Digest != "" {
			why = "has no tag, only a digest, which a cleaner does not keep"
		}
		f.problem(v1alpha1.ReasonNoTag, m.Path, quote(m, m.Repository.String())+" "+why+", and no ImagePolicy names one"+f.others(linked)+": set one in the release")
	}
}

// addDigest notes an image that is named by its digest alone.
func (f *needsFinder) addDigest(m *image.Mention, repositories []image.Repository) {
	if m.Tag != "" || m.Digest == "" {
		return
	}
	if f.result.digests == nil { // most releases have none
		f.result.digests = map[string]map[string]bool{}
	}
	for _, repository := range repositories {
		name := repository.String()
		if f.result.digests[name] == nil {
			f.result.digests[name] = map[string]bool{}
		}
		f.result.digests[name][m.Digest] = true
	}
}

// namesTag reports whether a policy that the release relies on names the tag of an image that has none. What it names
// at another registry than the one of the image counts only if it is pinned there, and of an image that has a digest
// only the tag of that.
func (f *needsFinder) namesTag(c *link.Candidate, m *image.Mention) bool {
	return f.trusts(c) && (m.Digest == "" || c.HasDigest(m.Digest)) && slices.ContainsFunc(c.Tags(), func(ref image.Reference) bool {
		_, isPinned := pinName(f.registries, ref.Repository)
		return isPinned || m.Hostless
	})
}

// exceeded returns an error where what the images need is beyond the budget.
func (f *needsFinder) exceeded() error {
	switch {
	case f.subject.IsOver:
		return budget.ErrMatching
	case len(f.result.tags) > budget.Pins:
		return budget.Exceeded(budget.Pins, "tags, with those that its policies name")
	default:
		return nil
	}
}

// quote returns a part of a mention as a message may have it.
func quote(m *image.Mention, part string) string {
	if m.Secret {
		return "(from a Secret)"
	}
	return part
}

// trusts reports whether a policy can answer what is not known of the release: one that its
// annotation names, or of its own namespace, of that which its chart comes from, or of that which it
// is applied from. One of another namespace may be anybody's; its tags are pinned all the same.
func (f *needsFinder) trusts(c *link.Candidate) bool {
	return f.named[c] || slices.Contains(f.subject.Trusted, c.Namespace)
}

// others returns the part of a message that names the linked policies that are not trusted.
func (f *needsFinder) others(linked []*link.Candidate) string {
	var names []string
	for _, c := range linked {
		if !f.trusts(c) {
			names = append(names, c.String())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" in a namespace that the release refers to (found is %s: if that is right, name it by the annotation %s)",
		strings.Join(few(sortedSet(names), 3), ", "), v1alpha1.ImagePoliciesAnnotation)
}

// link links a mention, once for all mentions that are alike.
func (f *needsFinder) link(m *image.Mention) ([]*link.Candidate, link.Rule) {
	in := linkInputs{m.Reference, m.Hostless, m.Implied, m.Hint}
	out, ok := f.links[in]
	if !ok {
		out.linked, out.rule = f.linker.Link(m, &f.subject)
		f.links[in] = out
		for _, c := range out.linked {
			f.linked[c] = true
		}
	}
	return out.linked, out.rule
}

// tagsOf returns the images with the tag that a release mentions: of the repositories that
// it is pinned at, and of those of the policies that were found without the registry or the
// repository being named. A digest alone is the tag of a policy that has it, and on which the release relies: one of
// another namespace could claim any.
func (f *needsFinder) tagsOf(m *image.Mention, repositories []image.Repository, linked []*link.Candidate) []neededTag {
	var tags []neededTag
	if m.Tag == "" {
		for _, c := range linked {
			if f.trusts(c) && c.HasDigest(m.Digest) {
				tags = append(tags, neededTag{image.Reference{Repository: c.Latest.Repository, Tag: c.Latest.Tag, Digest: m.Digest}, m.Path, true})
			}
		}
		return tags
	}
	for _, repository := range repositories {
		tags = append(tags, neededTag{image.Reference{Repository: repository, Tag: m.Tag, Digest: m.Digest}, m.Path, true})
	}
	if m.Repository != (image.Repository{}) && !m.Hostless {
		return tags
	}
	for _, c := range linked {
		if repository := c.Image(); !slices.Contains(repositories, repository) && repository != (image.Repository{}) && f.mayAdd(c, true) {
			tags = append(tags, neededTag{image.Reference{Repository: repository, Tag: m.Tag}, m.Path, f.trusts(c)})
		}
	}
	return tags
}

// mayAdd counts a tag that a policy adds, and reports whether it may: policies that may be anybody's
// may add some alone, and take nothing from those of another namespace.
func (f *needsFinder) mayAdd(c *link.Candidate, isOwn bool) bool {
	if f.trusts(c) {
		return true
	}
	of := foreignTags{c.Namespace, isOwn}
	f.foreign[of]++
	return f.foreign[of] <= budget.ForeignTags
}

// reportLeftOut reports the namespaces whose policies would add more tags than they may.
func (f *needsFinder) reportLeftOut() {
	var namespaces []string
	for of, count := range f.foreign {
		if count > budget.ForeignTags {
			namespaces = append(namespaces, of.namespace)
		}
	}
	if len(namespaces) > 0 {
		f.problem(v1alpha1.ReasonTagsLeftOut, "", fmt.Sprintf(
			"of the tags that only ImagePolicies of a namespace name to which the release does not refer %d are pinned, and there are more in %s: name those that count by the annotation %s",
			budget.ForeignTags, strings.Join(few(sortedSet(namespaces), 5), ", "), v1alpha1.ImagePoliciesAnnotation))
	}
}

// addPolicy adds what a linked policy needs.
func (f *needsFinder) addPolicy(c *link.Candidate) {
	policy := link.PolicyObject + c.String()
	if _, ok := pinName(f.registries, c.Image()); !ok && c.Image() != (image.Repository{}) {
		f.result.outside = append(f.result.outside, image.Shorten(c.Image().String()))
	}
	refs := c.Tags()
	for _, ref := range refs {
		if c.Latest != nil && ref == *c.Latest && f.result.digests[ref.Repository.String()][c.LatestDigest] {
			ref.Digest = c.LatestDigest // the pin keeps it: see namedDigests
		}
		if f.mayAdd(c, false) {
			f.result.tags = append(f.result.tags, neededTag{ref, policy, f.trusts(c)})
		}
	}
	problem := v1alpha1.Problem{Object: policy}
	switch {
	case len(refs) == 0:
		problem.Reason = v1alpha1.ReasonPolicyUnresolved
		problem.Message = "has not resolved a tag yet, and its filterTags.pattern does not name one literally"
	case c.NotReady == "":
		return
	case c.Latest == nil:
		problem.Reason, problem.Message = v1alpha1.ReasonPolicyNeverResolved, "has not resolved a tag yet, only its filterTags.pattern names one"
	default:
		problem.Reason, problem.Message = v1alpha1.ReasonPolicyNotReady, "is not ready"
	}
	if c.NotReady != "" {
		problem.Message += ": " + image.Shorten(c.NotReady)
	}
	f.result.problems = append(f.result.problems, problem)
}
