package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// live returns the versions that live pods of the clusters refer to, of images below the
// prefix host/owner/.
func live(ctx context.Context, kubeconfigs []string, prefix string) (map[version]bool, error) {
	versions := map[version]bool{}
	for _, kubeconfig := range kubeconfigs {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return nil, err
		}
		clients, err := kubernetes.NewForConfig(config)
		if err != nil {
			return nil, err
		}
		pods, err := clients.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("listing the pods of %s: %w", kubeconfig, err)
		}
		for i := range pods.Items {
			add(versions, &pods.Items[i], prefix)
		}
	}
	return versions, nil
}

// add adds the versions that a pod refers to, if it is live.
func add(versions map[version]bool, pod *corev1.Pod, prefix string) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return
	}
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if path, ok := strings.CutPrefix(container.Image, prefix); ok {
			for _, v := range split(path) {
				versions[v] = true
			}
		}
	}
}

// split returns the versions of name:tag@digest. Gitea stores tags in lower case.
func split(path string) []version {
	path, digest, hasDigest := strings.Cut(path, "@")
	image, tag, hasTag := strings.Cut(path, ":")
	var versions []version
	if hasDigest {
		versions = append(versions, version{image, digest})
	}
	if hasTag {
		versions = append(versions, version{image, strings.ToLower(tag)})
	}
	if !hasDigest && !hasTag {
		versions = append(versions, version{image, "latest"})
	}
	return versions
}
