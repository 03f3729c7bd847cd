package controllers

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// knownVersions are the resource versions of the list's ConfigMaps that the publisher has read
// or written last. An event about one of them reports nothing new.
type knownVersions struct {
	mu     sync.Mutex
	byName map[string]string
}

func (v *knownVersions) add(o metav1.Object) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byName == nil {
		v.byName = map[string]string{}
	}
	v.byName[o.GetName()] = o.GetResourceVersion()
}

func (v *knownVersions) has(o metav1.Object) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	version, ok := v.byName[o.GetName()]
	return ok && version == o.GetResourceVersion()
}
