#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What our libraries show to ld.so: symbols.py BUILD THUNKS_DUMP EXPORTS.tsv. Prints TAP.

libdxg.so.1 and libdxcore.so export every row of the table of thunks and nothing else, plain C and without
versions, and no name that Microsoft's library has (first column of EXPORTS.tsv) is missing. Sonames, needs and
flags are those that drop-in replacements must have.
"""
import pathlib
import re
import subprocess
import sys

LIBC = {"libc.so.6", "ld-linux-x86-64.so.2"}
KERNEL = "libudxg-kernel.so.0"


def output(*command):
    return subprocess.check_output(command, text=True)


def exported(library):
    """Every defined dynamic symbol, with its version if it has one."""
    rows = [line.split() for line in output("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines()]
    return {row[-1] for row in rows if row[-2] != "A"}


def dynamic(library, tag):
    return set(re.findall(rf"\({tag}\)[^\[\n]*\[([^\]]*)\]", output("readelf", "-dW", library)))


def main(build, dump, table):
    theirs = {line.split("\t")[0] for line in table.read_text().splitlines()[1:]}
    names = set(output(dump, "names").split())
    points = []

    def point(title, got, want):
        points.append((title, got == want, f"too many: {sorted(got - want)}, missing: {sorted(want - got)}"))

    point("no name of Microsoft's library is missing", theirs & names if len(theirs) > 100 else set(), theirs)
    point("libdxg.so.1 exports the table, unversioned", exported(build / "libdxg.so.1"), names)
    point("libdxcore.so exports the table and its factory, unversioned", exported(build / "libdxcore.so"),
          names | {"DXCoreCreateAdapterFactory"})
    point("libudxg.so.0 exports versioned names", exported(build / "libudxg.so.0"), {name + "@@UDXG_0.1" for name in ("udxg_version", "udxg_stop_adapter", "udxg_start_adapter", "udxg_inject", "udxg_get_write_watch", "udxg_get_segment_map")})
    point("the kernel exports what the others call", exported(build / KERNEL),
          {"udxg_call@@UDXG_PRIVATE_0.1", "udxg_dxcore_create_factory@@UDXG_PRIVATE_0.1"})
    point("the compute helper exports its six names", exported(build / "libwsl_compute_helper.so"),
          {"getVersion", "getSizeRequiredForStruct", "getSizeRequiredForTokens", "tokensToStruct", "structToTokens",
           "destroyStructRepresentation"})
    point("udxg-audit.so exports two names", exported(build / "udxg-audit.so"), {"la_version", "la_objsearch"})
    for file, soname in (("libdxg.so.1", "libdxg.so.1"), ("libdxcore.so", "libdxcore.so"),
                         ("libudxg.so.0", "libudxg.so.0"), (KERNEL, KERNEL)):
        library = build / file
        flags = output("readelf", "-dlW", library)
        point(f"{file} has its soname", dynamic(library, "SONAME"), {soname})
        needed = dynamic(library, "NEEDED") - LIBC
        allowed = {KERNEL} if file != KERNEL else set()
        point(f"{file} needs libc" + (" and the kernel" if allowed else ""), needed, allowed)
        for what, pattern in (("binds at once", r"\bNOW\b"), ("is never unloaded", r"\bNODELETE\b"),
                              ("is read-only after relocation", r"GNU_RELRO"), ("has no executable stack", r"GNU_STACK.*RW ")):
            points.append((f"{file} {what}", re.search(pattern, flags) is not None, flags))
    print(f"1..{len(points)}")
    for number, (title, good, why) in enumerate(points, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {title}")
        if not good:
            print("\n".join(f"# {line}" for line in why.splitlines()))


main(*map(pathlib.Path, sys.argv[1:]))
