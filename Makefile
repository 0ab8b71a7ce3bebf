# stellar: `make run` and `make test` do all their set-up themselves, given Go, Node.js and Python 3.
SHELL := /bin/bash
OSLS  := scripts/serverless/node_modules/.bin/osls
SLS_AZURE := scripts/serverless-azure/node_modules/.bin/serverless
SLS_ALIYUN := scripts/serverless-aliyun/node_modules/.bin/serverless
WRANGLER := scripts/wrangler/node_modules/.bin/wrangler
FRAMEWORKS := scripts/google/venv/bin/functions-framework
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GO_FILES := $(shell find src raw-code -name '*.go') \
	$(shell find raw-code src/local -name '*.py' -o -name '*.js' -o -name '*.[cm]js') \
	$(wildcard src/report/page/assets/*)

BROWSER := scripts/browser/node_modules/.package-lock.json

.PHONY: build run test test-quick test-race test-tools cases chaos bench lint clean setup wrangler google azure \
	aliyun browser image release cover fuzz vhive-pair

build: stellar

stellar: go.mod go.sum $(GO_FILES)
	CGO_ENABLED=0 go build -trimpath -o stellar ./src

setup: $(OSLS) ## everything that build, run and test need beyond Go, Node.js and Python
	go mod download
	go -C scripts/grpcpeer mod download

$(OSLS): scripts/serverless/package-lock.json
	cd scripts/serverless && npm ci --no-audit --no-fund --loglevel=error
	@touch $(OSLS)

azure: $(SLS_AZURE) ## the Serverless CLI and plugin that deploy to Azure, pinned

# The plugin for Azure loads in no newer Serverless CLI. Scripts of its dependencies fetch a Functions host, which is
# not used.
$(SLS_AZURE): scripts/serverless-azure/package-lock.json
	cd scripts/serverless-azure && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $(SLS_AZURE)

aliyun: $(SLS_ALIYUN) ## likewise for Alibaba Cloud

# The plugin's install script sends word to its makers.
$(SLS_ALIYUN): scripts/serverless-aliyun/package-lock.json
	cd scripts/serverless-aliyun && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $(SLS_ALIYUN)

wrangler: $(WRANGLER) ## what deploys to Cloudflare, pinned; the tests run Workers in the workerd that comes with it

$(WRANGLER): scripts/wrangler/package-lock.json
	cd scripts/wrangler && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $(WRANGLER)

google: $(FRAMEWORKS) ## what Google's builder adds to functions, pinned; the tests run functions in it

$(FRAMEWORKS): scripts/google/package-lock.json scripts/google/requirements.txt
	cd scripts/google && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	python3 -m venv scripts/google/venv
	scripts/google/venv/bin/pip install --quiet --disable-pip-version-check \
		--requirement scripts/google/requirements.txt
	@touch $(FRAMEWORKS)

browser: $(BROWSER) ## what the test of report.html drives Chromium with, and axe-core, pinned

$(BROWSER): scripts/browser/package-lock.json
	cd scripts/browser && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $(BROWSER)

run: setup build ## the main job on this machine: deploy, probe, plot, remove
	./stellar -c experiments/local/quickstart.json

vhive-pair: build ## two gRPC functions on this machine: stellar -c experiments/vhive/chain.json -g endpoints/laptop
	@./scripts/vhive-pair.sh

test: test-tools ## every test; unit tests with the race detector. Installs toolchains, Docker and a base image first
	./scripts/test.sh

test-quick: ## unit tests alone, under a minute: no Docker, no Node.js, what has not changed comes from Go's cache
	./scripts/test.sh --quick

test-race: test-tools ## once a day: every test with the race detector, end to end against a race build
	./scripts/test.sh --race

test-tools: setup build wrangler google azure aliyun browser
	./scripts/test-setup.sh

cases: setup build ## situations that users of load generators reported, with the real binary, nginx and terminals
	./scripts/cases.sh

chaos: setup build ## 250 seeded schedules of faults, some 15 minutes; as root, 50 of them as an ordinary user
	./scripts/chaos.py

cover: setup
	go test -cover ./src/experiment ./src/sample ./src/analyze ./src/pack

fuzz: ## each fuzz target for a minute
	go test -run '^$$' -fuzz FuzzParse -fuzztime 60s ./src/experiment
	go test -run '^$$' -fuzz FuzzReader -fuzztime 60s ./src/sample
	go test -run '^$$' -fuzz FuzzResponse -fuzztime 60s ./src/probe
	go test -run '^$$' -fuzz FuzzReadAnswer -fuzztime 60s ./src/probe/answer
	go test -run '^$$' -fuzz FuzzFrames -fuzztime 60s ./src/probe
	go test -run '^$$' -fuzz FuzzMux -fuzztime 60s ./src/probe
	go test -run '^$$' -fuzz 'FuzzReply$$' -fuzztime 60s ./src/probe/answer
	go test -run '^$$' -fuzz FuzzRead -fuzztime 60s ./src/experiment/trace
	go test -run '^$$' -fuzz FuzzJournal -fuzztime 60s ./src/run
	go test -run '^$$' -fuzz FuzzRequest -fuzztime 60s ./raw-code/measure/go
	go test -run '^$$' -fuzz FuzzUsualResponse -fuzztime 60s ./src/local

bench: setup build ## ratios, measured in one run
	./scripts/bench.sh
	./scripts/bench-probe.sh
	./scripts/bench-rows.sh
	./scripts/bench-storage.sh

image: ## the container image for Linux on amd64 and arm64 without a daemon, into dist/; VERSION=v1.2.3
	go run ./scripts/release -image -out dist $(or $(VERSION),v0.0.0-dev)

release: ## binaries, images, SBOMs, Homebrew formula and checksums, into dist/; VERSION=v1.2.3
	./scripts/release.sh $(VERSION)

lint:
	@test -z "$$(gofmt -l src raw-code scripts)" || { echo "not gofmt'd:"; gofmt -l src raw-code scripts; exit 1; }
	go vet ./...
	go vet -C scripts/grpcpeer ./...
	GOOS=darwin GOARCH=arm64 go vet ./...
	go run $(STATICCHECK) ./...
	./scripts/lint-actions.sh
	go test -run 'Columns$$' ./src

clean:
	rm -rf stellar bin dist latency-samples scripts/serverless/node_modules scripts/serverless-azure/node_modules \
		scripts/serverless-aliyun/node_modules scripts/wrangler/node_modules scripts/google/node_modules \
		scripts/browser/node_modules \
		scripts/google/venv
	go clean -testcache
