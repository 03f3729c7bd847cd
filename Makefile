# `make help` lists what there is to do.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := $(CURDIR)/bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
IMG ?= git.oleks.space/oleks/pinsync:$(VERSION)
PLATFORMS ?= linux/amd64,linux/arm64
BINARY_PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
DIST := $(CURDIR)/dist
FUZZTIME ?= 30s
comma := ,
MODEL_CHECKS ?= 1000000
# Most tests wait most of the time.
PARALLEL ?= 4
E2E_PARALLEL ?= 2
SOAK ?= 30m
SEED ?= 0
BENCH_SIZES ?= 1000,10000,50000

# Everything is compiled as what is released, and so only once.
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(filter-out -trimpath,$(GOFLAGS)) -trimpath)

# Where etcd and kube-apiserver are. Set it to use binaries of your own.
ifdef KUBEBUILDER_ASSETS
OWN_ASSETS := yes
endif
KUBEBUILDER_ASSETS ?= $(BIN)/control-plane
export KUBEBUILDER_ASSETS

CONTROLLER_GEN := $(BIN)/tools/controller-gen
KUSTOMIZE := $(BIN)/tools/kustomize
GOLANGCI_LINT := $(BIN)/tools/golangci-lint
GOVULNCHECK := $(BIN)/tools/govulncheck
CYCLONEDX := $(BIN)/tools/cyclonedx-gomod
GITEA := $(BIN)/gitea
FLUX := $(BIN)/flux

##@ General

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN { FS = ":.*##" } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*##/ { printf "  %-18s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: clean
clean: ## Remove everything that was built.
	rm -rf $(BIN) $(DIST)

##@ Use

.PHONY: build
build: ## Build bin/pinsync.
	go build -ldflags "-s -w -X main.release=$(VERSION)" -o $(BIN)/pinsync ./cmd/pinsync

.PHONY: run
run: control-plane build ## Run pinsync on a local control plane with the samples, until Ctrl-C.
	@go build -o $(BIN)/run-local ./hack/run
	@$(BIN)/run-local

.PHONY: control-plane
ifdef OWN_ASSETS
control-plane:
	@echo "Using the control plane in $(KUBEBUILDER_ASSETS)."
else
control-plane: $(KUBEBUILDER_ASSETS)/.built ## Build etcd and Kubernetes' control plane from source, once.

$(KUBEBUILDER_ASSETS)/.built: hack/control-plane/build.sh hack/control-plane/go.mod hack/control-plane/go.sum
	@hack/control-plane/build.sh $(@D) etcd kube-apiserver kube-controller-manager kubectl
	@touch $@
endif

.PHONY: node
ifdef OWN_ASSETS
node:
else
node: $(KUBEBUILDER_ASSETS)/.node-built ## Build Kubernetes' programs of a node from source, once, for make e2e-node.

$(KUBEBUILDER_ASSETS)/.node-built: hack/control-plane/build.sh hack/control-plane/go.mod hack/control-plane/go.sum
	@hack/control-plane/build.sh $(@D) kubelet kube-scheduler
	@touch $@
endif

##@ Check

.PHONY: test
test: control-plane ## Run all tests.
	go test -timeout 30m -parallel $(PARALLEL) ./...

.PHONY: gitea
gitea: $(GITEA)/.built ## Build Gitea from source, once, for make e2e.

$(GITEA)/.built: hack/gitea/build.sh hack/gitea/go.mod hack/gitea/go.sum
	@hack/gitea/build.sh $(@D)
	@touch $@

.PHONY: flux
flux: $(FLUX)/.built ## Build Flux's controllers from source, once, for make e2e.

$(FLUX)/.built: hack/flux/build.sh hack/flux/go.mod hack/flux/go.sum
	@hack/flux/build.sh $(@D)
	@touch $@

.PHONY: e2e
e2e: control-plane gitea flux ## Run the end-to-end tests with real Flux and a real registry.
	go test -tags e2e -count=1 -timeout 30m -parallel $(E2E_PARALLEL) ./hack/e2e/...

# Why the tests on a node cannot run here.
ifneq ($(filter e2e-node,$(MAKECMDGOALS)),)
NO_NODE := $(shell hack/e2enode/missing.sh)
endif

.PHONY: e2e-node
ifdef NO_NODE
e2e-node:
	@echo "SKIPPED: make e2e-node cannot run: $(NO_NODE)."
else
e2e-node: control-plane node gitea flux ## Run the end-to-end tests of the installation on a real node; needs root and containerd.
	go test -tags e2enode -count=1 -p 1 -timeout 20m ./hack/e2enode/...
endif

.PHONY: soak
soak: control-plane gitea flux ## Run random actions, failures and a cleaner on real Flux for SOAK (30m); SEED chooses the actions.
	@mkdir -p $(BIN)/soak
	@go build -o $(BIN)/soak/soak ./hack/soak
	@$(BIN)/soak/soak -for $(SOAK) -seed $(SEED)

.PHONY: model
model: ## Try MODEL_CHECKS (1000000) histories of the world against the promise.
	go test ./internal/pin -run '^TestNoTagIsLost$$' -rapid.checks $(MODEL_CHECKS) -timeout 24h

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s).
	@for package in $$(go list ./internal/... ./controllers/convert); do \
		targets=$$(go test -list '^Fuzz' $$package); \
		for target in $$(grep '^Fuzz' <<<"$$targets"); do \
			go test $$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x; \
		done; \
	done

.PHONY: corpus
corpus: ## Measure linking on the packs in the folder CORPUS, against the recorded figures.
	go run ./hack/corpus -recorded hack/corpus/recorded.json $(CORPUS)

.PHONY: charts
charts: ## Measure finding on the releases in the folder PACK with the charts in CHARTS, against the recorded figures.
	go run ./hack/charts -recorded hack/charts/recorded.json $(PACK) $(CHARTS)

.PHONY: bench-core
bench-core: ## Run the benchmarks of the pure core.
	go test ./internal/... -run '^$$' -bench . -benchmem

.PHONY: bench
bench: control-plane build ## Measure pinsync on local control planes of BENCH_SIZES (1000,10000,50000) HelmReleases.
	@mkdir -p $(BIN)/bench
	@go build -o $(BIN)/bench/bench ./hack/bench
	@$(BIN)/bench/bench -sizes $(BENCH_SIZES) -o $(BIN)/bench/figures.json

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Check the code's style.
	$(GOLANGCI_LINT) run --allow-parallel-runners

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code.
	$(GOLANGCI_LINT) fmt

.PHONY: check-generated
check-generated: ## Fail if a generated file is not what make generate makes.
	@before=$$(git status --porcelain --untracked-files=all; git diff); $(MAKE) --no-print-directory generate; \
	after=$$(git status --porcelain --untracked-files=all; git diff); \
	if [ "$$before" != "$$after" ]; then git status --short; echo "Generated files are out of date: run make generate and commit."; exit 1; fi

.PHONY: check-manifests
check-manifests: $(KUSTOMIZE) ## Fail if a kustomization does not build.
	@for folder in $$(find config hack -name kustomization.yaml -printf '%h\n' | sort); do \
		$(KUSTOMIZE) build $$folder >/dev/null; echo "$$folder builds"; \
	done

.PHONY: check-prometheus
check-prometheus: ## Fail if an alert or the dashboard is wrong, by Prometheus' own packages.
	cd hack/prometheus && go run . -metrics $(CURDIR)/docs/metrics.md \
		-dashboard $(CURDIR)/config/components/grafana-dashboard/dashboard.json \
		-histories histories.yaml $(CURDIR)/config/prometheus/rules.yaml

.PHONY: check-dockerfile
check-dockerfile: ## Fail if BuildKit's parser has something to say about the Dockerfile.
	cd hack/dockerfile-lint && go run . $(CURDIR)/Dockerfile

.PHONY: vulnerabilities
vulnerabilities: $(GOVULNCHECK) ## Look for known vulnerabilities in what is used.
	$(GOVULNCHECK) ./...

##@ Release

.PHONY: binaries
binaries: $(addprefix binary-,$(subst /,-,$(BINARY_PLATFORMS))) ## Build dist/pinsync-OS-ARCHITECTURE for BINARY_PLATFORMS, and the SBOM of each, *.cdx.json.

binary-%: $(CYCLONEDX)
	GOOS=$(word 1,$(subst -, ,$*)) GOARCH=$(word 2,$(subst -, ,$*)) \
		go build -ldflags "-s -w -X main.release=$(VERSION)" -o $(DIST)/pinsync-$* ./cmd/pinsync
	$(CYCLONEDX) bin -json -std -noserial -notimestamp -version $(VERSION) -output $(DIST)/pinsync-$*.cdx.json $(DIST)/pinsync-$*

.PHONY: build-installer
build-installer: $(KUSTOMIZE) ## Write dist/install.yaml, which installs the image IMG with kubectl apply -f.
	@mkdir -p $(DIST)/installer
	@image=$(IMG); printf '%s\n' 'resources: [../../config/default]' 'images:' '- name: git.oleks.space/oleks/pinsync' \
		"  newName: $${image%:*}" "  newTag: $${image##*:}" >$(DIST)/installer/kustomization.yaml
	@$(KUSTOMIZE) build $(DIST)/installer >$(DIST)/install.yaml
	@rm -r $(DIST)/installer

# The labels of an image are those of the commit, so that the same commit makes the same image.
.PHONY: image
image: $(addprefix binary-,$(subst /,-,$(subst $(comma), ,$(PLATFORMS)))) ## Make the container image for PLATFORMS in dist/image, or push it to IMG with PUSH=1.
	go run ./hack/image -binaries $(DIST) -platforms $(PLATFORMS) -version $(VERSION) \
		-revision $(shell git rev-parse HEAD) -created $(shell git log -1 --format=%cI) \
		$(if $(PUSH),-image $(IMG),-layout $(DIST)/image)

##@ Develop

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate the copying of types, the RBAC rules, and the pages of metrics, configuration and commands.
	go mod tidy
	$(CONTROLLER_GEN) object paths=./controllers/flux
	$(CONTROLLER_GEN) rbac:roleName=pinsync paths=./controllers/... output:rbac:dir=config/rbac
	go run ./hack/docs metrics >docs/metrics.md
	go run ./hack/docs configuration api/v1alpha1/configuration.go >docs/configuration.md
	go test ./cmd/pinsync -run '^TestReference$$' -count=1 -update

.PHONY: tools
tools: $(CONTROLLER_GEN) $(KUSTOMIZE) $(GOLANGCI_LINT) $(GOVULNCHECK) $(CYCLONEDX) ## Build the tools, as hack/tools pins them.

$(CONTROLLER_GEN): PACKAGE := sigs.k8s.io/controller-tools/cmd/controller-gen
$(KUSTOMIZE): PACKAGE := sigs.k8s.io/kustomize/kustomize/v5
$(GOLANGCI_LINT): PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(GOVULNCHECK): PACKAGE := golang.org/x/vuln/cmd/govulncheck
$(CYCLONEDX): PACKAGE := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
$(CONTROLLER_GEN) $(KUSTOMIZE) $(GOLANGCI_LINT) $(GOVULNCHECK) $(CYCLONEDX): hack/tools/go.mod hack/tools/go.sum
	@echo "Building $(@F)"
	@cd hack/tools && GOBIN=$(@D) go install -ldflags "-s -w" $(PACKAGE)
	@touch $@
