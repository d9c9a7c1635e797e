#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns calls.csv of the Copenhagen Networks Study (timestamp in seconds from the start of the study, caller, callee, duration in seconds, -1 =
missed) into canonical CDRs, one JSON object a line, in the order of the file.

    tests/integration/copenhagen.py calls.csv > cdrs.jsonl

The study's time begins at 2024-03-04T00:00:00Z here, its people get Danish numbers: caller 300 is +4520000300."""
import csv
import json
import sys

BEGIN_MS = 1709510400000


def number(person):
    return f"+45200{int(person):05d}"


def cdrs(path):
    with open(path, newline="") as f:
        for i, row in enumerate(csv.DictReader(f)):
            start_ms, duration_s = BEGIN_MS + int(row["timestamp"]) * 1000, int(row["duration"])
            cdr = {"record_id": f"cph-{i}", "calling_number": number(row["caller"]), "called_number": number(row["callee"]),
                   "start_time": start_ms, "disposition": "ANSWERED" if duration_s >= 0 else "NO_ANSWER"}
            if duration_s >= 0:
                cdr |= {"answer_time": start_ms, "end_time": start_ms + duration_s * 1000, "billable_ms": duration_s * 1000}
            yield cdr


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for cdr in cdrs(sys.argv[1]):
        print(json.dumps(cdr, separators=(",", ":")))
