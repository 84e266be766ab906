#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# udxg run: what its programs find, and its exit statuses.
load helpers

opens() {
    udxg run -- "$UDXG_BUILD/tests/cli/opens" "$1"
}

@test "a library by bare name" {
    for name in libdxcore.so libdxg.so libdxg.so.1; do
        run_apart opens "$name"
        [ "$status" = 0 ]
        [[ "$output" == "$UDXG_BUILD/"* ]]
    done
}

@test "a library by absolute path, in a folder that does not exist" {
    [ ! -e /usr/lib/wsl/lib ]
    run_apart opens /usr/lib/wsl/lib/libdxcore.so
    [ "$status" = 0 ]
    [[ "$output" == "$UDXG_BUILD/libdxcore.so: status 0, "[1-9]* ]]
}

@test "libdxg and libdxcore from one program" {
    run_apart opens /nowhere/libdxg.so
    [ "$status" = 0 ]
    [[ "$output" == "$UDXG_BUILD/libdxg.so.1: "* ]]
}

@test "other libraries are left alone" {
    run_apart opens libfrobnicate.so
    [ "$status" = 1 ]
    [[ "$errors" == *libfrobnicate.so* ]]
}

@test "a program that clears LD_AUDIT still finds them by name" {
    run_apart udxg run -- env -u LD_AUDIT "$UDXG_BUILD/tests/cli/opens" libdxcore.so
    [ "$status" = 0 ]
    [[ "$output" == "$UDXG_BUILD/libdxcore.so: "* ]]
}

@test "children of children are served" {
    run_apart udxg run -- sh -c '"$0" /usr/lib/wsl/lib/libdxcore.so; exit $?' "$UDXG_BUILD/tests/cli/opens"
    [ "$status" = 0 ]
    [[ "$output" == "$UDXG_BUILD/libdxcore.so: "* ]]
}

@test "without udxg run there is no such library" {
    run_apart "$UDXG_BUILD/tests/cli/opens" /usr/lib/wsl/lib/libdxcore.so
    [ "$status" = 1 ]
}

@test "the environment that was there is kept" {
    run_apart env LD_LIBRARY_PATH=/some/where "$UDXG_BUILD/udxg" run -- sh -c 'echo "$LD_LIBRARY_PATH"'
    [ "$status" = 0 ]
    [ "$output" = "$UDXG_BUILD:/some/where" ]
}

@test "--adapter reaches the program" {
    run_apart udxg run --adapter soft-uma -- "$UDXG_BUILD/tests/cli/opens" libdxg.so
    [ "$status" = 0 ]
    [[ "$output" == *", 1 adapters" ]]
    run_apart udxg run --adapter soft-uma,soft-discrete -- "$UDXG_BUILD/tests/cli/opens" libdxg.so
    [[ "$output" == *", 2 adapters" ]]
}

@test "an adapter that does not exist" {
    run_apart udxg run --adapter frobnicate -- true
    [ "$status" = 125 ]
    [[ "$errors" == "error: "*frobnicate* ]]
}

@test "the program's own arguments and streams are its own" {
    run_apart udxg run -- sh -c 'echo "$1"; echo complaint >&2; cat' sh --summary <<<"input"
    [ "$status" = 0 ]
    [ "$output" = $'--summary\ninput' ]
    [ "$errors" = complaint ]
}

@test "the program's status is ours" {
    run_apart udxg run -- sh -c 'exit 42'
    [ "$status" = 42 ]
    run_apart udxg run --summary -- sh -c 'exit 42'
    [ "$status" = 42 ]
    run_apart udxg run --summary -- sh -c 'kill -9 $$'
    [ "$status" = 137 ]
}

@test "125, 126 and 127, as env has them" {
    for summary in "" --summary; do
        run_apart udxg run $summary -- /nowhere/frobnicate
        [ "$status" = 127 ]
        [[ "$errors" == *"cannot run /nowhere/frobnicate: No such file"* ]]
        run_apart udxg run $summary -- /etc/passwd
        [ "$status" = 126 ]
        [[ "$errors" == *"cannot run /etc/passwd: Permission denied"* ]]
    done
    run_apart udxg run
    [ "$status" = 125 ]
    run_apart udxg run --frobnicate -- true
    [ "$status" = 125 ]
}

@test "-v says how" {
    run_apart udxg run -v -- true
    [ "$status" = 0 ]
    [ -z "$output" ]
    [[ "$errors" == *"LD_AUDIT=$UDXG_BUILD/udxg-audit.so"* ]]
    [[ "$errors" == *"LD_LIBRARY_PATH=$UDXG_BUILD"* ]]
}

@test "a static program is run, with a warning" {
    [ -x "$UDXG_BUILD/tests/cli/static_program" ] || skip "optional: no static program in this build"
    run_apart udxg run -- "$UDXG_BUILD/tests/cli/static_program"
    [ "$status" = 0 ]
    [[ "$errors" == *"statically linked and cannot be served"* ]]
}

@test "a program that changes user is run, with a warning" {
    [ "$(id -u)" = 0 ] || skip "optional: only root can make one"
    cp /bin/true "$BATS_TEST_TMPDIR/setuid"
    chown 65534 "$BATS_TEST_TMPDIR/setuid"
    chmod u+s "$BATS_TEST_TMPDIR/setuid"
    run_apart udxg run -- "$BATS_TEST_TMPDIR/setuid"
    [ "$status" = 0 ]
    [[ "$errors" == *"changes user or group and cannot be served"* ]]
}

@test "--summary counts calls by name" {
    run_apart udxg run --summary -- "$UDXG_BUILD/tests/cli/opens" libdxcore.so
    [ "$status" = 0 ]
    [[ "$output" == *"adapters" ]]
    grep -Ex ' +EnumAdapters2 +1 +0' <<<"$errors"
    grep -E '^ +allocations made +0 ' <<<"$errors"
}

@test "--summary=FILE writes there and leaves stderr to the program" {
    run_apart udxg run --summary="$BATS_TEST_TMPDIR/table" -- "$UDXG_BUILD/tests/cli/opens" libdxg.so
    [ "$status" = 0 ]
    [ -z "$errors" ]
    grep -Ex ' +EnumAdapters2 +1 +0' "$BATS_TEST_TMPDIR/table"
    run_apart udxg run --summary=/nowhere/table -- true
    [ "$status" = 125 ]
    run_apart udxg run --summary=/dev/full -- true
    [ "$status" = 125 ]
}

@test "--summary sums what several programs did" {
    run_apart udxg run --summary -- sh -c '"$0" libdxcore.so; "$0" libdxg.so' "$UDXG_BUILD/tests/cli/opens"
    [ "$status" = 0 ]
    grep -Ex ' +EnumAdapters2 +2 +0' <<<"$errors"
}

@test "--summary of a program that does not use us" {
    run_apart udxg run --summary -- true
    [ "$status" = 0 ]
    [[ "$errors" == *"made no call"* ]]
}

@test "a signal to udxg run --summary reaches the program" {
    udxg run --summary -- sh -c 'trap "exit 7" TERM; echo "$PPID" >"$0.new"; mv "$0.new" "$0"; while :; do sleep 0.05; done' \
        "$BATS_TEST_TMPDIR/parent" 3>&- &
    pid=$!
    for _ in $(seq 100); do [ -e "$BATS_TEST_TMPDIR/parent" ] && break; sleep 0.05; done
    kill -TERM "$(<"$BATS_TEST_TMPDIR/parent")"
    status=0
    wait "$pid" || status=$?
    [ "$status" = 7 ]
}

@test "--inject makes calls fail in the program" {
    run_apart udxg run --inject EnumAdapters2:status=ACCESS_DENIED -- "$UDXG_BUILD/tests/cli/opens" libdxg.so
    [ "$status" = 1 ]
    [[ "$output" == *": status -1073741790, "* ]] # STATUS_ACCESS_DENIED
    run_apart udxg run --inject EnumAdapters2:status=ACCESS_DENIED:when=2 -- "$UDXG_BUILD/tests/cli/opens" libdxg.so
    [ "$status" = 0 ]
    run_apart udxg run --summary --inject '*:status=NO_MEMORY:when=1' -- "$UDXG_BUILD/tests/cli/opens" libdxg.so
    [ "$status" = 1 ]
    grep -Ex ' +EnumAdapters2 +1 +1' <<<"$errors"
}

@test "--inject says what is wrong with a rule and runs nothing" {
    for rules in nonsense EnumAdapters2:status=SUCCESS engine:explode 'EnumAdapters2:status=NO_MEMORY:when=0'; do
        run_apart udxg run --inject "$rules" -- touch "$BATS_TEST_TMPDIR/ran"
        [ "$status" = 125 ]
        [[ "$errors" == *"--inject $rules: "* ]]
    done
    [ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "UDXG_INJECT that is wrong is told once, and no call works" {
    UDXG_INJECT=nonsense run_apart udxg run -- "$UDXG_BUILD/tests/cli/opens" libdxg.so
    [ "$status" = 1 ]
    [[ "$errors" == *"UDXG_INJECT=nonsense: "* ]]
}
