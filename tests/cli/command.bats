#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# udxg itself: help, version, usage errors.
load helpers

@test "--version" {
    run_apart udxg --version
    [ "$status" = 0 ]
    [[ "$output" =~ ^"udxg "[0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "--help lists the commands and has two examples" {
    run_apart udxg --help
    [ "$status" = 0 ]
    [[ "$output" == *"  run "* && "$output" == *"  info "* && "$output" == *"  daemon "* ]]
    [ "$(grep -c '^  udxg ' <<<"$output")" -ge 2 ]
    [ -z "$errors" ]
}

@test "every command's --help has two examples and the examples run" {
    for command in run info; do
        run_apart udxg "$command" --help
        [ "$status" = 0 ]
        [[ "$output" == *"Usage: udxg $command "* ]]
        [ "$(grep -c "^  udxg $command" <<<"$output")" -ge 2 ]
    done
    while read -r _ arguments; do
        run_apart udxg $arguments
        [ "$status" = 0 ]
    done < <(udxg info --help | grep '^  udxg info')
}

@test "no command is a usage error" {
    run_apart udxg
    [ "$status" = 2 ]
    [ -z "$output" ]
    [[ "$errors" == *Usage:* ]]
}

@test "an unknown command is a usage error that says what to do" {
    run_apart udxg frobnicate
    [ "$status" = 2 ]
    [[ "$errors" == "error: there is no command 'frobnicate'"* ]]
    [[ "$errors" == *"udxg --help"* ]]
}

@test "an unknown option is a usage error" {
    run_apart udxg info --frobnicate
    [ "$status" = 2 ]
    [[ "$errors" == *"--frobnicate"* ]]
}

@test "an argument that info does not take is a usage error" {
    run_apart udxg info everything
    [ "$status" = 2 ]
    [[ "$errors" == *everything* ]]
}
