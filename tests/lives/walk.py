#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The walk-throughs of rules/WALKS.md, each run through `ringfence replay --control`: what the page says happens, happens.

    python3 tests/lives/walk.py --program build/release/ringfence"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HOUR, DAY = 3600_000, 86400_000
BEGIN = 1767225600000  # 2026-01-01T00:00:00Z
NUMBER = "+12125550100"
FRIENDS = [f"+1303555{i:04d}" for i in range(12)]
STRANGERS = [f"+1310555{i:04d}" for i in range(12)]


class Story:
    """Calls and commands of one number by days and hours from the beginning; then the events that come of them."""

    def __init__(self, folder):
        self.folder, self.calls, self.commands = Path(folder), [], []

    def call(self, day, to, hour=15.0, talk_s=150, answered=True):
        end = round(BEGIN + day * DAY + hour * HOUR)
        cdr = {"record_id": f"c{len(self.calls)}", "calling_number": NUMBER, "called_number": to, "start_time": end - talk_s * 1000 - 5000, "end_time": end,
               "disposition": "ANSWERED" if answered else "NO_ANSWER"}
        self.calls.append((end, cdr | ({"billable_ms": talk_s * 1000} if answered else {})))

    def friends(self, days, per_day=6):
        """So many calls a day to people who know the number, answered, of two and a half minutes."""
        for day in days:
            for i in range(per_day):
                self.call(day, FRIENDS[(day + i) % len(FRIENDS)], 15 + i / 2)

    def command(self, day, verb, hour=0.0, **more):
        at = round(BEGIN + day * DAY + hour * HOUR)
        self.commands.append({"id": f"k{len(self.commands)}", "time": at, "command": verb, "number": NUMBER, "by": "ann"} | more)

    def run(self, program):
        calls = self.folder / "calls.jsonl"
        calls.write_text("".join(json.dumps(c) + "\n" for _, c in sorted(self.calls, key=lambda x: x[0])))
        (self.folder / "control.jsonl").write_text("".join(json.dumps(c) + "\n" for c in self.commands))
        subprocess.run([program, "replay", "--control", self.folder / "control.jsonl", "--out", self.folder / "out", calls], check=True,
                       stdout=subprocess.DEVNULL)
        events = []
        for topic in ("transitions", "advisories", "disputes", "numbers"):
            events += [json.loads(line) for line in (self.folder / "out" / f"{topic}.jsonl").read_text().splitlines()]
        self.events = sorted(events, key=lambda e: int(e["sequence"]))
        return self

    def of(self, kind):
        return [e["data"] | {"day": e["data"].get("day"), "at": e["time"]} for e in self.events if e["type"] == f"dev.ringfence.{kind}.v1" and e["data"]]

    def way(self):
        return [(t["from"], t["to"], t["reason"]) for t in self.of("transition")]


def expect(said, wanted):
    if said != wanted:
        raise AssertionError(f"wanted {wanted}\n  but got {said}")


def false_positive(s, program):
    s.friends(range(11), 4)
    s.command(11, "quarantine", note="CallBurstHour by hand")
    s.command(12, "release", note="the clinic recalls its patients")
    s.friends(range(13, 20), 4)
    s.run(program)
    expect(s.way(), [("active", "rest", "command"), ("rest", "active", "command")])
    expect([c["study"]["outcome"] for c in s.of("case_study")], ["released"])
    expect({d["state"] for d in s.of("dispute")} >= {"due", "closed"}, True)
    expect(s.of("violation"), [])


def calls_in_rest(s, program):
    s.friends(range(11), 4)
    s.command(11, "quarantine")
    s.call(16, FRIENDS[0])
    s.call(16, FRIENDS[1], 17)
    s.call(60, FRIENDS[2])
    s.run(program)
    expect([(v["policy"], v["day"], v["value"], v["consequence"]) for v in s.of("violation")], [("no_calls", "2026-01-17", 1, "restart")])
    expect(s.way(), [("active", "rest", "command"), ("rest", "rest", "violation"), ("rest", "limited", "timer")])
    expect(s.of("transition")[2]["at"], "2026-02-16T17:00:00.000Z")  # thirty days after the second call, which is not said


def one_carrier(s, program):
    s.friends(range(11), 4)
    s.command(11, "flag", provider="Hiya", carrier="AT&T", label="Spam Risk", source="a test call")
    s.command(12, "dispute-sent", step="hiya", note="ticket 7")
    s.command(14, "dispute-reply", step="hiya", outcome="accepted", note="removed")
    s.command(14, "clear", 12, provider="Hiya", carrier="AT&T", label="Spam Risk")
    s.friends(range(16, 40), 4)
    s.run(program)
    expect(s.way(), [])  # as shipped, no flag quarantines
    expect([(d["step"], d["state"]) for d in s.of("dispute")], [("hiya", "due"), ("hiya", "sent"), ("hiya", "answered"), ("att", "closed")])


def relapse(s, program):
    s.friends(range(11), 4)
    s.command(11, "quarantine")
    s.friends(range(41, 71), 6)
    s.friends(range(71, 80), 12)
    s.command(80, "quarantine", note="again")
    s.call(100, FRIENDS[0], 1, answered=False)
    s.run(program)
    expect(s.way()[:4], [("active", "rest", "command"), ("rest", "limited", "timer"), ("limited", "moderate", "timer"), ("moderate", "rest", "command")])
    expect([(c["study"]["episode"], c["study"]["outcome"]) for c in s.of("case_study")], [(1, "relapsed")])
    expect(s.of("transition")[3]["episode"], 2)


def recovery(s, program):
    s.friends(range(11), 4)
    s.command(11, "quarantine", note="flagged by Hiya")
    s.friends(range(41, 71), 6)   # limited: 5 to 10 a day, people who know the number
    s.friends(range(71, 101), 12)  # moderate: 10 to 20 a day
    for day in range(71, 101):
        s.call(day, STRANGERS[day % 12], 20.5)  # some new ones
    s.friends(range(102, 104), 4)
    s.run(program)
    expect(s.way(), [("active", "rest", "command"), ("rest", "limited", "timer"), ("limited", "moderate", "timer"), ("moderate", "active", "timer")])
    study = s.of("case_study")[0]["study"]
    expect((study["outcome"], study["days"], study["violations"]["total"]), ("recovered", 90.0, 0))
    expect(study["health_after"]["health"] >= 70, True)
    last = [e for e in s.events if e["type"] == "dev.ringfence.number.v1"][-1]
    expect(last["data"], None)  # the tombstone: plainly active again


WALKS = (false_positive, calls_in_rest, one_carrier, relapse, recovery)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--program", required=True)
    program = Path(options.parse_args().program).resolve()
    failed = 0
    for walk in WALKS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                walk(Story(folder), program)
                print(f"ok    {walk.__name__}")
            except AssertionError as e:
                failed += 1
                print(f"FAIL  {walk.__name__}: {e}")
    print(f"{len(WALKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
