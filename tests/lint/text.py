#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Facts that stand in two places, and words that stand in none: text.py SOURCE_ROOT. Prints TAP."""
import pathlib
import re
import sys

SOURCES = ["src/**/*.c", "src/**/*.h", "src/**/*.def", "include/**/*.h", "examples/*.c", "bench/**/*.c",
           "tests/**/*.c", "tools/*.sh", "tools/*.py"]
# A word, not TAP's directive, which is "# TO" and "DO".
UNFINISHED = re.compile(r"(?<!# )\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")


def sources(root):
    return sorted({path for pattern in SOURCES for path in root.glob(pattern)})


def first_program(root):
    """The README shows examples/first.c as it is."""
    readme, program = (root / "README.md").read_text(), (root / "examples/first.c").read_text()
    blocks = re.findall(r"^```c\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return [] if program in blocks else ["README.md has no block that equals examples/first.c"]


def unfinished(root):
    return [f"{path}:{number}: {line.strip()}" for path in sources(root)
            for number, line in enumerate(path.read_text().splitlines(), 1) if UNFINISHED.search(line)]


def licence_lines(root):
    return [f"{path}: no SPDX line" for path in sources(root)
            if "SPDX-License-Identifier: MIT" not in "\n".join(path.read_text().splitlines()[:3])]


def line_lengths(root):
    return [f"{path}:{number}: {len(line)} columns" for path in sources(root)
            for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > 120]


def main(root):
    checks = [first_program, unfinished, licence_lines, line_lengths]
    print(f"1..{len(checks) + 1}")
    works = UNFINISHED.search("a TO" + "DO here") and len(sources(root)) > 10
    print(f"{'ok' if works else 'not ok'} 1 - the check itself finds files and words")
    for number, check in enumerate(checks, 2):
        wrong = check(root)
        print(f"{'not ok' if wrong else 'ok'} {number} - {check.__name__.replace('_', ' ')}")
        for line in wrong[:20]:
            print(f"# {line}")


main(pathlib.Path(sys.argv[1]))
