#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws what `udxg-bench --scaling` writes, from standard input, as SVG on standard output."""
import csv
import math
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 64, 44, 40, 52


def main():
    rows = [(int(row["allocations"]), float(row["ns_per_decision"])) for row in csv.DictReader(sys.stdin)]
    if not rows:
        sys.exit("error: no rows\n  udxg-bench --scaling | tools/plot_scaling.py > scaling.svg")
    first, last = math.log10(rows[0][0]), math.log10(rows[-1][0])
    top = 100 * math.ceil(1.5 * max(cost for _, cost in rows) / 100)

    def x(count):
        return LEFT + (math.log10(count) - first) / max(last - first, 1e-9) * (WIDTH - LEFT - RIGHT)

    def y(cost):
        return HEIGHT - BOTTOM - cost / top * (HEIGHT - TOP - BOTTOM)

    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
          'font-size="12"><rect width="100%" height="100%" fill="#ffffff"/>')
    print(f'<text x="{LEFT}" y="22" font-size="14">One residency decision, by the number of allocations listed</text>')
    for cost in range(0, top + 1, 100):
        print(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(cost):.1f}" y2="{y(cost):.1f}" stroke="#dddddd"/>'
              f'<text x="{LEFT - 8}" y="{y(cost) + 4:.1f}" text-anchor="end">{cost} ns</text>')
    points = " ".join(f"{x(count):.1f},{y(cost):.1f}" for count, cost in rows)
    print(f'<polyline points="{points}" fill="none" stroke="#0072b2" stroke-width="2"/>')
    for count, cost in rows:
        print(f'<circle cx="{x(count):.1f}" cy="{y(cost):.1f}" r="3.5" fill="#0072b2"/>'
              f'<text x="{x(count):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{count:,}</text>')
    print(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">allocations</text></svg>')


main()
