#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles every header alone, with nothing before it: headers.py SOURCE_ROOT. Prints TAP.

Public headers (include/) are C11, C17 and C++17 for gcc and clang; internal ones are gnu17 for gcc. A compiler
that is not there skips its points.
"""
import pathlib
import shutil
import subprocess
import sys

PUBLIC = [("gcc", "c", "c11"), ("gcc", "c", "c17"), ("clang", "c", "c11"), ("clang", "c", "c17"),
          ("g++", "c++", "c++17"), ("clang++", "c++", "c++17")]
INTERNAL = [("gcc", "c", "gnu17")]


def compiles(root, flags, compiler, language, standard, text):
    command = [compiler, "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-Wpedantic",
               "-fsyntax-only", f"-I{root}/include", *flags, "-"]
    if standard.startswith("gnu"):
        command.remove("-Wpedantic")
        command[1:1] = ["-D_GNU_SOURCE", f"-I{root}/src"]
    return subprocess.run(command, input=text, capture_output=True, text=True)


def main(root):
    found = subprocess.check_output(["pkg-config", "--cflags", "DirectX-Headers"], text=True).split()
    flags = [flag.replace("-I", "-isystem", 1) for flag in found]
    points = []
    for folder, ways in (("include", PUBLIC), ("src", INTERNAL)):
        base = pathlib.Path(root) / folder
        for path in sorted(base.rglob("*.h")):
            text = path.read_text()
            if "No include guard" not in text: # what is made to be included in the middle of something
                points += [(path.relative_to(base).as_posix(), way) for way in ways]
    print(f"1..{len(points) + 1}")
    bad = compiles(root, flags, "gcc", "c", "c11", "struct s { undeclared_type member; };\n")
    print(f"{'ok' if bad.returncode else 'not ok'} 1 - the check itself sees an error")
    for number, (name, way) in enumerate(points, 2):
        title = f"{name} with {way[0]} as {way[2]}"
        if not shutil.which(way[0]):
            print(f"ok {number} - {title} # SKIP {way[0]} is not installed")
            continue
        result = compiles(root, flags, *way, f"#include <{name}>\n")
        print(f"{'not ok' if result.returncode else 'ok'} {number} - {title}")
        for line in result.stderr.splitlines()[:6]:
            print(f"# {line}")


main(sys.argv[1])
