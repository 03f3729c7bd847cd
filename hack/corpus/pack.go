package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// pack is one repository's releases and policies.
type pack struct {
	name     string
	Policies []policyEntry  `json:"policies"`
	Cases    []releaseEntry `json:"cases"`
	// images are those of the policies, by namespace/name.
	images map[string]string
}

type policyEntry struct {
	Namespace string         `json:"namespace"`
	Name      string         `json:"name"`
	Image     string         `json:"image"`
	Spec      map[string]any `json:"spec"`
}

// releaseEntry is one suspended release, and the policies and pins that it needs by Git.
type releaseEntry struct {
	ID         string                    `json:"id"`
	Namespace  string                    `json:"namespace"`
	Name       string                    `json:"name"`
	Spec       map[string]any            `json:"spec"`
	ConfigMaps map[string]map[string]any `json:"configMaps"`
	Variables  map[string]string         `json:"variables"`
	Latest     map[string]string         `json:"latest"`
	Expect     struct {
		Policies []string `json:"policies"`
		Pins     []string `json:"pins"`
	} `json:"expect"`
}

// readPacks reads every pack of a folder, sorted by size.
func readPacks(folder string) ([]*pack, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no packs in %s", folder)
	}
	packs := make([]*pack, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a file of the folder that the developer names
		if err != nil {
			return nil, err
		}
		p := &pack{name: strings.TrimSuffix(filepath.Base(file), ".json")}
		if err := json.Unmarshal(text, p); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		packs = append(packs, p)
	}
	slices.SortStableFunc(packs, func(a, b *pack) int { return len(a.Cases) - len(b.Cases) })
	return packs, nil
}

// putTogether gives every pack the policies of all. The namespaces of each pack are its
// own: the pack's number is put before their names.
func putTogether(packs []*pack) {
	var all []policyEntry
	for i, p := range packs {
		own := func(namespace string) string { return fmt.Sprintf("p%d-%s", i, namespace) }
		for j := range p.Policies {
			p.Policies[j].Namespace = own(p.Policies[j].Namespace)
			if ref, isMap := p.Policies[j].Spec["imageRepositoryRef"].(map[string]any); isMap && ref["namespace"] != nil {
				ref["namespace"] = own(fmt.Sprint(ref["namespace"]))
			}
		}
		for j := range p.Cases {
			c := &p.Cases[j]
			c.Namespace = own(c.Namespace)
			for k := range c.Expect.Policies {
				c.Expect.Policies[k] = own(c.Expect.Policies[k])
			}
			latest := map[string]string{}
			for name, tag := range c.Latest {
				latest[own(name)] = tag
			}
			c.Latest = latest
		}
		all = append(all, p.Policies...)
	}
	for _, p := range packs {
		p.Policies = all
	}
}

// snapshot returns a cluster with one case: all policies of the pack, and the release.
func (p *pack) snapshot(c *releaseEntry) (*pin.Snapshot, error) {
	s := &pin.Snapshot{}
	for _, entry := range p.Policies {
		policy := &flux.ImagePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: entry.Namespace, Name: entry.Name}}
		if err := decodeSpec(entry.Spec, c.Variables, &policy.Spec); err != nil {
			return nil, err
		}
		image := expand(entry.Image, c.Variables)
		if tag, ok := c.Latest[entry.Namespace+"/"+entry.Name]; ok {
			policy.Status.LatestRef = &imagev1.ImageRef{Name: image, Tag: tag}
		}
		planned := convert.Policy(policy)
		s.Policies = append(s.Policies, planned)
		// An ImageRepository for each: a pack does not contain which policies share one.
		s.Repositories = append(s.Repositories, link.Repository{Name: planned.Repository, Image: image})
	}
	release := &flux.HelmRelease{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name}}
	if err := decodeSpec(c.Spec, nil, &release.Spec); err != nil {
		return nil, err
	}
	planned := convert.Release(release)
	planned.Images = convert.ValuesOf(release).Find(c.valuesFrom)
	s.Releases = []pin.Release{planned}
	return s, nil
}

// strangers counts the linked policies of a case that were not expected, and that follow
// another image than all that were.
func (p *pack) strangers(c *releaseEntry, linked []string) int {
	if p.images == nil {
		p.images = map[string]string{}
		for _, entry := range p.Policies {
			p.images[entry.Namespace+"/"+entry.Name] = entry.Image
		}
	}
	count := 0
	for _, policy := range linked {
		sameImage := func(expected string) bool { return p.images[expected] == p.images[policy] }
		if !slices.ContainsFunc(c.Expect.Policies, sameImage) {
			count++
		}
	}
	return count
}

// valuesFrom returns a ConfigMap of the case, with its values in JSON, which is YAML.
func (c *releaseEntry) valuesFrom(ref convert.ValuesRef) convert.ValuesObject {
	keys, ok := c.ConfigMaps[ref.Name.Name]
	if !ok {
		return convert.ValuesObject{}
	}
	data := map[string]string{}
	for key, values := range keys {
		text, err := json.Marshal(values)
		if err != nil {
			return convert.ValuesObject{NotRead: err.Error()}
		}
		data[key] = string(text)
	}
	return convert.ValuesObject{Data: data}
}

// decodeSpec decodes a spec, after it has replaced the variables as Flux does.
func decodeSpec(spec map[string]any, variables map[string]string, into any) error {
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	if variables != nil {
		text = []byte(expand(string(text), variables))
	}
	return json.Unmarshal(text, into)
}

// variable is ${NAME}.
var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// expand replaces variables, unknown ones with their name in lower case.
func expand(s string, variables map[string]string) string {
	return variable.ReplaceAllStringFunc(s, func(match string) string {
		name := variable.FindStringSubmatch(match)[1]
		if value, ok := variables[name]; ok {
			return value
		}
		return strings.ToLower(name)
	})
}
