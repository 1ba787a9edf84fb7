# SPDX-License-Identifier: MIT
# A thin face over Meson, for GNU make. `make help` lists what there is.
TARGET = host
PLATFORM =
ARGS =
PREFIX = /usr/local
LIBDIR = lib
DESTDIR =
T =
BUILD =

# A target is a cross file: cross/<target>-<compiler>.ini.
targets := host $(sort $(foreach c,gcc clang,$(patsubst cross/%-$c.ini,%,$(wildcard cross/*-$c.ini))))
platforms := rseq thread single
comma := ,
list = $(subst $() ,$(comma) ,$(strip $1))

ifeq ($(filter $(targets),$(TARGET)),)
$(error there is no TARGET=$(TARGET); use one of: $(call list,$(targets)))
endif
ifneq ($(PLATFORM),)
ifeq ($(filter $(platforms),$(PLATFORM)),)
$(error there is no PLATFORM=$(PLATFORM); use one of: $(call list,$(platforms)))
endif
ifneq ($(TARGET),host)
$(error PLATFORM=$(PLATFORM) goes with TARGET=host only; other targets are bare)
endif
endif

# build/host, build/host-single, build/x86_64. Tests are built in folders of their own.
B := build/$(TARGET)$(if $(PLATFORM),-$(PLATFORM))
cross_file := $(firstword $(wildcard cross/$(TARGET)-gcc.ini cross/$(TARGET)-clang.ini))
# Meson reads these once, and writes down where the folder is: it has to begin again with others.
seen = "$$PWD" "$$CC" "$$CLANG" "$$CFLAGS" "$$LDFLAGS" tests=disabled
configure = test -f $1/build.ninja && printf '%s\n' $(seen) | cmp -s - $1.seen || \
    { meson setup $$(test -f $1/build.ninja && echo --wipe) $1 -Dtests=disabled $2 >$1.log 2>&1 && \
    printf '%s\n' $(seen) >$1.seen; } || { cat $1.log; exit 1; }
platform_arg = $(if $(PLATFORM),-Dplatform=$(PLATFORM))
# Behind the cross file stands what tools/toolchain.py found.
setup_args = $(platform_arg) $(if $(cross_file),--cross-file $(cross_file) \
    --cross-file build/tools/$(lastword $(subst -, ,$(basename $(cross_file)))).ini)

export T
.PHONY: lib demo test check quick bench install lint format clean help
lib:
ifneq ($(TARGET),host)
	$(error make lib is for TARGET=host; a kernel compiles src/ with its own flags: see examples/vendored)
endif
	@tools/setup lib
	@mkdir -p build
	@$(call configure,$B,$(setup_args))
	@ninja -C $B libpercpu.a

demo: have = examples/demo
demo:
ifeq ($(PLATFORM),single)
	$(error make demo counts on several CPUs; PLATFORM=single has one)
endif
	@test -f $(have)/meson.build || { echo "make demo: there is no $(have)/meson.build"; exit 1; }
	@tools/setup demo $(TARGET)
	@mkdir -p build
	@$(if $(cross_file),tools/toolchain.py build/tools)
	@$(call configure,$B,$(setup_args))
	@ninja -C $B $(have)/demo >$B.log 2>&1 || { cat $B.log; exit 1; }
	@$(if $(cross_file),tools/qemu-run $(TARGET) --no-trailer) $B/$(have)/demo $(ARGS)

test:
	@tools/setup test $(if $(filter file,$(origin TARGET)),,$(TARGET))
	@tools/check $(if $(PLATFORM),--platform $(PLATFORM)) $(ARGS) $(if $(filter file,$(origin TARGET)),,$(TARGET))

# What a package's build can run, or one test. Neither installs anything.
check:
ifneq ($(T),)
	@tools/check-one --target '$(TARGET)' --platform '$(PLATFORM)' --build '$(BUILD)' -- "$$T"
else
ifneq ($(TARGET),host)
	$(error make check without T= is for TARGET=host; make test TARGET=$(TARGET) needs QEMU)
endif
	@mkdir -p build
	@test -f $B-check/build.ninja || meson setup $B-check $(platform_arg) -Ddebug=false >$B-check.log 2>&1 || \
	    { cat $B-check.log; exit 1; }
	@meson test -C $B-check --suite offline --timeout-multiplier 10 --print-errorlogs $(ARGS)
endif

# The host and one bare target, by one compiler each.
quick: other = $(if $(filter host,$(TARGET)),x86_64,$(TARGET))
quick:
	@tools/setup test host $(other)
	@tools/check --quick $(ARGS) host $(other)

bench:
ifneq ($(TARGET),host)
	$(error make bench is for TARGET=host: it measures Linux programs)
endif
	@test -f bench/meson.build || { echo "make bench: there is no bench/meson.build"; exit 1; }
	@tools/setup bench
	@mkdir -p build
	@$(call configure,$B,$(setup_args))
	@meson test -C $B --benchmark --verbose --num-processes 1 $(ARGS)

# Every hosted platform; their names differ, so they live side by side.
install:
ifneq ($(TARGET),host)
	$(error make install is for TARGET=host; a kernel compiles src/ with its own flags: see examples/vendored)
endif
	@tools/setup install
	@mkdir -p build
	@prefix='$(PREFIX)'; case $$prefix in /*) ;; *) prefix=$$PWD/$$prefix ;; esac; \
	destdir='$(DESTDIR)'; case $$destdir in /* | '') ;; *) destdir=$$PWD/$$destdir ;; esac; \
	for p in $(or $(PLATFORM),$(platforms)); do \
	    ($(call configure,build/host-$$p,-Dplatform=$$p)) && \
	    meson configure build/host-$$p "--prefix=$$prefix" '--libdir=$(LIBDIR)' && \
	    ninja -C build/host-$$p && \
	    DESTDIR=$$destdir meson install -C build/host-$$p --no-rebuild || exit 1; \
	done

lint:
	@tools/setup lint
	@tools/lint $(ARGS)

format:
	@tools/setup lint
	@tools/lint --format

clean:
	rm -rf build

help:
	@echo 'make lib                  build/host/libpercpu.a (the default)'
	@echo 'make demo [TARGET=t]      build and run the demonstration; ARGS="..." are its arguments'
	@echo 'make test [TARGET=t]      run every test, or those of one target; ARGS=-v shows each build'
	@echo 'make check                the tests that need a compiler and Meson only: no network, root or QEMU'
	@echo 'make check T=t            one test: t_with, t_with:name, rseq.sh, mutants/NAME; KEEP=1 keeps its folder'
	@echo 'make quick [TARGET=t]     the host and one other target, x86_64, in two minutes'
	@echo 'make bench                run the benchmarks'
	@echo 'make install PREFIX=p     headers, libraries, pkg-config and CMake files; DESTDIR=, LIBDIR='
	@echo 'make lint                 formatting and static analysis; make format applies the formatting'
	@echo 'make clean                remove build/'
	@echo
	@echo 'TARGET=    $(call list,$(targets))'
	@echo 'PLATFORM=  $(call list,$(platforms)), in a build folder of its own'
	@echo 'SETUP=     yes: install what is missing; no: do not; else a terminal is asked (tools/setup)'

.DEFAULT:
	@echo "make: there is no '$@' here; this is what there is:"; echo
	@$(MAKE) --no-print-directory help
	@exit 2
