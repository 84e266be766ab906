#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# udxg info: the text and the document.
load helpers

field() {
    python3 -c 'import json, sys; print(eval(sys.argv[1], {"d": json.load(sys.stdin)}))' "$1" <<<"$output"
}

@test "text has every part" {
    run_apart udxg info
    [ "$status" = 0 ]
    for label in "Adapter 0: " "LUID " "Vendor and device " "Driver model " "GPU virtual addresses " \
        "Dedicated video memory " "Shared system memory " "Budget, local " "Budget, non-local " "Segment 1 " "Node 0 "; do
        grep -F "$label" <<<"$output"
    done
    [ -z "$errors" ]
}

@test "the document has its schema and the built-in adapters" {
    run_apart udxg info --json
    [ "$status" = 0 ]
    [ "$(field 'd["schema"]')" = udxg.info/1 ]
    [ "$(field 'len(d["adapters"])')" = 3 ]
    [ "$(field 'any("Intel" in a["description"] for a in d["adapters"])')" = True ]
    [ "$(field 'all(a["segments"] and a["nodes"] and a["luid"] for a in d["adapters"])')" = True ]
    [ "$(field 'len({a["luid"] for a in d["adapters"]})')" = 3 ]
}

@test "budgets are within segments, and nothing is used by a process that made nothing" {
    run_apart udxg info --json --adapter soft-discrete
    [ "$status" = 0 ]
    [ "$(field 'all(0 <= b["usage"] <= b["budget"] for a in d["adapters"] for b in a["budgets"].values())')" = True ]
    [ "$(field 'd["adapters"][0]["budgets"]["local"]["usage"]')" = 0 ]
    [ "$(field 'sum(s["size"] for s in d["adapters"][0]["segments"]) >= sum(b["budget"] for b in d["adapters"][0]["budgets"].values())')" = True ]
}

@test "a profile that is a file" {
    sed 's/^description *=.*/description = Sixteen Quux 7/' "$UDXG_SOURCE/profiles/soft-uma.ini" >"$BATS_TEST_TMPDIR/quux.ini"
    run_apart udxg info --adapter "$BATS_TEST_TMPDIR/quux.ini"
    [ "$status" = 0 ]
    [[ "$output" == *"Adapter 0: Sixteen Quux 7"* ]]
}

@test "no such adapter" {
    run_apart udxg info --adapter frobnicate
    [ "$status" = 3 ]
    [ -z "$output" ]
    [[ "$errors" == "error: "*frobnicate* ]]
}

@test "a full disk is told" {
    run_apart bash -c '"$0" info >/dev/full' "$UDXG_BUILD/udxg"
    [ "$status" = 1 ]
    [[ "$errors" == *"No space left"* ]]
    run_apart bash -c '"$0" info --json >/dev/full' "$UDXG_BUILD/udxg"
    [ "$status" = 1 ]
}

svg() {
    python3 -c 'import sys, xml.dom.minidom as m; d = m.parse(sys.stdin); print(eval(sys.argv[1], {"d": d}))' "$1"
}

@test "the map of a loaded adapter" {
    run_apart udxg info --adapter "$UDXG_SOURCE/examples/256-mib.ini" --map "$BATS_TEST_TMPDIR/map.svg" --load 60
    [ "$status" = 0 ]
    [ -z "$output" ]
    [ "$(svg 'd.documentElement.tagName' <"$BATS_TEST_TMPDIR/map.svg")" = svg ]
    grep -F "Segment 1: memory of 256 MiB, 153." "$BATS_TEST_TMPDIR/map.svg"
    [ "$(grep -c "process 1, device 0x" "$BATS_TEST_TMPDIR/map.svg")" = 4 ]
}

@test "the map of all adapters, on standard output" {
    run_apart udxg info --map -
    [ "$status" = 0 ]
    [ "$(svg 'd.documentElement.tagName' <<<"$output")" = svg ]
    grep -F "Segment 1: " <<<"$output"
}

@test "a load without a map, a map that cannot be written, a load that cannot be made" {
    run_apart udxg info --load 50
    [ "$status" = 2 ]
    run_apart udxg info --map "$BATS_TEST_TMPDIR/none/map.svg"
    [ "$status" = 1 ]
    [[ "$errors" == "error: cannot write "* ]]
    run_apart udxg info --adapter intel-tgl --map "$BATS_TEST_TMPDIR/map.svg" --load 50
    [ "$status" = 1 ]
    [[ "$errors" == "error: --load -> STATUS_"* ]]
    [ ! -e "$BATS_TEST_TMPDIR/map.svg" ]
}
