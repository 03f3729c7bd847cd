package convert

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// SecretKind is the kind of those objects that are read only where that is wanted; the
// others are ConfigMaps.
const SecretKind = "Secret"

const configMapKind = "ConfigMap"

// ReadValues reads what values come from, and its resource version. Of what does not exist
// the data is nil.
func ReadValues(ctx context.Context, c client.Reader, ref ValuesRef) (data map[string]string, version string, err error) {
	name := types.NamespacedName{Namespace: ref.Name.Namespace, Name: ref.Name.Name}
	if len(content.IsPathSegmentName(name.Name)) > 0 {
		return nil, "", nil // the CRD takes names that no object can have
	}
	configMap, secret := &corev1.ConfigMap{}, &corev1.Secret{}
	if ref.Kind == SecretKind {
		if err = c.Get(ctx, name, secret); err == nil {
			return secretData(secret), secret.ResourceVersion, nil
		}
	} else if err = c.Get(ctx, name, configMap); err == nil {
		return configMapData(configMap), configMap.ResourceVersion, nil
	}
	return nil, "", client.IgnoreNotFound(err)
}

func configMapData(o *corev1.ConfigMap) map[string]string {
	data := map[string]string{}
	maps.Copy(data, o.Data)
	return data
}

func secretData(o *corev1.Secret) map[string]string {
	data := map[string]string{}
	for key, value := range o.Data {
		data[key] = string(value)
	}
	maps.Copy(data, o.StringData)
	return data
}
