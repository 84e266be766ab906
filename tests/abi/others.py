#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare our table with headers that nobody here wrote: others.py wine [CC...] | others.py winapi. Prints TAP.

`wine` compiles a generated file against Wine's ddk/d3dkmthk.h (Debian: libwine-dev) and asks the compiler for sizes
and offsets. `winapi` reads the Rust declarations of the winapi crate (Debian: librust-winapi-dev), which are regular
enough to be laid out by hand. One point for each struct that they and our headers both declare. Both describe
Windows, so what DIFFERENT names must differ; what OLDER names has grown since, and counts only where it agrees.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

import gen_layout

WINE = pathlib.Path("/usr/include/wine/wine/windows")
WINAPI = pathlib.Path("/usr/share/cargo/registry")

STRINGS = "WCHAR has 2 bytes on Windows, 4 on Linux"
GDI = "a GDI handle is a pointer on Windows, an int in Linux's winadapter.h"
DIFFERENT = {
    "wine": {
        "D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME": STRINGS,
        "D3DKMT_OPENADAPTERFROMHDC": GDI,
    },
    "winapi": {
        "D3DKMT_GPUVERSION": STRINGS,
        "D3DKMT_OPENADAPTERFROMGDIDISPLAYNAME": STRINGS,
        "D3DKMT_OPENADAPTERFROMHDC": GDI,
    },
}

# Counters were added where Wine 8 still has reserved words.
OLDER = {"D3DKMT_QUERYSTATISTICS"} | {"D3DKMT_QUERYSTATISTICS_" + name for name in (
    "ADAPTER_INFORMATION", "NODE_INFORMATION", "PROCESS_ADAPTER_INFORMATION", "PROCESS_INFORMATION",
    "PROCESS_VIDPNSOURCE_INFORMATION", "RESULT", "SEGMENT_INFORMATION", "SYSTEM_MEMORY", "VIDPNSOURCE_INFORMATION")}


def ours():
    """struct -> {member: (offset, size)}, bit fields left out; "<sizeof>" is the struct itself."""
    declared = gen_layout.declared(gen_layout.HERE.parent.parent / "include" / "dxg")
    found = {}
    for row in gen_layout.structs_of(declared):
        if row["kind"] != "bitfield":
            found.setdefault(row["struct"], {})[row["member"]] = (int(row["offset"]), int(row["size"]))
    return found


# ---- Wine ----

WINE_TOP = """\
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <windef.h>
#include <winbase.h>
#include <wingdi.h>
#include <winternl.h>
#include <ddk/d3dkmthk.h>
int main(void)
{
"""


def wine_line(struct, member):
    if member == "<sizeof>":
        return f'    printf("{struct} {member} 0 %d\\n", (int)sizeof({struct}));'
    return (f'    printf("{struct} {member} %d %d\\n", (int)offsetof({struct}, {member}), '
            f"(int)sizeof((({struct} *)0)->{member}));")


def wine_layout(table, compiler):
    """Members that Wine names otherwise or has not are found by the compiler's errors, and left out."""
    text = "".join(path.read_text(errors="replace") for path in (WINE / "ddk/d3dkmthk.h", WINE / "d3dukmdt.h"))
    theirs = set(re.findall(r"^\} (\w+);", text, re.MULTILINE)) & table.keys()
    asked = [(struct, member) for struct in sorted(theirs) for member in table[struct]]
    command = [*compiler, "-fshort-wchar", "-w", "-fmax-errors=0", f"-I{WINE}", f"-I{WINE / 'ddk'}"]
    if any("clang" in part for part in compiler):
        command[command.index("-fmax-errors=0")] = "-ferror-limit=0"
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder) / "wine.c", pathlib.Path(folder) / "wine"
        for last in (False, True):
            lines = [wine_line(*pair) for pair in asked]
            source.write_text(WINE_TOP + "\n".join(lines) + "\n    return 0;\n}\n")
            result = subprocess.run([*command, str(source), "-o", str(program)], capture_output=True, text=True)
            if result.returncode == 0:
                break
            first = WINE_TOP.count("\n") + 1
            bad = {int(number) - first for number in re.findall(r"wine\.c:(\d+):\d+: error", result.stderr)}
            if last or not bad or min(bad) < 0:
                raise SystemExit(f"Bail out! Wine's header does not compile: {result.stderr[:2000]}")
            asked = [pair for index, pair in enumerate(asked) if index not in bad]
        output = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    layout = {}
    for line in output.splitlines():
        struct, member, offset, size = line.split()
        layout.setdefault(struct, {})[member] = (int(offset), int(size))
    return layout


# ---- the winapi crate ----

SCALARS = {"BOOL": 4, "BOOLEAN": 1, "BYTE": 1, "DWORD": 4, "FLOAT": 4, "HANDLE": 8, "HDC": 8, "HWND": 8, "INT": 4,
           "INT64": 8, "LARGE_INTEGER": 8, "LONG": 4, "LONGLONG": 8, "PCWSTR": 8, "SIZE_T": 8, "UCHAR": 1, "UINT": 4,
           "UINT32": 4, "UINT64": 8, "ULONG": 4, "ULONGLONG": 8, "ULONG_PTR": 8, "USHORT": 2, "WCHAR": 2, "u32": 4,
           "u64": 8, "u8": 1, "usize": 8}


class Rust:
    """Sizes and alignments of what the crate declares, by the rules of C."""

    def __init__(self, text):
        self.aliases = dict(re.findall(r"^pub type (\w+) = ([^;]+);", text, re.MULTILINE))
        self.constants = dict(re.findall(r"^pub const (\w+): \w+ = ([^;]+);", text, re.MULTILINE))
        self.enums = set(re.findall(r"^ENUM!\{enum (\w+)", text, re.MULTILINE))
        self.unions = dict(re.findall(r"^UNION!\{union (\w+) \{\s*\[([^\]]+)\]", text, re.MULTILINE))
        self.structs = {name: re.findall(r"^\s+(\w+): ([^,]+(?:, \d+)?),$", body, re.MULTILINE) for name, body in
                        re.findall(r"^STRUCT!\{struct (\w+) \{\n(.*?)^\}\}", text, re.MULTILINE | re.DOTALL)}
        self.structs["LUID"] = [("LowPart", "DWORD"), ("HighPart", "LONG")]
        self.structs["GUID"] = [("Data", "[u32; 4]")]

    def measure(self, kind):
        """(size, alignment); KeyError for a type from another file of the crate."""
        kind = kind.strip()
        if kind.startswith(("*mut", "*const", "Option<")):
            return 8, 8
        array = re.fullmatch(r"\[?([^;\[\]]+); ([^\]]+)\]?", kind)
        if array:
            size, alignment = self.measure(array[1])
            return size * self.number(array[2]), alignment
        if kind in SCALARS:
            return SCALARS[kind], SCALARS[kind]
        if kind in self.enums:
            return 4, 4
        if kind in self.aliases:
            return self.measure(self.aliases[kind])
        if kind in self.unions:
            return self.measure(self.unions[kind])
        layout = self.layout(kind)
        return layout["<sizeof>"][1], max((self.measure(field)[1] for _, field in self.structs[kind]), default=1)

    def number(self, text):
        text = text.split(" as ")[0].strip()
        return int(self.constants[text], 0) if text in self.constants else int(text, 0)

    def layout(self, struct):
        end, widest, members = 0, 1, {}
        for name, kind in self.structs[struct]:
            size, alignment = self.measure(kind)
            end = (end + alignment - 1) // alignment * alignment
            members[name] = (end, size)
            end, widest = end + size, max(widest, alignment)
        members["<sizeof>"] = (0, (end + widest - 1) // widest * widest)
        return members


def winapi_layout(table, sources):
    crate = Rust("\n".join(path.read_text() for path in sources))
    layout = {}
    for struct in sorted(crate.structs.keys() & table.keys()):
        try:
            layout[struct] = crate.layout(struct)
        except KeyError as unknown:
            print(f"# {struct} is not compared: {unknown} is declared elsewhere")
    return layout


# ---- the comparison ----

def skip(reason):
    print(f"1..0 # SKIP optional: {reason}")
    return 0


def differences(table, struct, members):
    return [f"{struct}.{name}: offset and size {table[struct][name]} here, {place} there"
            for name, place in members.items() if name in table[struct] and table[struct][name] != place]


def report(table, theirs, expected):
    wrong = {struct: differences(table, struct, members) for struct, members in theirs.items()}
    for struct in sorted(struct for struct in OLDER & wrong.keys() if wrong[struct]):
        print(f"# {struct} is not compared: theirs is of an older Windows")
        del wrong[struct]
    failed = len(wrong) < 30
    print(f"1..{len(wrong) + 1}")
    print(f"{'not ok' if failed else 'ok'} 1 - {len(wrong)} structs to compare")
    for number, struct in enumerate(sorted(wrong), 2):
        good = bool(wrong[struct]) == (struct in expected)
        failed = failed or not good
        print(f"{'ok' if good else 'not ok'} {number} - {struct}" +
              (f" differs: {expected[struct]}" if struct in expected else ""))
        for line in wrong[struct] if not good else []:
            print(f"# {line}")
    return failed


def main():
    parser = argparse.ArgumentParser(description="Compare our table of layouts with others' headers.")
    parser.add_argument("what", choices=("wine", "winapi"))
    parser.add_argument("compiler", nargs="*", default=["cc"])
    options = parser.parse_args()
    table = ours()
    if options.what == "wine":
        if not (WINE / "ddk/d3dkmthk.h").exists():
            return skip("libwine-dev is not installed")
        theirs = wine_layout(table, options.compiler)
    else:
        crates = sorted(WINAPI.glob("winapi-0.3*/src"))
        if not crates:
            return skip("librust-winapi-dev is not installed")
        theirs = winapi_layout(table, [crates[-1] / name for name in
                                       ("shared/d3dukmdt.rs", "shared/d3dkmdt.rs", "km/d3dkmthk.rs")])
    return report(table, theirs, DIFFERENT[options.what])


if __name__ == "__main__":
    sys.exit(main())
