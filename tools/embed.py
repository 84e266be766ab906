#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the profiles into a C file: embed.py OUT.c NAME.ini... (see src/ddi/profile.h)."""
import pathlib
import sys


def literal(line):
    """One line of text as a C string literal; octal escapes, because they end after three digits."""
    plain = set(range(0x20, 0x7F)) - set(b'"\\?')
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in line) + '"'


def main(out, *files):
    rows = []
    for file in sorted(map(pathlib.Path, files), key=lambda path: path.stem):
        lines = file.read_bytes().splitlines(keepends=True)
        text = "\n".join(f"        {literal(line)}" for line in lines)
        rows.append(f'    {{ "{file.stem}",\n{text} }},\n')
    pathlib.Path(out).write_text(
        "/* Generated from profiles/ by tools/embed.py. */\n"
        '#include "ddi/profile.h"\n\n'
        "const struct udxg_profile_text udxg_profile_texts[] = {\n" + "".join(rows) + "    { NULL, NULL },\n};\n",
        encoding="ascii",
    )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
