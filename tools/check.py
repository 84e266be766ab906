#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds and runs the tests of a build folder and counts them: tools/check.py BUILD [SUITE...]

A test that speaks TAP counts as its points, any other as one. The last line is "N passed, M failed, K skipped",
and the exit status is 0 only when M is 0 and something ran. Reasons of skips are listed above it, and failures with
what was said about them: a log that is cut to its end still tells why. With CI=true in the environment a skip is a
failure, unless its reason begins with "optional:".
"""
import json
import os
import pathlib
import re
import subprocess
import sys

POINT = re.compile(r"^(not )?ok\b\s*\d*\s*(?:- )?(.*?)(?:\s+#\s*(skip|todo)\b\S*\s*(.*))?$", re.IGNORECASE)
PLAN = re.compile(r"^1\.\.(\d+)\s*(?:#\s*skip\S*\s*(.*))?$", re.IGNORECASE)
LAST_LINES = 20  # of each stream of a test that failed as a whole


def last_lines(record):
    """The end of what the test printed, indented, to go below what failed."""
    lines = []
    for stream in ("stdout", "stderr"):
        lines += record.get(stream, "").strip().splitlines()[-LAST_LINES:]
    return "".join(f"\n    {line}" for line in lines)


class Counts:
    def __init__(self):
        self.passed = 0
        self.failures = []
        self.skips = []

    def skip(self, name, reason):
        self.skips.append(f"{name}: {reason or 'no reason given'}")
        if os.environ.get("CI") == "true" and not (reason or "").startswith("optional:"):
            self.failures.append(f"{name}: skipped, and nothing may be in CI")
            self.skips.pop()

    def tap(self, name, text):
        """Counts the points of one TAP stream; returns whether any of them failed or was missing."""
        seen, planned, failed, told = 0, None, False, False
        for line in text.splitlines():
            told = told and line.startswith("#")  # what is said of a failed point comes right behind it
            if told:
                self.failures[-1] += f"\n    {line}"
            plan = PLAN.match(line)
            if plan:
                planned = int(plan[1])
                if planned == 0:
                    self.skip(name, plan[2])
                continue
            if line.startswith("Bail out!"):
                self.failures.append(f"{name}: {line}")
                failed = True
            point = POINT.match(line)
            if not point:
                continue
            seen += 1
            bad, what, directive, reason = point[1], point[2], (point[3] or "").lower(), point[4]
            if directive == "skip" or what.startswith("# SKIP"):
                self.skip(f"{name}: {what.removeprefix('# SKIP')}", reason)
            elif bool(bad) == (directive == "todo"):
                self.passed += 1
            else:
                self.failures.append(f"{name}: {what}" + (" (marked todo, but it passes)" if directive else ""))
                failed = told = True
        if planned is None or seen != planned:
            self.failures.append(f"{name}: {seen} points seen, {'no plan' if planned is None else planned} planned")
            failed = True
        return failed

    def test(self, record, is_tap):
        name, result = record["name"].split(" / ")[-1], record["result"]
        failed = self.tap(name, record.get("stdout", "")) if is_tap else False
        if result == "SKIP" and not is_tap:
            self.skip(name, (record.get("stdout", "").strip().splitlines() or [""])[-1])
        elif result in ("OK", "EXPECTEDFAIL", "SKIP"):
            self.passed += not is_tap
        elif not failed:
            self.failures.append(f"{name}: {result} (status {record.get('returncode')})" + last_lines(record))


def main():
    if len(sys.argv) < 2:
        print("usage: tools/check.py BUILD [SUITE...]", file=sys.stderr)
        return 2
    build, wanted = pathlib.Path(sys.argv[1]), sys.argv[2:]
    counts = Counts()
    # What set-up has installed since the last time is looked for again.
    found = subprocess.run(["meson", "setup", "--reconfigure", build], stdout=subprocess.PIPE, text=True)
    if found.returncode:
        print(found.stdout)
        counts.failures.append("meson setup")
    elif subprocess.run(["ninja", "-C", build, "all"]).returncode:
        counts.failures.append("the build")
    else:
        log = build / "meson-logs" / "testlog.json"
        log.unlink(missing_ok=True)
        subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs",
                        *(f"--suite={suite}" for suite in wanted)])
        tests = json.loads(subprocess.check_output(["meson", "introspect", "--tests", build]))
        protocols = {test["name"]: test["protocol"] for test in tests}
        records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        for record in records:
            counts.test(record, protocols.get(record["name"].split(" / ")[-1]) == "tap")
        if not records:
            counts.failures.append("no test ran")
    for title, lines in (("skipped", counts.skips), ("failed", counts.failures)):
        for line in lines:
            print(f"{title}: {line}")
    print(f"{counts.passed} passed, {len(counts.failures)} failed, {len(counts.skips)} skipped", flush=True)
    return 1 if counts.failures else 0


if __name__ == "__main__":
    sys.exit(main())
