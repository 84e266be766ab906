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
