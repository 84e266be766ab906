#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, and says what and why: tools/setup.sh GROUP... with groups build, demo, check.
# Asks apt-get only for packages that are not there, so that it needs no network once all of them are.
# A package of group build or demo that cannot be had ends this with status 1; one of group check is reported
# and left out, and the tests that need it then skip with that reason (in CI they count as failures).
set -eu

packages() {
    case $1 in
    build)
        cat <<'EOF'
meson               the build system
ninja-build         what meson builds with
pkg-config          finds the libraries below
libc6-dev           the C library's headers
directx-headers-dev the Windows types that our headers stand on
libinih-dev         reads adapter profiles, linked statically
libjansson-dev      JSON output of the udxg command
libseccomp-dev      confines the daemon to the system calls that it needs
libncurses-dev      the terminal view of udxg top
EOF
        ;;
    demo)
        cat <<'EOF'
intel-opencl-icd    Intel's OpenCL and Level Zero drivers, unmodified: the client of the demo
clinfo              lists OpenCL devices
ocl-icd-libopencl1  finds OpenCL drivers for a program
ocl-icd-opencl-dev  what an OpenCL program is built with
EOF
        ;;
    check)
        cat <<'EOF'
g++                 compiles our headers as C++
clang               the second compiler, -Wthread-safety
libcmocka-dev       unit tests
bats                tests of the command line
tmux                a terminal for the tests of udxg top
jq                  reads its JSON in one of them
cmake               one of the four consumers in the packaging tests
libze1              finds Level Zero drivers for a program
libze-dev           what a Level Zero program is built with
libwine-dev         D3DKMT headers that nobody here wrote, to compare layouts with
librust-winapi-dev  the same, in Rust
EOF
        ;;
    *)
        echo "setup: no group '$1' (build, demo, check)" >&2
        exit 2
        ;;
    esac
}

# Without dpkg the question cannot be answered: meson says then what it does not find.
if ! command -v dpkg-query >/dev/null; then
    echo "setup: no dpkg here; needed, under Debian's names:" >&2
    for group; do packages "$group" >&2; done
    exit 0
fi

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: not root, and there is no sudo; run as root: $*" >&2
        return 1
    fi
}

install_packages() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# The names of a group's packages that are not there, with the reason of each on stderr.
missing() {
    packages "$1" | while read -r name reason; do
        if ! installed "$name"; then
            echo "setup: installing $name: $reason" >&2
            printf '%s ' "$name"
        fi
    done
}

updated=no
update_once() {
    if [ $updated = no ]; then
        updated=yes
        as_root apt-get update -q || echo "setup: apt-get update failed; trying with the lists that are there" >&2
    fi
}

for group; do
    wanted=$(missing "$group")
    [ -n "$wanted" ] || continue
    update_once
    # shellcheck disable=SC2086 # the names are words
    install_packages $wanted && continue
    if [ "$group" != check ]; then
        echo "setup: could not install: $wanted" >&2
        exit 1
    fi
    for name in $wanted; do
        install_packages "$name" || echo "setup: going on without $name; its tests will skip" >&2
    done
done
