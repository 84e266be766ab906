#!/bin/sh
# SPDX-License-Identifier: MIT
# Ends as a skipped test, for the reason in its arguments.
echo "$*"
exit 77
