#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds src/ to its layers, and says it in TAP: layers.py SOURCE_ROOT.

A file may include headers of its own folder and of the layers to the left of its own; folders that stand
between the same braces never meet. Beyond the order: vidmm knows neither handles nor thunks, wire knows no
thunk, and core is handed the list of miniports (miniport/miniports.h) by the endpoint, which knows both.
"""
import pathlib
import re
import sys

ORDER = [{"base"}, {"abi"}, {"range"}, {"object"}, {"ddi"}, {"vidmm", "miniport", "wire"}, {"core"},
         {"client", "daemon"}, {"cli"}]
NEVER = {"vidmm": {"abi", "object"}, "wire": {"abi"}, "core": {"miniport"}, "cli": {"miniport"}}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def rank(folder):
    return next((i for i, layer in enumerate(ORDER) if folder in layer), None)


def unit(path):
    """What counts as one folder: every miniport is its own, and their list is none of them."""
    parts = path.split("/")
    return "/".join(parts[:-1]) if parts[0] == "miniport" else parts[0]


def breach(source, included):
    """Why SOURCE, a path below src/, may not include INCLUDED; None when it may."""
    mine, theirs = source.split("/")[0], included.split("/")[0]
    if "/" not in included:
        return f"{source}: write #include \"{mine}/{included}\" with its folder"
    if rank(mine) is None or rank(theirs) is None:
        return f"{source}: {mine if rank(mine) is None else theirs}/ is no layer"
    if unit(source) == unit(included):
        return None
    if (unit(source), theirs) == ("miniport", "miniport"):
        return None # the list of miniports: it knows all of them
    if theirs in NEVER.get(mine, ()):
        return f"{source}: {mine} must not know {included}"
    if rank(theirs) > rank(mine):
        return f"{source}: {included} stands to the right of {mine}"
    if rank(theirs) == rank(mine):
        return f"{source}: {included} is a sibling of {unit(source)}"
    return None


def main(root):
    source = pathlib.Path(root) / "src"
    files = sorted(p for p in source.rglob("*") if p.suffix in (".c", ".h", ".def"))
    controls = [("base/os.c", "abi/thunk.h"), ("vidmm/pool.c", "object/handle.h"), ("core/sync.c", "core.h"),
                ("miniport/soft/a.c", "miniport/intel/b.h"), ("vidmm/a.c", "wire/b.h"), ("base/a.c", "new/b.h"),
                ("core/a.c", "miniport/soft/soft.h"), ("vidmm/a.c", "miniport/miniports.h"),
                ("core/a.c", "miniport/miniports.h"),
                ("miniport/soft/a.c", "miniport/miniports.h")]
    allowed = [("abi/walk.c", "base/os.h"), ("miniport/soft/a.c", "miniport/soft/b.h"), ("client/a.c", "core/b.h"),
               ("client/a.c", "miniport/miniports.h"), ("miniport/miniports.c", "miniport/soft/soft.h")]
    print(f"1..{len(files) + 1}")
    sound = len(files) > 0 and all(breach(*pair) for pair in controls) and not any(breach(*pair) for pair in allowed)
    print(f"{'ok' if sound else 'not ok'} 1 - the check itself tells breaches from what is allowed")
    for number, path in enumerate(files, 2):
        name = path.relative_to(source).as_posix()
        wrong = [w for w in (breach(name, i) for i in INCLUDE.findall(path.read_text())) if w]
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
        for line in wrong:
            print(f"# {line}")


main(sys.argv[1])
