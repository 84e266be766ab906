# SPDX-License-Identifier: MIT
# What the tests of the command share.

udxg() {
    "$UDXG_BUILD/udxg" "$@"
}

# run, with stderr in $errors and stdout in $output.
run_apart() {
    status=0
    output=$("$@" 2>"$BATS_TEST_TMPDIR/errors") || status=$?
    errors=$(<"$BATS_TEST_TMPDIR/errors")
    printf 'status %s\nstdout: %s\nstderr: %s\n' "$status" "$output" "$errors"
}
