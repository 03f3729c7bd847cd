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
	v.put(o)
}

// addWritten writes a version and adds it. Before that, has does not answer: the event about a version may come
// before the API server's answer to the write.
func (v *knownVersions) addWritten(o metav1.Object, write func() error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	err := write()
	if err == nil {
		v.put(o)
	}
	return err
}

// put adds a version; the lock is held.
func (v *knownVersions) put(o metav1.Object) {
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
