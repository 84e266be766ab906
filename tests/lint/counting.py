#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The counting of tools/check.py, without which no failure would be seen: counting.py SOURCE_ROOT. Prints TAP."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1] + "/tools")
import check  # noqa: E402

CASES = [ # what is printed; result, status and protocol of the test; in CI?; passed, failed, skipped
    ("all is well", "1..2\nok 1 - a\nok 2 - b\n", "OK", 0, True, False, (2, 0, 0)),
    ("the plan at the end", "ok 1 - a\n1..1\n", "OK", 0, True, False, (1, 0, 0)),
    ("a point that failed", "1..2\nok 1 - a\nnot ok 2 - b\n", "FAIL", 1, True, False, (1, 1, 0)),
    ("a point that is missing", "1..2\nok 1 - a\n", "OK", 0, True, False, (1, 1, 0)),
    ("no plan", "ok 1 - a\n", "OK", 0, True, False, (1, 1, 0)),
    ("nothing at all", "", "OK", 0, True, False, (0, 1, 0)),
    ("all points good, and then it crashed", "1..1\nok 1 - a\n", "ERROR", -11, True, False, (1, 1, 0)),
    ("it gave up", "1..1\nok 1 - a\nBail out! no memory\n", "ERROR", 1, True, False, (1, 1, 0)),
    ("a point skipped", "1..2\nok 1 - a # SKIP no such tool\nok 2 - b\n", "OK", 0, True, False, (1, 0, 1)),
    ("a point skipped, in CI", "1..2\nok 1 - a # SKIP no such tool\nok 2 - b\n", "OK", 0, True, True, (1, 1, 0)),
    ("an optional one, in CI", "1..1\nok 1 - a # SKIP optional: not here\n", "OK", 0, True, True, (0, 0, 1)),
    ("all skipped", "1..0 # SKIP no device\n", "SKIP", 0, True, False, (0, 0, 1)),
    ("all skipped, in CI", "1..0 # SKIP no device\n", "SKIP", 0, True, True, (0, 1, 0)),
    ("a known difference", "1..1\nnot ok 1 - a # todo as it is\n", "OK", 0, True, False, (1, 0, 0)),
    ("a known difference that is none", "1..1\nok 1 - a # todo as it is\n", "OK", 0, True, False, (0, 1, 0)),
    ("bats' way to skip", "1..1\nok 1 a # skip no tool\n", "OK", 0, True, False, (0, 0, 1)),
    ("an exit status of 0", "hello\n", "OK", 0, False, False, (1, 0, 0)),
    ("an exit status of 1", "hello\n", "FAIL", 1, False, False, (0, 1, 0)),
    ("it took too long", "hello\n", "TIMEOUT", -15, False, False, (0, 1, 0)),
    ("an exit status of 77", "no tool\n", "SKIP", 77, False, False, (0, 0, 1)),
    ("an exit status of 77, in CI", "no tool\n", "SKIP", 77, False, True, (0, 1, 0)),
]
# What was said last has to be in the list of failures, and no more than that.
TEXTS = [ # standard output; the other one; does it speak TAP?; in the list; not in it
    ("the last line", "a seed\nwhat went wrong\n", "", False, "what went wrong", "nothing"),
    ("the seed above it", "a seed\nwhat went wrong\n", "", False, "a seed", "nothing"),
    ("the end of a long story", "first\n" + "more\n" * 100 + "last\n", "", False, "last", "first"),
    ("what goes to the other stream", "hello\n", "a sanitizer's report\n", False, "a sanitizer's report", "nothing"),
    ("what is said of a point", "1..1\n# before\nnot ok 1 - a\n# why\n# and where\n", "", True, "and where", "before"),
    ("what is said of another", "1..2\nnot ok 1 - a\nok 2 - b\n# fine\n", "", True, "a", "fine"),
    ("a crash behind good points", "1..1\nok 1 - a\n", "it crashed\n", True, "it crashed", "nothing"),
]

print(f"1..{len(CASES) + len(TEXTS)}")
for number, (title, text, result, status, is_tap, ci, wanted) in enumerate(CASES, 1):
    os.environ["CI"] = "true" if ci else ""
    counts = check.Counts()
    counts.test({"name": "t", "result": result, "stdout": text, "returncode": status}, is_tap)
    got = (counts.passed, len(counts.failures), len(counts.skips))
    print(f"{'ok' if got == wanted else 'not ok'} {number} - {title}")
    if got != wanted:
        print(f"# got {got}, want {wanted}: {counts.failures}")
for number, (title, out, err, is_tap, wanted, unwanted) in enumerate(TEXTS, 1 + len(CASES)):
    counts = check.Counts()
    counts.test({"name": "t", "result": "FAIL", "stdout": out, "stderr": err, "returncode": 1}, is_tap)
    good = len(counts.failures) == 1 and wanted in counts.failures[0] and unwanted not in counts.failures[0]
    print(f"{'ok' if good else 'not ok'} {number} - {title}")
    if not good:
        print(f"# {counts.failures}")
