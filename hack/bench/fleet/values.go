package fleet

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// valuesSize is the smallest size in bytes of a release's values.
const valuesSize = 8 << 10

// object is a map of values.
type object = map[string]any

// values returns the values of the application's release, and those in its ConfigMap, if it
// has one: its images in one of ten shapes, and other settings.
func (a *App) values() (own, fromConfigMap object) {
	own = a.filler()
	images := a.images()
	if a.hasValuesFrom() {
		return fill(own, a.index), images
	}
	maps.Copy(own, images)
	return fill(own, a.index), nil
}

// hasValuesFrom reports whether the images are in a ConfigMap.
func (a *App) hasValuesFrom() bool { return a.index%10 == 5 }

// usesAppTemplate reports whether the chart is app-template.
func (a *App) usesAppTemplate() bool { return a.index%10 == 4 || a.index%10 == 7 }

// images returns the values with the application's images.
func (a *App) images() object {
	beside := common()[a.index/10%len(common())]
	image := object{"repository": a.image(), "tag": a.tag(), "pullPolicy": "IfNotPresent"}
	switch a.index % 10 {
	case 0:
		return object{"image": a.image() + ":" + a.tag()}
	case 1:
		return object{
			"web":    object{"replicas": 2, "image": image},
			"worker": object{"replicas": 1, "image": object{"repository": beside[0] + "/" + beside[1], "tag": beside[2]}},
		}
	case 2:
		return object{
			"image":   object{"registry": a.registry(), "repository": a.repository(), "tag": a.tag(), "digest": ""},
			"metrics": object{"image": object{"registry": beside[0], "repository": beside[1], "tag": beside[2]}},
		}
	case 3:
		return object{"image": object{"tag": a.tag()}}
	case 4, 7:
		return a.appTemplate(beside)
	case 6:
		return object{"deployment": object{"image": a.image() + ":" + a.tag(), "pullSecrets": []any{"registry"}}}
	case 9:
		return object{
			"global": object{"imageRegistry": a.registry()},
			"image":  object{"repository": a.repository(), "tag": a.tag()},
		}
	default:
		return object{"image": image}
	}
}

// appTemplate returns images in the values of the app-template chart.
func (a *App) appTemplate(beside [3]string) object {
	main := object{
		"image": object{"repository": a.image(), "tag": a.tag()},
		"env":   object{"TZ": "Europe/Berlin"},
	}
	sidecar := object{"image": object{"repository": beside[0] + "/" + beside[1], "tag": beside[2]}}
	return object{
		"controllers": object{"main": object{"strategy": "RollingUpdate", "containers": object{"main": main, "sidecar": sidecar}}},
	}
}

// filler returns values without images.
func (a *App) filler() object {
	host := a.name + ".example.com"
	probe := func(path string) object {
		return object{"httpGet": object{"path": path, "port": "http"}, "periodSeconds": 10, "failureThreshold": 3}
	}
	return object{
		"replicaCount":     2 + a.index%3,
		"fullnameOverride": a.name,
		"serviceAccount":   object{"create": true, "name": a.name, "annotations": object{}},
		"service":          object{"type": "ClusterIP", "ports": object{"http": object{"port": 80, "targetPort": 8080}}},
		"ingress": object{
			"enabled": true, "className": "nginx",
			"annotations": object{
				"cert-manager.io/cluster-issuer":              "letsencrypt-production",
				"nginx.ingress.kubernetes.io/proxy-body-size": "16m",
			},
			"hosts": []any{object{"host": host, "paths": []any{object{"path": "/", "pathType": "Prefix"}}}},
			"tls":   []any{object{"secretName": a.name + "-tls", "hosts": []any{host}}},
		},
		"resources": object{
			"requests": object{"cpu": "100m", "memory": "256Mi"},
			"limits":   object{"memory": "512Mi"},
		},
		"autoscaling":   object{"enabled": true, "minReplicas": 2, "maxReplicas": 8, "targetCPUUtilizationPercentage": 75},
		"livenessProbe": probe("/healthz"), "readinessProbe": probe("/readyz"),
		"podSecurityContext": object{"runAsNonRoot": true, "fsGroup": 65532, "seccompProfile": object{"type": "RuntimeDefault"}},
		"affinity": object{"podAntiAffinity": object{"preferredDuringSchedulingIgnoredDuringExecution": []any{object{
			"weight": 100,
			"podAffinityTerm": object{
				"topologyKey":   "kubernetes.io/hostname",
				"labelSelector": object{"matchLabels": object{"app.kubernetes.io/name": a.name}},
			},
		}}}},
		"persistence":    object{"data": object{"enabled": true, "size": "10Gi", "storageClass": "fast", "accessMode": "ReadWriteOnce"}},
		"serviceMonitor": object{"enabled": true, "interval": "30s", "labels": object{"release": "kube-prometheus-stack"}},
		"config":         object{"application.yaml": a.configFile()},
	}
}

// configFile returns a configuration file in the values.
func (a *App) configFile() string {
	var text strings.Builder
	fmt.Fprintf(&text, "server:\n  address: 0.0.0.0:8080\n  name: %s\nclients:\n", a.name)
	for i := range 12 {
		other := pick(domains(), a.index+i)
		fmt.Fprintf(&text, "- name: %s\n  url: http://%s-api.%s.svc.cluster.local/v1\n  timeout: %ds\n  retries: 3\n",
			other, other, a.namespace, 2+i)
	}
	return text.String()
}

// fill adds environment variables to values up to valuesSize.
func fill(values object, seed int) object {
	text, _ := json.Marshal(values) // such values can always be encoded
	var env []any
	for size, i := len(text), 0; size < valuesSize; i++ {
		name := fmt.Sprintf("%s_%d", pick(settings(), seed+i), i)
		value := pick(settingValues(), seed+i*5)
		env = append(env, object{"name": name, "value": value})
		size += len(name) + len(value) + len(`{"name":"","value":""},`)
	}
	values["env"] = env
	return values
}
