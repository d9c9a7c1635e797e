# SPDX-License-Identifier: Apache-2.0
"""Seeded streams of canonical CDRs, with an oracle: what each number's lifetime must be after them, counted here in the plainest way.

A stream holds quiet people, busy lines with nearly only short calls (the rules of the tests quarantine them), sweepers that nobody answers,
records sent twice, calls that end out of order, partial records and withheld callers."""
import json
import random
import time


def now_ms():
    return int(time.time() * 1000)


class Stream:
    """records: [(key, value)] in order. lifetime: number -> what state dump must show. applied, duplicates, partial, withheld: counts."""

    def __init__(self, seed, n, span_s=3 * 86400, end_ms=None, people=1500, short=24, sweepers=6):
        self.random = random.Random(seed)
        self.records, self.lifetime, self.clock = [], {}, {}
        self.applied = self.duplicates = self.partial = self.withheld = 0
        end_ms = end_ms or now_ms() - 3600_000
        self.begin_ms = end_ms - span_s * 1000
        self.people = [f"+1415555{i:04d}" for i in range(people)]
        self.short = [f"+1212555{i:04d}" for i in range(short)]
        self.sweepers = [f"+4930555{i:05d}" for i in range(sweepers)]
        for i in range(n):
            self._next(i, self.begin_ms + span_s * 1000 * i // n)

    def _next(self, i, start_ms):
        r = self.random
        kind = r.random()
        if kind < 0.02 and len(self.records) > 20:
            self._again()
        elif kind < 0.03:
            self.withheld += 1
            self._put("", {"record_id": f"r{i}", "calling_presentation": "RESTRICTED", "start_time": start_ms})
        elif kind < 0.04:
            self.partial += 1
            caller = r.choice(self.people)
            self._put(caller, {"record_id": f"r{i}", "record_type": "PARTIAL", "calling_number": caller, "start_time": start_ms})
        elif kind < 0.34:
            self._call(i, r.choice(self.short), start_ms, 0.9, (500, 8000))
        elif kind < 0.44:
            self._call(i, r.choice(self.sweepers), start_ms, 0.1, (1000, 20000))
        else:
            self._call(i, r.choice(self.people), start_ms, 0.7, (5000, 600000))

    def _call(self, i, caller, start_ms, answer, talk):
        r = self.random
        answered = r.random() < answer
        ring_ms, talk_ms = r.randrange(500, 20000), r.randrange(*talk) if answered else 0
        end_ms = start_ms + ring_ms + talk_ms
        cdr = {"record_id": f"r{i}", "calling_number": caller, "called_number": f"+1646{r.randrange(2000000, 9999999)}", "start_time": start_ms,
               "end_time": end_ms, "disposition": "ANSWERED" if answered else r.choice(("NO_ANSWER", "BUSY", "CANCELLED")),
               "account_id": "acme"}
        if answered:
            cdr["answer_time"] = start_ms + ring_ms
        self._put(caller, cdr)
        self._count(caller, end_ms, answered, talk_ms)

    def _count(self, caller, end_ms, answered, talk_ms):
        life = self.lifetime.setdefault(caller, {"calls": 0, "answered": 0, "talk_ms": 0, "late": 0})
        life["calls"] += 1
        life["answered"] += answered
        life["talk_ms"] += talk_ms
        life["late"] += end_ms < self.clock.get(caller, 0)
        self.clock[caller] = max(end_ms, self.clock.get(caller, 0))
        self.applied += 1

    def _again(self):
        """One of the last twenty records once more: a producer that tries again."""
        key, value = self.records[-self.random.randrange(1, 20)]
        o = json.loads(value)
        self.records.append((key, value))
        if not key:
            self.withheld += 1
        elif o.get("record_type") == "PARTIAL":
            self.partial += 1
        else:
            self.duplicates += 1

    def _put(self, caller, cdr):
        self.records.append((caller, json.dumps(cdr, separators=(",", ":")).encode()))
