# SPDX-License-Identifier: Apache-2.0
# The verbs; Meson does the work. `make` builds, `make check` proves, `make quickstart` shows.
BUILD ?= build
PYTHON ?= $(if $(wildcard /usr/bin/python3),/usr/bin/python3,python3)
MESON_FLAGS ?=
# Ubuntu 22.04's gcc is one release too old; its gcc-12 is not.
ifeq ($(origin CC),default)
CC := $(if $(wildcard /usr/bin/gcc-12),gcc-12,gcc)
endif
export CC

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@tools/install-deps build
	meson setup $(MESON_FLAGS) $(BUILD)

check: # R=R33: only the tests whose title names that statement
	@tools/install-deps build check
	@$(MAKE) --no-print-directory all
	@$(PYTHON) tools/run-tests --build $(BUILD) $(if $(R),--statement $(R)) $(if $(TOTALS),--totals $(TOTALS))

quickstart: # IMAGE=REF: what to scan
	@tools/install-deps build
	@$(MAKE) --no-print-directory all
	@$(PYTHON) tools/quickstart --build $(BUILD) $(IMAGE)

bench: all # B=NAME: only that figure
	@ninja -C $(BUILD) bench/floor bench/match bench/refresh bench/store bench/hub >/dev/null
	@$(PYTHON) bench/run --build $(BUILD) $(B)

fuzz: # T=tar S=60: one target; without T each of them
	@tools/install-deps build fuzz
	@tools/fuzz --seconds $(or $(S),60) $(T)

lint: # QUICK=1: without clang-tidy, which takes minutes
	@tools/install-deps build lint
	@$(MAKE) --no-print-directory all
	@$(PYTHON) tools/lint --build $(BUILD) $(if $(QUICK),--quick)

format:
	@tools/install-deps lint
	git ls-files '*.c' '*.h' | xargs clang-format -i

image: all # the container image, as an OCI archive
	@$(PYTHON) tools/make-image $(BUILD) $(BUILD)/rummage-image.oci.tar
	@echo "$(BUILD)/rummage-image.oci.tar"

check-deps:
	@$(PYTHON) tools/check-deps

check-real: # with real services: registries, dockerd, podman, containerd, Kubernetes
	@tools/install-deps build check
	@$(MAKE) --no-print-directory all
	@$(PYTHON) tools/build-real
	@$(PYTHON) tools/run-tests --build $(BUILD) --real $(if $(R),--statement $(R))

install: all
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(DESTDIR))

clean:
	rm -rf $(BUILD) build-*

.PHONY: all image check quickstart bench fuzz lint format check-deps check-real install clean
