#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo, after set-up and build: tools/demo.sh BUILD. Ends at the first step that fails, with its status.
set -eu
build=$1
table=$(mktemp)
trap 'rm -f "$table"' EXIT

# Says what comes and runs it.
step() {
    printf '\n== %s\n' "$1"
    shift
    echo "\$ $*"
    "$@"
}

step "An allocation in video memory, made from private data" "$build/examples/video_memory"
step "A resource with one allocation of the program's own memory" "$build/examples/system_memory"
step "Debian's clinfo, with Intel's OpenCL driver on top of udxg" "$build/udxg" run -- clinfo -l
step "64 MiB from buffer to buffer on the GPU's copy queue" \
    "$build/udxg" run --summary="$table" -- "$build/examples/opencl_copy"
step "The adapters" "$build/udxg" info
printf '\n== What opencl_copy did\n'
cat "$table"
