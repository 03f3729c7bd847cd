package fleet

// The words of names, images and values.

func domains() []string {
	return []string{
		"billing", "checkout", "catalog", "identity", "search", "shipping", "pricing", "media", "reports", "gateway",
		"inventory", "loyalty", "notifications", "orders", "payments", "profile", "recommendations",
	}
}

func roles() []string { return []string{"api", "worker", "web", "scheduler", "exporter", "admin"} }

func registries() []string {
	return []string{"registry.example.com", "ghcr.io", "quay.io", "git.example.org"}
}

func owners() []string { return []string{"shop", "platform", "data", "mobile", "acme"} }

// common are the images that many releases use besides their own: registry, repository and
// tag.
func common() [][3]string {
	return [][3]string{
		{"quay.io", "prometheus/statsd-exporter", "v0.28.0"},
		{"quay.io", "prometheus/blackbox-exporter", "v0.27.0"},
		{"quay.io", "oauth2-proxy/oauth2-proxy", "v7.9.0"},
		{"docker.io", "bitnami/redis-exporter", "1.69.0"},
		{"docker.io", "library/busybox", "1.37.0"},
		{"docker.io", "fluent/fluent-bit", "4.0.3"},
		{"docker.io", "envoyproxy/envoy", "v1.34.1"},
		{"ghcr.io", "cloudnative-pg/postgresql", "17.5"},
		{"registry.example.com", "platform/wait-for-it", "2.4.1"},
		{"registry.example.com", "platform/log-shipper", "main-4be1f02-1772000000"},
	}
}

func settings() []string {
	return []string{
		"DATABASE_POOL_SIZE", "DATABASE_HOST", "DATABASE_SSL_MODE", "REDIS_URL", "REDIS_TIMEOUT_MS", "LOG_LEVEL", "LOG_FORMAT",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME", "HTTP_READ_TIMEOUT", "HTTP_WRITE_TIMEOUT", "FEATURE_NEW_CHECKOUT",
		"CORS_ALLOWED_ORIGINS", "SESSION_COOKIE_DOMAIN", "KAFKA_BROKERS", "KAFKA_CONSUMER_GROUP", "S3_BUCKET", "S3_REGION",
		"MAX_UPLOAD_BYTES", "SENTRY_ENVIRONMENT", "SMTP_RELAY", "RATE_LIMIT_PER_MINUTE", "CACHE_TTL_SECONDS", "JWT_ISSUER",
	}
}

func settingValues() []string {
	return []string{
		"20", "postgres-rw.databases.svc.cluster.local", "verify-full", "redis://redis-master.cache.svc.cluster.local:6379/0", "2500",
		"info", "json", "http://otel-collector.monitoring.svc.cluster.local:4317", "production", "30s", "true",
		"https://shop.example.com,https://admin.example.com", ".example.com", "kafka-0.kafka:9092,kafka-1.kafka:9092", "orders-v2",
		"example-assets-production", "eu-central-1", "10485760",
	}
}
