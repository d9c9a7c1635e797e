# SPDX-License-Identifier: Apache-2.0
"""That the comparison sees what it should see: events taken away, added, changed. python3 tests/lives/test_run.py"""
import copy
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model  # noqa: E402
import run  # noqa: E402
from test_model import BEGIN, DAY, Life  # noqa: E402


def lived():
    """A life with a violation and a relapse, as the model's events."""
    life = Life()
    q = life.quarantined()
    life.call(q + 31 * DAY, "+19175550000", talk=20)
    life.command(q + 40 * DAY, "quarantine")
    return life.events(q + 140 * DAY)


def said(sequence, kind, time, data, episode=1):
    cause = {"timer": "phase_end", "due": run.utc(time)}
    return {"kind": kind, "time": time, "sequence": str(sequence), "data": dict(data, episode=episode, cause=data.get("cause", cause))}


class Comparison(unittest.TestCase):
    def setUp(self):
        self.events = lived()

    def test_equal_events_have_no_difference(self):
        self.assertEqual(run.compare_events(self.events, copy.deepcopy(self.events)), [])

    def test_each_event_taken_away_is_missed(self):
        for i in range(len(self.events)):
            got = copy.deepcopy(self.events)
            del got[i]
            self.assertEqual([d[1].split(":")[0] for d in run.compare_events(self.events, got)], ["missing"])

    def test_each_event_said_twice_is_too_many(self):
        for e in self.events:
            found = run.compare_events(self.events, copy.deepcopy(self.events) + [copy.deepcopy(e)])
            self.assertEqual([d[1].split(":")[0] for d in found], ["not expected"])

    def test_a_changed_field_is_seen(self):
        for field, value in (("until", 1), ("caps", None), ("reason", "rule"), ("policy", "daily_cap"), ("limit", 7), ("topic", "low_answer")):
            for i, e in enumerate(self.events):
                if e["data"].get(field) not in (None, value):
                    got = copy.deepcopy(self.events)
                    got[i]["data"][field] = value
                    self.assertNotEqual(run.compare_events(self.events, got), [], field)

    def test_another_time_cause_or_episode_is_seen(self):
        for field, value in (("time", 5), ("cause", ("timer", "block", 5)), ("episode", 9)):
            got = copy.deepcopy(self.events)
            got[0][field] = value
            self.assertNotEqual(run.compare_events(self.events, got), [], field)

    def test_a_loose_violation_may_be_missing_but_not_added(self):
        i = next(i for i, e in enumerate(self.events) if e["data"].get("policy") == "unknown_contact")
        self.events[i]["loose"] = True
        got = copy.deepcopy(self.events)
        del got[i]
        self.assertEqual(run.compare_events(self.events, got), [])
        self.assertEqual(len(run.compare_events(got, self.events)), 1)


class Properties(unittest.TestCase):
    policy = model.Policy()
    rest = {"from": "active", "to": "rest", "reason": "command", "detail": "", "until": run.utc(BEGIN + 30 * DAY), "caps": policy.caps("rest"),
            "cause": {"command": "c1"}}

    def limited(self, **more):
        return dict({"from": "rest", "to": "limited", "reason": "timer", "until": run.utc(BEGIN + 60 * DAY), "caps": self.policy.caps("limited")}, **more)

    def found(self, *events, dump=None):
        found = run.Invariants(list(events), dump, self.policy, set(), BEGIN + 31 * DAY).check()
        return " ".join(d[1] for d in found)

    def test_a_good_life_breaks_nothing(self):
        number = {"phase": "limited", "until": run.utc(BEGIN + 60 * DAY), "caps": self.policy.caps("limited")}
        self.assertEqual(self.found(said(1, "transition", BEGIN, self.rest), said(2, "transition", BEGIN + 30 * DAY, self.limited()),
                                    said(3, "number", BEGIN + 30 * DAY, number), dump={"phase": "limited", "until": run.utc(BEGIN + 60 * DAY)}), "")

    def test_what_may_never_be_is_found(self):
        first = said(1, "transition", BEGIN, self.rest)
        for what, event in (("rest never shorter", said(2, "transition", BEGIN + 30 * DAY - 1, self.limited())),
                            ("two phases", said(2, "transition", BEGIN + 30 * DAY, self.limited(**{"from": "moderate"}))),
                            ("names its cause", said(2, "transition", BEGIN + 30 * DAY, self.limited(cause={"command": "c"}))),
                            ("caps never exceed", said(2, "transition", BEGIN + 30 * DAY, self.limited(caps=self.policy.caps("moderate")))),
                            ("a phase has an end", said(2, "transition", BEGIN + 30 * DAY, self.limited(until=None))),
                            ("time only", said(2, "transition", BEGIN - DAY, self.limited())),
                            ("sequence grows", said(1, "transition", BEGIN + 30 * DAY, self.limited()))):
            self.assertIn(what, self.found(first, event))

    def test_an_episode_without_an_open_timer_is_found(self):
        first = said(1, "transition", BEGIN, self.rest)
        for dump in ({"phase": "rest", "until": None}, {"phase": "rest", "until": run.utc(BEGIN + 30 * DAY)}):
            self.assertIn("open timer", self.found(first, dump=dump))
        self.assertIn("phase of the last transition", self.found(first, dump={"phase": "active", "until": None}))


if __name__ == "__main__":
    unittest.main()
