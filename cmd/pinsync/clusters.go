package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// requestTimeout is the timeout of a request to an API server, longer than the largest list
// takes.
const requestTimeout = time.Minute

// clusterOptions are the flags that select the lists that a command reads.
type clusterOptions struct {
	kubeconfigs, contexts []string
	namespace             string
	names                 []string
}

func (o *clusterOptions) addTo(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.kubeconfigs, "kubeconfig", nil,
		"kubeconfig `FILE` of a cluster; by default KUBECONFIG, ~/.kube/config or the pod's service account (repeatable)")
	flags.StringArrayVar(&o.contexts, "context", nil,
		"`CONTEXT` of the kubeconfig; by default its current context (repeatable)")
	flags.StringVar(&o.namespace, "namespace", v1alpha1.DefaultNamespace, "`NAMESPACE` of pinsync")
	flags.StringArrayVar(&o.names, "name", []string{v1alpha1.DefaultConfigMapName},
		"`NAME` of the list, the configuration's configMapName (repeatable)")
}

// addMaxAge adds the flag for the age that a list may have: by default three of the
// controller's default heartbeats.
func addMaxAge(flags *pflag.FlagSet, maxAge *time.Duration, usage string) {
	flags.DurationVar(maxAge, "max-age", 15*time.Minute, usage)
}

// check validates the flags that do not refer to files.
func (o *clusterOptions) check() error {
	if messages := validation.IsDNS1123Label(o.namespace); len(messages) > 0 {
		return fmt.Errorf("--namespace %q: %s", o.namespace, strings.Join(messages, "; "))
	}
	for _, name := range o.names {
		if messages := validation.IsDNS1123Subdomain(name); len(messages) > 0 {
			return fmt.Errorf("--name %q: %s", name, strings.Join(messages, "; "))
		}
	}
	return nil
}

// configs returns the configurations of the clusters: for every kubeconfig file the named
// contexts, each of which must be in one of the files, or its current context.
func (o *clusterOptions) configs() ([]*rest.Config, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	files := o.kubeconfigs
	if len(files) == 0 {
		files = []string{""}
	}
	found := map[string]bool{}
	var configs []*rest.Config
	for _, file := range files {
		contexts, err := o.contextsOf(file)
		if err != nil {
			return nil, err
		}
		for _, context := range contexts {
			config, err := clusterConfig(file, context)
			if err != nil {
				return nil, err
			}
			config.Timeout = requestTimeout
			configs, found[context] = append(configs, config), true
		}
	}
	for _, context := range o.contexts {
		if !found[context] {
			return nil, fmt.Errorf("--context %q is in none of the kubeconfig files", context)
		}
	}
	return configs, nil
}

// contextsOf returns those of the named contexts that a kubeconfig file has; an empty name
// means its current context.
func (o *clusterOptions) contextsOf(file string) ([]string, error) {
	if len(o.contexts) == 0 {
		return []string{""}, nil
	}
	loaded, err := clientConfig(file, "")
	if err != nil {
		return nil, err
	}
	raw, err := loaded.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	var contexts []string
	for _, context := range o.contexts {
		if _, ok := raw.Contexts[context]; ok && !slices.Contains(contexts, context) {
			contexts = append(contexts, context)
		}
	}
	if len(contexts) == 0 {
		return nil, fmt.Errorf("kubeconfig %s has none of the named contexts, it has %s",
			file, strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", "))
	}
	return contexts, nil
}

// clientConfig reads a kubeconfig file or, without one, KUBECONFIG, ~/.kube/config or the
// pod's service account.
func clientConfig(kubeconfig, context string) (clientcmd.ClientConfig, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: context}
	if kubeconfig == "" && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides), nil
	}
	// The pod's service account is no substitute for a file that was named: it may be of
	// another cluster.
	raw, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return clientcmd.NewNonInteractiveClientConfig(*raw, context, overrides, rules), nil
}

// namespaceOf returns the namespace of a kubeconfig's context.
func namespaceOf(kubeconfig, context string) (string, error) {
	config, err := clientConfig(kubeconfig, context)
	if err != nil {
		return "", err
	}
	namespace, _, err := config.Namespace()
	if err != nil {
		return "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return namespace, nil
}

// clusterConfig returns the configuration of a cluster, from a kubeconfig file or, without
// one, KUBECONFIG, ~/.kube/config or the pod's service account.
func clusterConfig(kubeconfig, context string) (*rest.Config, error) {
	loaded, err := clientConfig(kubeconfig, context)
	if err != nil {
		return nil, err
	}
	config, err := loaded.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err) && kubeconfig != "":
		return nil, fmt.Errorf("--kubeconfig %s: there is no cluster in it", kubeconfig)
	case clientcmd.IsEmptyConfig(err):
		return nil, errors.New("no cluster: give --kubeconfig FILE, set KUBECONFIG, or run in a pod")
	case err != nil:
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config.QPS = -1 // the API server's priority and fairness limit the requests
	return config, nil
}
