#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes checks out of the daemon, one at a time, and sees tests fail: controls.py [NAME...]

Works on a copy of the tree, in a folder of its own, and builds nothing but udxgd there. Prints TAP. Each control says
which file it changes, the line it takes, what it puts there, and which test of tests/hostile, or which unit test where
clients see nothing for certain, has to notice.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent

# name, file, what is there, what is put there, test
CONTROLS = [
    ("count-limit", "src/abi/walk.c", "if (count > field->maximum) return STATUS_INVALID_PARAMETER;", ";",
     "counts_times_sizes"),
    ("foreign-memory", "src/base/foreign.c", "return foreign->mem_fd == -1;", "return foreign->mem_fd != -2;",
     "untrusted_pointers"),
    ("copy-once", "src/abi/walk.c", "    frame->read += (uint32_t)align_message(span->bytes);",
     "    frame->read += (uint32_t)align_message(span->bytes);\n    span->copy = span->out;", "inputs_stay_as_they_are"),
    ("handle-type", "src/object/handle.c", "uint64_t expected = live_word(generation_of(handle), type);",
     "uint64_t expected = live_word(generation_of(handle), slot ? type_of(atomic_load(&slot->word)) : type);",
     "handles_of_other_kinds"),
    ("handle-generation", "src/object/handle.c", "uint64_t expected = live_word(generation_of(handle), type);",
     "uint64_t expected = slot ? atomic_load(&slot->word) : 0;", "stale_handles"),
    ("given-closed", "src/daemon/link.c", "        udxg_packet_close(&cargo.given); /* it may have been another packet */",
     "", "another_packet_with_descriptors"),
    ("given-closed-after", "src/daemon/link.c", "    udxg_packet_close(&cargo.given);\n    sent =", "    sent =",
     "errors_and_exit_keep_nothing"),
    ("null-pointer", "src/abi/walk.c",
     "return count && !field->optional ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;", "return STATUS_SUCCESS;",
     "nothing_where_something_is_needed"),
    ("ring-limit", "src/daemon/service.c", "+ (uint64_t)bytes <= UDXG_SERVICE_RING_BYTES", "+ 0 <= UINT64_MAX",
     "limit_of_ring_memory"),
    ("ring-charge", "src/daemon/link.c", "udxg_service_charge_ring(link->service, room_bytes)",
     "udxg_service_charge_ring(link->service, request->size_bytes)", "limit_of_ring_memory"),
    ("link-limit", "src/daemon/link.c", "room = service->link_count < UDXG_SERVICE_LINKS;", "room = true;",
     "limit_of_links"),
    ("device-limit", "src/core/account.c", "if (count > account->limits->most[what] ||", "if (false &&",
     "limit_of_devices"),
    ("ring-at-most", "src/daemon/link.c", "request->size_bytes > WIRE_ROOM_AT_MOST", "false", "ring_growth"),
    ("read-only", "src/base/os.c", "F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE", "F_SEAL_SHRINK | F_SEAL_GROW",
     "read_only_stays_so"),
    ("read-only-length", "src/base/os.c", "F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE",
     "F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE", "read_only_stays_so"),
    ("fence-writes", "src/base/os.c", "F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE",
     "F_SEAL_SHRINK | F_SEAL_GROW", "fences_are_not_written"),
    ("ring-seal", "src/base/os.c", "fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0", "false",
     "rings_keep_their_size"),
    ("message-end", "src/abi/walk.c", "frame->read == message->size_bytes", "true", "parser"),
    ("message-begin", "src/abi/walk.c",
     "if (align_message(span->bytes) > frame->message.size_bytes - frame->read) return STATUS_INVALID_PARAMETER;", "",
     "parser"),
    ("row-number", "src/abi/walk.c",
     "if ((unsigned)id >= UDXG_THUNK_COUNT) return STATUS_INVALID_PARAMETER;\n", "\n", "parser"),
    ("message-size", "src/daemon/link.c",
     'if (request->size_bytes > link->ring.room_bytes) return "a message larger than the ring";', "",
     "larger_than_the_ring"),
    ("memory-probe", "src/base/foreign.c",
     "return udxg_os_probe_memory(foreign->maps_fd, (uintptr_t)client, size_bytes, write);", "return STATUS_SUCCESS;",
     "invalid_system_memory"),
    ("memory-kind", "src/daemon/service.c", "if (udxg_foreign_is_valid(&memory))", "if (true)",
     "memory_of_wrong_kinds"),
    ("soft-size", "src/miniport/soft/soft.c",
     "if (info->private_data_bytes < sizeof(data)) return STATUS_GRAPHICS_DRIVER_MISMATCH;", "",
     "sizes_of_private_data"),
    ("outputs-zeroed", "src/abi/walk.c", "        memset(span->copy, 0, span->bytes);", "        (void)0;",
     "tests/unit/message_test"),
    ("is-over", "src/wire/ring.c", "atomic_load(is_over)", "false", "tests/unit/ring_test"),
    ("greeting-kind", "src/daemon/service.c", "size_bytes != sizeof *hello || hello->kind != WIRE_HELLO", "false",
     "wrong_greetings"),
    ("greeting-table", "src/daemon/service.c", "hello->table != udxg_thunk_signature()", "false", "other_releases"),
    ("greeting-time", "src/daemon/service.c", "#define GREETING_MS 5000", "#define GREETING_MS 500000", "slow_greeting"),
    ("control-packet", "src/daemon/service.c", 'if (!known) return "a packet that is none of the protocol";', "",
     "wrong_control_packets"),
    ("announced", "src/daemon/link.c", "    if (udxg_failed(status)) return false;\n    return cargo->given",
     "    if (udxg_failed(status)) return true;\n    return cargo->given", "announced_and_not_sent"),
    ("gift-wait", "src/daemon/link.c", "sizeof *gift, &fd, 1, false)", "sizeof *gift, &fd, 1, true)",
     "gifts_are_never_read"),
    ("disturb", "src/core/process.c", "return !process->endpoint || process->kernel->clients_disturb;", "return true;",
     "others_are_not_disturbed"),
    ("fstatfs", "src/daemon/filter.c", "SCMP_SYS(fstatfs),", "", "invalid_system_memory"),
]


def copy_tree(folder):
    """The tracked files and those that git does not ignore; no build folders."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=SOURCE, check=True,
                           capture_output=True, text=True).stdout.splitlines()
    for name in names:
        if (SOURCE / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, folder / name)


def build(folder, targets):
    return subprocess.run(["ninja", "-C", folder / "build"] + targets, capture_output=True, text=True)


def hostile(folder, test):
    """Whether the test passes, and what was said."""
    if "/" in test:
        run = subprocess.run([folder / "build" / test], capture_output=True, text=True, timeout=90)
        return run.returncode == 0, run.stdout + run.stderr
    environment = dict(os.environ, UDXG_TEST_UDXGD=str(folder / "build" / "udxgd"))
    try:
        run = subprocess.run([folder / "build/tests/hostile/hostile", test], env=environment, capture_output=True,
                             text=True, timeout=90)
    except subprocess.TimeoutExpired:
        return False, "# it takes for ever"
    return run.returncode == 0 and "\nok" in "\n" + run.stdout, run.stdout + run.stderr


def control(folder, number, name, file, there, instead, test):
    path = folder / file
    text = path.read_text()
    if there not in text:
        print(f"not ok {number} - {name} # {file} has no such line: {there}")
        return False
    path.write_text(text.replace(there, instead))
    result = build(folder, [test if "/" in test else "udxgd"])
    passed, said = (None, result.stdout[-2000:]) if result.returncode else hostile(folder, test)
    path.write_text(text)
    if passed is False:
        print(f"ok {number} - {name}: {test} fails without it", flush=True)
        return True
    print(f"not ok {number} - {name}: {test} " + ("passes without it" if passed else "could not be built"))
    print("".join(f"# {line}\n" for line in said.splitlines()), end="", flush=True)
    return False


def main(names):
    chosen = [c for c in CONTROLS if not names or c[0] in names]
    if not chosen:
        sys.exit(f"there is no control {' '.join(names)}")
    with tempfile.TemporaryDirectory(prefix="udxg-controls-") as temporary:
        folder = pathlib.Path(temporary)
        copy_tree(folder)
        subprocess.run(["meson", "setup", "build", "-Dwerror=false"], cwd=folder, check=True, capture_output=True)
        result = build(folder, ["udxgd", "tests/hostile/hostile"])
        if result.returncode:
            sys.exit(result.stdout)
        good = 0
        for number, each in enumerate(chosen, 1):
            good += control(folder, number, *each)
        print(f"1..{len(chosen)}")
    return 0 if good == len(chosen) else 1


sys.exit(main(sys.argv[1:]))
