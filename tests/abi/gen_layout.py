#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prove the headers under include/dxg against the tables of facts beside this file.

The tables say where each member of each struct lies on x86-64 Linux. From them this writes a source file that is C and
C++ at once: static assertions for the size of each declared struct, for the offset and the size of each member, for
each enum constant, macro and function type, and a main() that sets each bit field to all ones and looks at the memory.

Which structs a header declares is read from the header: a line `} NAME;`. What the tables have and the headers do not
is printed by --left-out; a test compares that with left-out.txt, so that nothing disappears unseen.

Not proved here: the values that comments promise, and structs newer than the tables (their sizes are asserted in
later.c).
"""

import argparse
import csv
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = ("d3dukmdt.h", "d3dkmdt.h", "d3dkmthk.h")

# Return types that are not NTSTATUS; the table of functions has parameters only.
RETURNS = {"D3DKMTCheckExclusiveOwnership": "BOOLEAN", "D3DKMTCloseDxCoreDevice": "VOID"}

PRELUDE = """\
/* SPDX-License-Identifier: MIT */
/* Written by gen_layout.py. */
#include <dxg/d3dkmthk.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
#include <type_traits>
#define CHECK(condition, what) static_assert(condition, what)
#define SAME_TYPE(a, b) (std::is_same<decltype(a), b>::value)
#else
#define CHECK(condition, what) _Static_assert(condition, what)
#define SAME_TYPE(a, b) __builtin_types_compatible_p(__typeof__(a), b)
#endif

static unsigned failures;

/* memory: the struct after one bit field of it was set to all ones; no other bit may be set. */
static void check_bits(const unsigned char *memory, size_t size, size_t first, size_t width, const char *what)
{
    for (size_t bit = 0; bit < size * 8; bit++) {
        int got = memory[bit / 8] >> (bit % 8) & 1;
        int want = bit >= first && bit < first + width;
        if (got != want) {
            printf("%s: bit %zu of the struct is %d\\n", what, bit, got);
            failures++;
            return;
        }
    }
}
"""


def rows(name, tables=HERE):
    with open(tables / name, newline="", encoding="ascii") as table:
        yield from csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)


def declared(headers):
    """The names that the headers give to structs, unions and enums."""
    text = "".join((headers / name).read_text(encoding="ascii") for name in HEADERS)
    return set(re.findall(r"^\} (\w+)(?:, \*\w+)?;$", text, re.MULTILINE))


def structs_of(names):
    return [row for row in rows("abi.tsv") if row["struct"] in names]


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def layout_checks(table):
    for row in table:
        struct, member, size = row["struct"], row["member"], row["size"]
        if member == "<sizeof>":
            yield f'CHECK(sizeof({struct}) == {size}, "sizeof {struct}");'
        elif row["kind"] != "bitfield":
            what = f"{struct}.{member}"
            yield f'CHECK(offsetof({struct}, {member}) == {row["offset"]}, "offset of {what}");'
            yield f'CHECK(sizeof((({struct} *)0)->{member}) == {size}, "size of {what}");'


def bit_checks(table):
    """One block per bit field: the table gives its storage word's offset and its first bit within that word."""
    for row in table:
        if row["kind"] != "bitfield":
            continue
        struct, member = row["struct"], row["member"]
        first = int(row["offset"]) * 8 + int(row["bit_offset"])
        width = int(row["bit_width"])
        yield "    {"
        yield f"        {struct} value;"
        yield "        unsigned char memory[sizeof(value)];"
        yield "        memset(&value, 0, sizeof(value));"
        yield f'        value.{member} = ({row["type"]})(ones & {(1 << width) - 1:#x}ULL);'
        yield "        memcpy(memory, &value, sizeof(value));"
        yield f'        check_bits(memory, sizeof(memory), {first}, {width}, "{struct}.{member}");'
        yield "    }"


def enum_checks(names):
    sizes = {}
    for row in rows("abi_enums.tsv"):
        if row["enum"] in names:
            sizes[row["enum"]] = row["size"]
            yield f'CHECK((long long){row["constant"]} == {row["value"]}LL, "{row["constant"]}");'
    for name, size in sizes.items():
        yield f'CHECK(sizeof({name}) == {size}, "sizeof {name}");'


def macro_checks():
    """A macro may be absent, and a status counts by its 32 bits."""
    for row in rows("abi_macros.tsv"):
        name, value = row["macro"], int(row["value"]) & 0xFFFFFFFFFFFFFFFF
        yield f"#ifdef {name}"
        if name.startswith("STATUS_"):
            yield f'CHECK((unsigned)({name}) == {value & 0xFFFFFFFF:#x}U, "{name}");'
        else:
            yield f'CHECK((unsigned long long)({name}) == {value:#x}ULL, "{name}");'
        yield "#endif"


def function_checks():
    for row in rows("abi_functions.tsv"):
        name = row["function"]
        types = []
        for parameter in row["parameters"].split(","):
            match = re.fullmatch(r"((?:const )?[A-Z]\w*(?: ?\*)?) ?\w*", parameter.strip())
            types.append(match.group(1) if match else "void")
        result = RETURNS.get(name, "NTSTATUS")
        arguments = "void" if types == ["VOID"] else ", ".join(types)
        yield f'CHECK(SAME_TYPE({name}, {result}({arguments})), "type of {name}");'


def source(names):
    table = structs_of(names)
    yield PRELUDE
    yield from layout_checks(table)
    yield from enum_checks(names)
    yield from macro_checks()
    yield from function_checks()
    yield "\nint main(void)\n{"
    yield "    unsigned long long ones = ~0ULL;"
    yield from bit_checks(table)
    fields = sum(row["kind"] == "bitfield" for row in table)
    structs = sum(row["member"] == "<sizeof>" for row in table)
    yield f'    printf("{structs} structs, {fields} bit fields, %u wrong\\n", failures);'
    yield "    return failures != 0;\n}"


def left_out(names):
    return [row["struct"] for row in rows("abi.tsv") if row["member"] == "<sizeof>" and row["struct"] not in names]


def main():
    parser = argparse.ArgumentParser(description="Write the layout test of include/dxg.")
    parser.add_argument("--headers", type=pathlib.Path, default=HERE.parent.parent / "include" / "dxg")
    parser.add_argument("--left-out", action="store_true", help="list the structs that the headers do not declare")
    parser.add_argument("--expect", type=pathlib.Path, help="with --left-out: compare with this file, print differences")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="the file to write; standard output without it")
    options = parser.parse_args()

    names = declared(options.headers)
    if not options.left_out:
        text = "\n".join(source(names)) + "\n"
    else:
        found = sorted(left_out(names))
        if options.expect:
            expected = options.expect.read_text(encoding="ascii").split()
            for name in sorted(set(found) - set(expected)):
                print(f"{name}: no longer declared, or new in abi.tsv; not in {options.expect.name}")
            for name in sorted(set(expected) - set(found)):
                print(f"{name}: declared now, take it out of {options.expect.name}")
            return found != expected
        text = "".join(name + "\n" for name in found)
    if options.output:
        options.output.write_text(text, encoding="ascii")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
