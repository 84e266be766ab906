#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# udxg top and udxg ps without a screen.
load helpers

setup() {
    unset UDXG_SERVER
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR
    start_host
}

teardown() {
    end_host
}

field() {
    python3 -c 'import json, sys; print(eval(sys.argv[1], {"d": json.load(sys.stdin)}))' "$1" <<<"$output"
}

@test "one table" {
    run_apart udxg top --once --socket "$socket"
    [ "$status" = 0 ]
    [ -z "$errors" ]
    grep -E "^Adapter 0: .*" <<<"$output"
    grep -E "segment 1 +memory +local +112 MiB of +256 MiB resident" <<<"$output"
    grep -E "^ +1001 alpha +256-mib +96M +[0-9.]+M +96M " <<<"$output"
    grep -F "be?[7mta" <<<"$output"
    ! grep -F $'\033' <<<"$output"
}

@test "one document, with its schema and everything in it" {
    run_apart udxg top --once --json --socket "$socket"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 1 ]
    python3 - "$output" <<'PYTHON'
import json, sys
d = json.loads(sys.argv[1])
numbers = lambda o, *names: all(isinstance(o[n], int) and o[n] >= 0 for n in names) or sys.exit(f"{o}: not all of {names}")
assert d["schema"] == "udxg.top/1", d["schema"]
numbers(d, "time_ns", "server_pid")
assert len(d["adapters"]) == 2 and len(d["processes"]) == 2
for a in d["adapters"]:
    numbers(a, "index", "timeouts")
    assert a["stopped"] is False and a["name"] and a["description"] and a["luid"]
    numbers(a["paging"], "in_operations", "out_operations", "in_bytes", "out_bytes")
    for s in a["segments"]:
        numbers(s, "id", "size", "capacity", "resident", "allocations", "paged_in", "paged_out", "discarded")
        assert s["kind"] in ("memory", "aperture") and s["group"] in ("local", "non_local", "none")
    for n in a["nodes"]:
        numbers(n, "ordinal", "engine_type", "running_ns", "queued", "submitted", "completed", "faulted")
    for g in a["groups"]:
        numbers(g, "size", "usage", "reservation")
        members = [h for p in d["processes"] for b in p["adapters"] if b["adapter"] == a["index"]
                   for h in b["groups"] if h["group"] == g["group"]]
        assert g["usage"] == sum(h["usage"] for h in members)
        assert g["reservation"] == sum(h["reservation"] for h in members)
for p in d["processes"]:
    numbers(p, "serial", "pid", "uid", "handles")
    for b in p["adapters"]:
        numbers(b, "adapter", "devices", "contexts", "allocations", "commit", "commit_limit", "resident", "queued",
                "running_ns")
        numbers(b["paging"], "in_operations", "out_operations", "in_bytes", "out_bytes")
        assert len(b["nodes"]) == len(d["adapters"][b["adapter"]]["nodes"])
alpha = d["processes"][0]
assert (alpha["pid"], alpha["name"]) == (1001, "alpha")
local = alpha["adapters"][0]["groups"][0]
assert local["group"] == "local" and local["usage"] == 96 << 20 and local["reservation"] == 32 << 20
assert local["budget"] > 96 << 20 and local["resident"] == 96 << 20
assert d["adapters"][0]["segments"][0]["resident"] == 112 << 20
PYTHON
}

@test "jq reads it" {
    command -v jq >/dev/null || skip "jq is not installed"
    [ "$(udxg top --once --json --socket "$socket" | jq -r '.processes[].pid' | tr '\n' ' ')" = "1001 1002 " ]
}

@test "a stream of lines, as often as one likes" {
    run_apart timeout 2 "$UDXG_BUILD/udxg" top --json --interval 0.2 --socket "$socket"
    [ "$status" = 124 ]
    lines=$(wc -l <<<"$output")
    [ "$lines" -ge 4 ] && [ "$lines" -le 12 ]
    while read -r line; do
        python3 -c 'import json, sys; assert json.loads(sys.argv[1])["schema"] == "udxg.top/1"' "$line"
    done <<<"$output"
}

@test "a stream ends with the daemon" {
    "$UDXG_BUILD/udxg" top --json --socket "$socket" >"$BATS_TEST_TMPDIR/stream" 2>"$BATS_TEST_TMPDIR/why" 3>&- 8>&- &
    pid=$!
    sleep 0.5
    stop_host
    status=0
    wait $pid || status=$?
    [ "$status" = 3 ]
    [ -s "$BATS_TEST_TMPDIR/stream" ]
    grep -F "has ended" "$BATS_TEST_TMPDIR/why"
}

@test "ps, a table and a document" {
    run_apart udxg ps --socket "$socket"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 3 ]
    grep -E "^ +1001 +$(id -u) 256-mib +1 +1 +[0-9]+ +3 +96M +[0-9.]+M +96M alpha$" <<<"$output"
    run_apart udxg ps --json --socket "$socket"
    [ "$status" = 0 ]
    [ "$(field 'd["schema"]')" = udxg.ps/1 ]
    [ "$(field '[p["pid"] for p in d["processes"]]')" = "[1001, 1002]" ]
    [ "$(field 'd["adapters"][d["processes"][0]["adapters"][0]["adapter"]]')" = 256-mib ]
}

@test "the socket comes from the environment, or is the usual one" {
    UDXG_SERVER=$socket run_apart udxg ps
    [ "$status" = 0 ]
    mkdir "$XDG_RUNTIME_DIR/udxg"
    ln -s "$socket-stat" "$XDG_RUNTIME_DIR/udxg/udxgd.sock-stat"
    run_apart udxg ps
    [ "$status" = 0 ]
    UDXG_SERVER=/nowhere run_apart udxg ps --socket "$socket"
    [ "$status" = 0 ]
}

@test "no daemon" {
    for command in "top" "top --once" "top --json" "ps"; do
        run_apart udxg $command --socket "$BATS_TEST_TMPDIR/none"
        [ "$status" = 3 ]
        [ -z "$output" ]
        [[ "$errors" == "error: no daemon answers at $BATS_TEST_TMPDIR/none-stat: "* ]]
    done
    run_apart udxg ps
    [ "$status" = 3 ]
    unset XDG_RUNTIME_DIR
    run_apart udxg ps
    [ "$status" = 3 ]
    [[ "$errors" == "error: there is no daemon to ask"* ]]
}

@test "somebody else's daemon" {
    [ "$(id -u)" = 0 ] || skip "only root can be another user"
    chmod 755 "$host_folder"
    run_apart setpriv --reuid 65534 --clear-groups "$UDXG_BUILD/udxg" ps --socket "$socket"
    [ "$status" = 4 ] || [ "$status" = 126 ] || [ "$status" = 127 ] # where nobody may not come to the command either
}

@test "what answers is no daemon" {
    python3 - "$BATS_TEST_TMPDIR/fake-stat" 3>&- 8>&- <<'PYTHON' &
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
for line in (b'{"schema": "other/1"}\n', b"\x00\xff nonsense\n", b"", b'{"schema": "udxg.top/1"}\n'):
    c, _ = s.accept()
    c.sendall(line)
    c.close()
PYTHON
    fake=$!
    for ((i = 0; i < 100; i++)); do [ -S "$BATS_TEST_TMPDIR/fake-stat" ] && break || sleep 0.05; done
    run_apart udxg top --once --socket "$BATS_TEST_TMPDIR/fake"
    [ "$status" = 3 ]
    [[ "$errors" == *"schema"* ]]
    run_apart udxg top --once --socket "$BATS_TEST_TMPDIR/fake"
    [ "$status" = 3 ]
    run_apart udxg top --once --socket "$BATS_TEST_TMPDIR/fake"
    [ "$status" = 3 ]
    [[ "$errors" == *"hung up"* ]]
    run_apart udxg top --once --socket "$BATS_TEST_TMPDIR/fake" # everything is missing, and that is legal
    [ "$status" = 0 ]
    wait $fake
}

@test "usage errors" {
    for arguments in "--interval 0" "--interval 61" "--interval x" "--interval 1e1" "extra"; do
        run_apart udxg top $arguments --socket "$socket"
        [ "$status" = 2 ]
        [ -z "$output" ]
    done
    run_apart udxg ps extra
    [ "$status" = 2 ]
    run_apart udxg top --socket "$socket" </dev/null
    [ "$status" = 2 ]
    [[ "$errors" == "error: the live view needs a terminal"* ]]
}

@test "a full disk is told" {
    for command in "top --once" "top --once --json" "top --json" "ps" "ps --json"; do
        run_apart bash -c '"$0" $1 --socket "$2" >/dev/full' "$UDXG_BUILD/udxg" "$command" "$socket"
        [ "$status" = 1 ]
    done
}
