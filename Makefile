# The front door. Everything real is in meson.build, tools/ and tests/; this says which of it to run.
#
#   make            the libraries and the command, in build/
#   make demo       set-up, build, and Debian's OpenCL driver on top of it
#   make check      set-up, build, all tests; ends in "N passed, M failed, K skipped"
#   make bench      the measures of our goals, each with its anchor; BENCH='--filter P1,P5' goes to it
#   make install    DESTDIR and PREFIX are honoured
#   make asan       the tests again, under AddressSanitizer and UndefinedBehaviorSanitizer
#   make tsan       the tests again, under ThreadSanitizer
#   make soak       a million random calls against a model of the memory manager, with several over-commits; then ten
#                   thousand clients of a daemon that are killed, and ten minutes of sixty-four that are not
#   make controls   takes checks out of the daemon, one at a time, and sees the hostile tests fail
#   make docs       docs/thunks.md and docs/wire.md anew, from the table of calls
#   make clean
#
# BUILD names the build folder, MESON_ARGS goes to meson setup, SUITES picks suites for check
# (unit, cli, ...), BENCH has options for bench, SOAK for the test of soak (--seed, --steps, ...: see its source),
# CONTROLS names some of the controls (tests/hostile/controls.py).

BUILD ?= build
PREFIX ?= /usr/local
MESON_ARGS ?=
SUITES ?=
BENCH ?=
SOAK ?=
CONTROLS ?=

# Debian's folder for libraries, which meson only knows where dpkg-dev is installed.
multiarch := $(shell $(CC) -print-multiarch 2>/dev/null)
meson_flags := --prefix=$(PREFIX) $(if $(multiarch),--libdir=lib/$(multiarch)) -Dwerror=true

.PHONY: all build setup demo check bench install asan tsan soak controls docs clean

all: build

build: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD) all

setup:
	@tools/setup.sh build

$(BUILD)/build.ninja:
	meson setup $(BUILD) $(meson_flags) $(MESON_ARGS)

demo:
	@tools/setup.sh build demo
	@$(MAKE) --no-print-directory build
	@tools/demo.sh $(BUILD)

check:
	@tools/setup.sh build demo check
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@tools/check.py $(BUILD) $(SUITES)

bench: build
	@$(BUILD)/bench/udxg-bench $(BENCH)

install: build
	@meson configure $(BUILD) --prefix=$(PREFIX)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD)

asan:
	@$(MAKE) --no-print-directory check BUILD=$(BUILD)-asan \
	    MESON_ARGS='-Db_sanitize=address,undefined -Db_lundef=false -Db_ndebug=false $(MESON_ARGS)'

tsan:
	@$(MAKE) --no-print-directory check BUILD=$(BUILD)-tsan \
	    MESON_ARGS='-Db_sanitize=thread -Db_lundef=false -Db_ndebug=false $(MESON_ARGS)'

soak: build
	@for over in 1.5 2 4 16; do \
	    threads=4; [ $$over = 16 ] && threads=16; processes=2; [ $$over = 4 ] && processes=4; \
	    [ $$over = 16 ] && processes=16; \
	    $(BUILD)/tests/property/property --steps 250000 --over $$over --threads $$threads --processes $$processes \
	        --profile tests/property/small.ini $(SOAK) || exit 1; \
	done
	@UDXG_TEST_CLIENT=$(BUILD)/tests/kill/kill_client $(BUILD)/tests/kill/kill --kills 10000 --seed $$(date +%s)
	@UDXG_TEST_UDXGD=$(BUILD)/udxgd UDXG_ADAPTERS=tests/stress/daemon.ini \
	    $(BUILD)/tests/stress/daemon_stress --seconds 600 --seed $$(date +%s)

controls:
	@tests/hostile/controls.py $(CONTROLS)

docs: build
	@$(BUILD)/tools/thunks_dump markdown >$(BUILD)/thunks.md
	@$(BUILD)/tools/thunks_dump wire >$(BUILD)/wire.md
	@mv $(BUILD)/thunks.md $(BUILD)/wire.md docs/

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang
