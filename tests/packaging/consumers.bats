#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Installs the build into a scratch prefix and builds one program against it in each of the four ways that
# conventions name, and runs it. UDXG_BUILD and UDXG_SOURCE name the trees.

setup_file() {
    export ROOT="$BATS_FILE_TMPDIR/root"
    meson install -C "$UDXG_BUILD" --no-rebuild --quiet --destdir "$ROOT"
    PREFIX=$(dirname "$(dirname "$(find "$ROOT" -path '*/bin/udxg')")")
    LIBDIR=$(dirname "$(find "$ROOT" -name libdxg.so.1 -not -path '*/udxg/*')")
    export PREFIX LIBDIR
    export PKG_CONFIG_PATH="$LIBDIR/pkgconfig"
}

consumers() {
    echo "$UDXG_SOURCE/tests/packaging/consumers"
}

# A sanitized library wants its sanitizer first; udxg run knows which.
runs() {
    run "$UDXG_BUILD/udxg" run -- env LD_AUDIT= LD_LIBRARY_PATH="$LIBDIR" "$1"
    echo "$output"
    [ "$status" = 0 ]
    [[ "$output" =~ "status 0, adapters "[1-9] ]]
}

@test "pkg-config" {
    cc -o "$BATS_TEST_TMPDIR/consumer" "$(consumers)/consumer.c" $(pkg-config --cflags --libs libdxg)
    runs "$BATS_TEST_TMPDIR/consumer"
}

@test "pkg-config, our own API" {
    cat >"$BATS_TEST_TMPDIR/version.c" <<'EOF'
#include <udxg/udxg.h>
#include <stdio.h>
int main(void) { return puts(udxg_version()) < 0; }
EOF
    cc -o "$BATS_TEST_TMPDIR/version" "$BATS_TEST_TMPDIR/version.c" $(pkg-config --cflags --libs udxg)
    run "$UDXG_BUILD/udxg" run -- env LD_AUDIT= LD_LIBRARY_PATH="$LIBDIR" "$BATS_TEST_TMPDIR/version"
    [ "$status" = 0 ]
    [ "$output" = "$(pkg-config --modversion udxg)" ]
}

@test "CMake" {
    command -v cmake || skip "cmake is not installed"
    cmake -S "$(consumers)/cmake" -B "$BATS_TEST_TMPDIR/b" -DCMAKE_PREFIX_PATH="$PREFIX"
    cmake --build "$BATS_TEST_TMPDIR/b"
    runs "$BATS_TEST_TMPDIR/b/consumer"
}

@test "plain -ldxg" {
    cc -o "$BATS_TEST_TMPDIR/consumer" "$(consumers)/consumer.c" -I"$PREFIX/include" \
        $(pkg-config --cflags DirectX-Headers) -L"$LIBDIR" -ldxg
    runs "$BATS_TEST_TMPDIR/consumer"
}

@test "static libdxg.a" {
    [ "$UDXG_SANITIZE" = none ] || skip "optional: a static archive with a sanitizer needs the program built with it"
    cc -o "$BATS_TEST_TMPDIR/consumer" "$(consumers)/consumer.c" $(pkg-config --cflags libdxg) \
        "$LIBDIR/libdxg.a" -linih -pthread
    ! readelf -d "$BATS_TEST_TMPDIR/consumer" | grep -E 'libdxg|libudxg'
    runs "$BATS_TEST_TMPDIR/consumer"
}

@test "Meson subproject" {
    [ "$UDXG_SANITIZE" = none ] || skip "optional: builds the whole of udxg again, which the build without sanitizers has done"
    cp "$(consumers)/consumer.c" "$(consumers)/meson/meson.build" "$BATS_TEST_TMPDIR"
    mkdir "$BATS_TEST_TMPDIR/subprojects"
    cp "$(consumers)/meson/udxg.wrap" "$BATS_TEST_TMPDIR/subprojects"
    ln -s "$UDXG_SOURCE" "$BATS_TEST_TMPDIR/subprojects/udxg"
    meson setup "$BATS_TEST_TMPDIR/b" "$BATS_TEST_TMPDIR"
    ninja -C "$BATS_TEST_TMPDIR/b"
    run "$BATS_TEST_TMPDIR/b/consumer"
    echo "$output"
    [ "$status" = 0 ]
    [[ "$output" =~ "status 0, adapters "[1-9] ]]
}

@test "the installed command finds the installed libraries" {
    run "$PREFIX/bin/udxg" run -v -- true
    echo "$output"
    [ "$status" = 0 ]
    [[ "$output" == *"come from $LIBDIR/udxg"* ]]
}

@test "the installed command's programs reach the installed libraries" {
    run "$PREFIX/bin/udxg" run -- "$UDXG_BUILD/tests/cli/opens" /usr/lib/wsl/lib/libdxcore.so
    echo "$output"
    [ "$status" = 0 ]
    [[ "$output" == *"$LIBDIR/udxg/libdxcore.so"* ]]
}

@test "nothing is installed outside of the prefix, and nothing names the build tree" {
    run find "$ROOT" -type f -not -path "$PREFIX/*"
    [ -z "$output" ]
    ! grep -rlF "$UDXG_BUILD" "$PREFIX" --include='*.pc' --include='*.cmake'
    run bash -c 'for f in "$0"/*.so* "$0"/udxg/*.so* "$1"/bin/udxg*; do readelf -d "$f" | grep -E "R(UN)?PATH"; done' \
        "$LIBDIR" "$PREFIX"
    [[ "$output" != *"$UDXG_BUILD"* ]]
}

@test "the installed command finds the installed daemon, and so does systemd" {
    [ -x "$PREFIX/bin/udxgd" ] || skip "optional: this build has no daemon"
    run env -u XDG_RUNTIME_DIR TMPDIR="$BATS_TEST_TMPDIR" \
        "$PREFIX/bin/udxg" run --shared -- sh -c 'test -S "$UDXG_SERVER"'
    echo "$output"
    [ "$status" = 0 ]
    [ -f "$PREFIX/lib/systemd/user/udxgd.socket" ]
    grep -qx "ExecStart=${PREFIX#"$ROOT"}/bin/udxgd --idle-exit [0-9]*" "$PREFIX/lib/systemd/user/udxgd.service"
}
