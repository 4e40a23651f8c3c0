# `make` lists what there is. Everything works on a fresh Debian 12: each target installs what it needs first, and what
# is slow to make is kept outside the clone (~/.cache/drover, ccache, Go's caches).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Debian's own Python has Debian's pytest; a version manager's, which may come first on the PATH, has not.
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
RELEASE := build/release
DEV := build/dev
export CCACHE_MAXSIZE ?= 5G
export PYTHONDONTWRITEBYTECODE := 1

# --- running ---

.PHONY: help
help: # this list
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z-]*\):[^#]*# \(.*\)/  \1|\2/p' Makefile | column -t -s '|'

.PHONY: deps
deps: # install what building and running needs
	@deps/debian.sh
	@deps/librdkafka.sh >/dev/null
	@deps/broker.sh >/dev/null

.PHONY: build
build: deps $(RELEASE)/build.ninja # build the drover program, build/release/bin/drover
	@cmake --build $(RELEASE)
	@ln -sf "$$(deps/broker.sh)" $(RELEASE)/bin/drover-broker

.PHONY: run
run: build # the demo: changelogs of this machine as jobs, see examples/changelogs
	@$(RELEASE)/bin/drover run -f examples/changelogs/queues.yaml --until-idle \
	  --submit 'changelogs=/usr/share/doc/changelog*.gz' --paths

.PHONY: run-workers
run-workers: build # the smallest worker in Python, Node, Go, Java and shell, see examples/workers
	@DROVER=$(RELEASE)/bin/drover examples/workers/run.sh

.PHONY: run-platform
run-platform: build # eight queues of a platform: mail, messages, devices, exports, pictures, see examples/platform
	@DROVER=$(RELEASE)/bin/drover examples/platform/run.sh

.PHONY: run-feeds
run-feeds: build # two queues in a row: feeds are fetched, their items summarised, see examples/feeds
	@DROVER=$(RELEASE)/bin/drover examples/feeds/run.sh

.PHONY: run-tasks
run-tasks: build # a task service that answers at once and is asked by task id, see examples/tasks
	@DROVER=$(RELEASE)/bin/drover examples/tasks/run.sh

.PHONY: run-upload
run-upload: build # a page where one uploads a file and sees how far it is, see examples/upload
	@DROVER=$(RELEASE)/bin/drover examples/upload/run.sh

.PHONY: install-cli
PREFIX ?= $(HOME)/.local
install-cli: build # drover, kubectl-drover and the embedded broker into PREFIX/bin (~/.local where PREFIX is not given)
	@cmake --install $(RELEASE) --prefix $(PREFIX) >/dev/null
	@install "$$(deps/broker.sh)" $(PREFIX)/bin/drover-broker
	@echo "$(PREFIX)/bin has drover and kubectl-drover"

.PHONY: image
image: build # Drover's image as an archive, build/drover-image.tar, made without a container engine
	@$(PYTHON) tests/platform/container_image.py $(RELEASE)/bin/drover drover:$$($(RELEASE)/bin/drover --version | cut -d' ' -f2) \
	  build/drover-image.tar
	@echo "build/drover-image.tar: podman load, or ctr --namespace k8s.io images import"

# --- checking ---

.PHONY: deps-tests
deps-tests: deps
	@deps/debian.sh --tests
	@deps/kafka.sh >/dev/null
	@deps/kubernetes.sh helm etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kwok >/dev/null

.PHONY: test
test: cluster-deps $(DEV)/build.ninja # all tests, on the embedded broker, Apache Kafka and a Kubernetes node (needs root); reports in build/reports
	@cmake --build $(DEV)
	@ln -sf "$$(deps/broker.sh)" $(DEV)/bin/drover-broker
	@$(PYTHON) tests/run_all.py --build $(DEV) --reports build/reports

.PHONY: cluster-deps
cluster-deps: deps-tests # what tests on a Kubernetes node need; the first time it builds one, some ten minutes
	@deps/debian.sh --cluster
	@deps/kubernetes.sh >/dev/null

.PHONY: cluster-test
cluster-test: cluster-deps $(DEV)/build.ninja # of these what runs on a Kubernetes node
	@cmake --build $(DEV) --target drover drover_kafka_tool
	@$(PYTHON) tests/run_all.py --build $(DEV) --reports build/reports --only python-on-a-node

.PHONY: screenshots
screenshots: deps-tests $(DEV)/build.ninja # pictures of each page of the dashboard, in build/screenshots
	@cmake --build $(DEV) --target drover
	@ln -sf "$$(deps/broker.sh)" $(DEV)/bin/drover-broker
	@DROVER=$(CURDIR)/$(DEV)/bin/drover $(PYTHON) tests/browser/screenshots.py build/screenshots

.PHONY: test-asan
test-asan: deps-tests build/asan-ubsan/build.ninja # the C++ tests under address and undefined behaviour sanitizers
	@cmake --build build/asan-ubsan
	@$(PYTHON) tests/run_all.py --build build/asan-ubsan --reports build/asan-ubsan/reports --only ctest

.PHONY: deps-tsan
deps-tsan: deps
	@deps/librdkafka.sh --tsan >/dev/null

.PHONY: test-tsan
test-tsan: deps-tests deps-tsan build/tsan/build.ninja # the sidecar's tests under the thread sanitizer
	@cmake --build build/tsan
	@$(PYTHON) tests/run_all.py --build build/tsan --reports build/tsan/reports --only ctest --tests '^(sidecar|kafka|http)'

.PHONY: bench
bench: deps-tests build/bench/build.ninja # what the sidecar costs, beside bare consuming and the bare HTTP client
	@cmake --build build/bench
	@ln -sf "$$(deps/broker.sh)" build/bench/bin/drover-broker
	@$(PYTHON) bench/run.py --build build/bench

.PHONY: simulate
simulate: deps-tests build/bench/build.ninja # scaling decisions beside KEDA's with the HPA, on the same made-up arrivals
	@cmake --build build/bench --target drover_simulate
	@build/bench/bin/drover_simulate

.PHONY: fuzz
fuzz: deps-tests # every parser that reads from outside, a minute each
	@tests/fuzz/run.sh 60

.PHONY: coverage
coverage: deps-tests build/coverage/build.ninja # line coverage of the C++ tests, by file
	@deps/debian.sh --packages gcovr
	@cmake --build build/coverage
	@find build/coverage -name '*.gcda' -delete
	@$(PYTHON) tests/run_all.py --build build/coverage --reports build/coverage/reports --only ctest
	@/usr/bin/gcovr --root . --filter src/ --filter sidecar/ --filter operator/ --filter cli/ \
	  --html-details build/coverage/index.html --txt --print-summary build/coverage
	@echo "build/coverage/index.html has it line by line"

.PHONY: lint
lint: deps-tests lint-text build/lint/build.ninja # format, warnings as errors, clang-tidy, Python, shell, JavaScript, Go
	@cmake --build build/lint
	@echo "lint is clean"

.PHONY: docs
docs: # make docs/configuration.md of the JobQueue's definition
	@deps/debian.sh --packages python3-yaml
	@$(PYTHON) crds/reference.py

.PHONY: lint-text
lint-text:
	@$(PYTHON) crds/reference.py --check
	@git ls-files '*.cpp' '*.h' | xargs clang-format --dry-run -Werror
	@git ls-files '*.py' | xargs $(PYTHON) -m pyflakes
	@git ls-files '*.sh' .ci/run | xargs shellcheck
	@git ls-files '*.js' '*.mjs' | xargs -n 1 node --check
	@go=$$(deps/go.sh); unformatted=$$(git ls-files '*.go' | xargs "$${go%/*}/gofmt" -l); \
	  [[ -z $$unformatted ]] || { echo "gofmt would change: $$unformatted" >&2; exit 1; }; \
	  export GOTOOLCHAIN=local GOFLAGS=-mod=readonly; (cd broker; "$$go" vet ./...); \
	  git ls-files 'examples/*.go' | xargs -n 1 "$$go" vet

.PHONY: format
format: # format all C++ and Go
	@deps/debian.sh --packages clang-format
	@git ls-files '*.cpp' '*.h' | xargs clang-format -i
	@go=$$(deps/go.sh); git ls-files '*.go' | xargs "$${go%/*}/gofmt" -w

.PHONY: clean
clean: # remove build/; what is cached outside the clone stays
	rm -rf build

# --- build folders: CMake configures one when its preset changes, and again by itself when a CMake file does ---

build/%/build.ninja: CMakePresets.json
	@cmake --preset $* --log-level=NOTICE
	@touch $@

# clang-tidy runs as part of this build; ninja does not know that its settings are an input.
build/lint/build.ninja: .clang-tidy

build/release/build.ninja: | deps
build/tsan/build.ninja: | deps-tsan
build/dev/build.ninja build/asan-ubsan/build.ninja build/tsan/build.ninja build/coverage/build.ninja build/bench/build.ninja build/lint/build.ninja: | deps-tests
