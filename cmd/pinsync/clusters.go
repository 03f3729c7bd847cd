package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// requestTimeout is the default timeout of a request to an API server, longer than the largest list
// takes.
const requestTimeout = time.Minute

// clusterOptions are the flags that select the lists that a command reads.
type clusterOptions struct {
	kubeconfigs, contexts []string
	pinsyncNamespace      string
	names                 []string
	as                    string
	requestTimeout        time.Duration
}

func (o *clusterOptions) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&o.kubeconfigs, "kubeconfig", nil,
		"kubeconfig `FILE` of a cluster; by default KUBECONFIG, ~/.kube/config or the pod's service account (repeatable)")
	flags.StringArrayVar(&o.contexts, "context", nil,
		"`CONTEXT` of the kubeconfig; by default its current context (repeatable)")
	flags.StringVar(&o.pinsyncNamespace, "pinsync-namespace", v1alpha1.DefaultNamespace, "`NAMESPACE` that pinsync runs in")
	flags.StringArrayVar(&o.names, "name", []string{v1alpha1.DefaultConfigMapName},
		"`NAME` of the list, the configuration's configMapName (repeatable)")
	flags.StringVar(&o.as, "as", "", "`USER` to impersonate")
	flags.DurationVar(&o.requestTimeout, "request-timeout", requestTimeout, "how long to wait for an answer of the API server; 0 waits for ever")
	completeFiles(cmd, "kubeconfig")
	complete(cmd, "context", completeContexts)
	complete(cmd, "pinsync-namespace", completeNamespaces)
}

// addMaxAge adds the flag for the age that a list may have: by default three of the
// controller's default heartbeats.
func addMaxAge(flags *pflag.FlagSet, maxAge *time.Duration, usage string) {
	flags.DurationVar(maxAge, "max-age", 15*time.Minute, usage)
}

// check validates the flags that do not refer to files.
func (o *clusterOptions) check() error {
	if err := checkNamespace("--pinsync-namespace", o.pinsyncNamespace); err != nil {
		return err
	}
	for _, name := range o.names {
		if messages := validation.IsDNS1123Subdomain(name); len(messages) > 0 {
			return fmt.Errorf("--name %q: want a-z, 0-9, hyphens and dots, such as registry-pins", name)
		}
	}
	if o.requestTimeout < 0 {
		return fmt.Errorf("--request-timeout %s: want 0 or more", o.requestTimeout)
	}
	return nil
}

// files returns the kubeconfig files; an empty name means the default.
func (o *clusterOptions) files() []string {
	if len(o.kubeconfigs) == 0 {
		return []string{""}
	}
	return o.kubeconfigs
}

// configs returns the configurations of the clusters: for every kubeconfig file the named
// contexts, each of which must be in one of the files, or its current context.
func (o *clusterOptions) configs() ([]*rest.Config, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	var configs []*rest.Config
	for _, file := range o.files() {
		contexts, err := o.contextsOf(file)
		if err != nil {
			return nil, err
		}
		for _, context := range contexts {
			config, err := clusterConfig(file, context)
			if err != nil {
				return nil, err
			}
			config.Timeout, config.Impersonate.UserName = o.requestTimeout, o.as
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

// one returns the configuration of the only cluster.
func (o *clusterOptions) one() (*rest.Config, error) {
	if len(o.kubeconfigs) > 1 || len(o.contexts) > 1 {
		return nil, errors.New("several clusters: give --kubeconfig and --context once")
	}
	configs, err := o.configs()
	if err != nil {
		return nil, err
	}
	return configs[0], nil
}

// contextNamespace returns the namespace of the only cluster's context.
func (o *clusterOptions) contextNamespace() (string, error) {
	context := ""
	if len(o.contexts) > 0 {
		context = o.contexts[0]
	}
	config, err := clientConfig(o.files()[0], context)
	if err != nil {
		return "", err
	}
	namespace, _, err := config.Namespace()
	if err != nil {
		return "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return namespace, nil
}

// contextsOf returns those of the named contexts that a kubeconfig file has; an empty name
// means its current context.
func (o *clusterOptions) contextsOf(file string) ([]string, error) {
	if len(o.contexts) == 0 {
		return []string{""}, nil
	}
	raw, err := rawConfig(file)
	if err != nil {
		return nil, err
	}
	var contexts []string
	for _, context := range o.contexts {
		if _, ok := raw.Contexts[context]; ok && !slices.Contains(contexts, context) {
			contexts = append(contexts, context)
		}
	}
	if len(contexts) == 0 {
		if file == "" {
			file = strings.Join(clientcmd.NewDefaultClientConfigLoadingRules().Precedence, ", ")
		}
		return nil, fmt.Errorf("--context %q is not in %s, which has %s",
			strings.Join(o.contexts, ", "), file, someOf(slices.Sorted(maps.Keys(raw.Contexts))))
	}
	return contexts, nil
}

// rawConfig reads a kubeconfig file; an empty name means the default.
func rawConfig(file string) (*clientcmdapi.Config, error) {
	loaded, err := clientConfig(file, "")
	if err != nil {
		return nil, err
	}
	raw, err := loaded.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return &raw, nil
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

func isFile(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// clusterConfig returns the configuration of a cluster, from a kubeconfig file or, without
// one, KUBECONFIG, ~/.kube/config or the pod's service account.
func clusterConfig(kubeconfig, context string) (*rest.Config, error) {
	loaded, err := clientConfig(kubeconfig, context)
	if err != nil {
		return nil, err
	}
	config, err := loaded.ClientConfig()
	const variable = clientcmd.RecommendedConfigPathEnvVar
	switch {
	case clientcmd.IsEmptyConfig(err) && kubeconfig != "":
		return nil, fmt.Errorf("--kubeconfig %s: there is no cluster in it", kubeconfig)
	case clientcmd.IsEmptyConfig(err) && os.Getenv(variable) != "":
		what := "there is no such file"
		if slices.ContainsFunc(filepath.SplitList(os.Getenv(variable)), isFile) {
			what = "there is no cluster in it"
		}
		return nil, fmt.Errorf("%s %s: %s: set it, or give --kubeconfig FILE", variable, os.Getenv(variable), what)
	case clientcmd.IsEmptyConfig(err):
		return nil, errors.New("no cluster: give --kubeconfig FILE, set KUBECONFIG, or run in a pod")
	case err != nil:
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	config.QPS = -1 // the API server's priority and fairness limit the requests
	return config, nil
}
