#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Feeds the tests that cut.mjs wrote to `ringfence rules eval` and compares.

usage: run.py RINGFENCE TESTS.jsonl

Prints passes, skips and failures per file. skip.json holds the tests that are known to differ, each with its reason, and
the floor: fewer passes, an unknown failure, or a skipped test that passes are exit 1.
"""
import base64
import collections
import json
import math
import pathlib
import subprocess
import sys


def canonical(v):
    """A value of cel.expr.Value as something that Python compares rightly."""
    (kind, x), = v.items()
    if kind in ("int64Value", "uint64Value"):
        return kind, int(x)
    if kind == "doubleValue":
        d = float(x)
        return kind, "NaN" if math.isnan(d) else (d, math.copysign(1, d))
    if kind == "bytesValue":
        return kind, base64.b64decode(x)
    if kind == "listValue":
        return kind, [canonical(e) for e in x.get("values", [])]
    if kind == "mapValue":
        pairs = [(canonical(e["key"]), canonical(e["value"])) for e in x.get("entries", [])]
        return kind, sorted(pairs, key=repr)
    return kind, x


def verdict(test, answer):
    if test.get("error"):
        return None if "error" in answer else f"wanted an error, got {answer['value']}"
    if "error" in answer:
        return f"wanted {test['value']}, got the error {answer['error']!r}"
    if canonical(test["value"]) != canonical(answer["value"]):
        return f"wanted {test['value']}, got {answer['value']}"
    return None


def main():
    program, path = sys.argv[1:]
    known = json.loads((pathlib.Path(__file__).parent / "skip.json").read_text())
    tests = [json.loads(line) for line in open(path, encoding="utf-8")]
    lines = "".join(json.dumps({"expr": t["expr"], "bindings": t["bindings"]}) + "\n" for t in tests)
    out = subprocess.run([program, "rules", "eval"], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout
    answers = [json.loads(line) for line in out.decode().splitlines()]
    if len(answers) != len(tests):
        sys.exit(f"{len(tests)} lines in, {len(answers)} out")
    counts = collections.defaultdict(lambda: [0, 0, 0])
    bad = []
    for test, answer in zip(tests, answers):
        name = f"{test['file']}/{test['name']}"
        why = verdict(test, answer)
        skipped = name in known["skip"]
        counts[test["file"]][1 if skipped else 2 if why else 0] += 1
        if why and not skipped:
            bad.append(f"{name}: {test['expr']}\n    {why}")
        if skipped and not why:
            bad.append(f"{name}: is on the skip list but passes: take it off")
    for file, (passed, skipped, failed) in sorted(counts.items()):
        print(f"{file:16} {passed:5} passed {skipped:4} skipped {failed:4} failed")
    total = [sum(c[i] for c in counts.values()) for i in range(3)]
    print(f"{'all':16} {total[0]:5} passed {total[1]:4} skipped {total[2]:4} failed, floor {known['floor']}")
    for b in bad:
        print(b)
    return 1 if bad or total[0] < known["floor"] else 0


sys.exit(main())
