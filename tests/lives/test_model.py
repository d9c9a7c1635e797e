# SPDX-License-Identifier: Apache-2.0
"""The model against lives that were reckoned by hand from DESIGN section 9: who checks the checker. python3 tests/lives/test_model.py"""
import datetime
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model  # noqa: E402
from model import DAY, HOUR, MINUTE, SECOND  # noqa: E402


def at(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) * 1000


BEGIN = at("2027-06-01T12:00:00Z")


class Life:
    def __init__(self, number="+12125551234", account=None, **policy):
        self.number, self.account, self.cdrs, self.commands = number, account, [], []
        self.world = {"rules": [{"name": "Burst", "window": "1h", "at_least": 30}], "policies": {"p": policy}, "policy_of_account": {account: "p"},
                      "managed": {"numbers": [], "accounts": [], "prefixes": ["+1", "+61"]}, "number_zones": {}, "account_zones": {"HOWE": "Australia/Lord_Howe"}, "emergency": ["911"],
                      "test_numbers": ["+12125557701"], "account_contacts": {}, "plain": False}

    def call(self, start, to="+16465550001", talk=None, **more):
        cdr = {"record_id": "r%d" % len(self.cdrs), "calling_number": self.number, "start_time": start, "called_number": to, "end_time": start + 10 * SECOND,
               "disposition": "NO_ANSWER", "account_id": self.account}
        if talk is not None:
            cdr.update(disposition="ANSWERED", answer_time=start + 10 * SECOND, end_time=start + (10 + talk) * SECOND)
        cdr.update(more)
        self.cdrs.append(cdr)
        return cdr["end_time"]

    def command(self, time, verb, **more):
        self.commands.append(dict(id="c%d" % len(self.commands), time=time, command=verb, number=self.number, **more))

    def events(self, until, kind=None):
        shard = model.Shard(self.cdrs, self.commands)
        n = model.live(self.number, shard.of_number[self.number], model.World(self.world), until)
        return [e for e in n.events if e["kind"] == kind or kind is None]

    def phases(self, until):
        return [(e["data"]["to"], e["data"]["reason"], e["time"]) for e in self.events(until, "transition")]

    def said(self, until, kind, *fields):
        return [tuple(e["data"][f] for f in fields) + (e["time"],) for e in self.events(until, kind)]

    def quarantined(self):
        for i in range(3):
            self.call(BEGIN - DAY + i * HOUR, "+1646555000%d" % i, talk=60)
        self.command(BEGIN, "quarantine")
        return BEGIN


class Model(unittest.TestCase):
    def test_ninety_days_without_a_call(self):
        life = Life()
        q = life.quarantined()
        self.assertEqual(life.phases(q + 100 * DAY), [("rest", "command", q), ("limited", "timer", q + 30 * DAY), ("moderate", "timer", q + 60 * DAY),
                                                      ("active", "timer", q + 90 * DAY)])
        # four whole blocks of limited and of moderate, all below the minimum
        days = [30 + 7 * k for k in range(1, 5)] + [60 + 7 * k for k in range(1, 5)]
        self.assertEqual(life.said(q + 100 * DAY, "advisory", "topic"), [("daily_minimum", q + d * DAY) for d in days])

    def test_thirtieth_call_in_an_hour_quarantines(self):
        life = Life()
        for i in range(31):
            end = life.call(BEGIN + i * MINUTE)
        # and the next one is a call in rest
        self.assertEqual(life.phases(BEGIN + HOUR), [("rest", "rule", end - MINUTE), ("rest", "violation", end)])

    def test_call_in_rest_restarts_it_once_a_day_said(self):
        life = Life()
        q = life.quarantined()
        one = life.call(q + 5 * DAY)
        two = life.call(q + 5 * DAY + HOUR)
        self.assertEqual(life.phases(q + 36 * DAY), [("rest", "command", q), ("rest", "violation", one), ("limited", "timer", two + 30 * DAY)])
        self.assertEqual(life.said(q + 36 * DAY, "violation", "policy", "day", "value"), [("no_calls", "2027-06-06", 1, one)])

    def test_restarts_end_ninety_days_after_the_rest_began(self):
        life = Life()
        q = life.quarantined()
        for day in range(5, 89, 7):
            life.call(q + day * DAY)
        self.assertEqual(life.phases(q + 90 * DAY)[-1], ("limited", "timer", q + 90 * DAY))

    def test_call_in_progress_at_quarantine_is_not_judged(self):
        life = Life()
        q = life.quarantined()
        life.call(q - MINUTE, talk=600)
        self.assertEqual(life.events(q + DAY, "violation"), [])

    def test_emergency_test_and_spoofed_calls_are_not_judged(self):
        life = Life()
        q = life.quarantined()
        life.call(q + DAY, "911", talk=30)
        life.call(q + 2 * DAY, "+12125557701", talk=30)
        life.call(q + 3 * DAY, stir_verstat="FAILED")
        self.assertEqual(life.events(q + 4 * DAY, "violation"), [])

    def test_late_call_of_a_finished_rest_restarts_it_from_its_time(self):
        life = Life()
        q = life.quarantined()
        life.call(q + 30 * DAY + HOUR, talk=130)
        end = life.call(q + 30 * DAY - HOUR)
        self.assertEqual(life.phases(q + 61 * DAY)[1:], [("limited", "timer", q + 30 * DAY), ("rest", "violation", end), ("limited", "timer", end + 30 * DAY)])

    def test_call_over_six_hours_late_is_not_judged(self):
        life = Life()
        q = life.quarantined()
        life.call(q + 30 * DAY + 5 * HOUR, talk=130)
        life.call(q + 30 * DAY - 2 * HOUR)
        self.assertEqual(life.events(q + 31 * DAY, "violation"), [])

    def test_eleventh_call_of_a_day_in_limited_breaks_the_cap(self):
        life = Life()
        q = life.quarantined()
        day = q + 31 * DAY
        ends = [life.call(day + i * MINUTE) for i in range(13)]
        self.assertEqual(life.said(day + HOUR, "violation", "policy", "limit", "value"), [("daily_cap", 10, 11, ends[10])])

    def test_days_of_phoenix_and_new_york_differ(self):
        # 2027-07-02 05:30 UTC is 22:30 of the day before in Phoenix (no daylight saving), 01:30 in New York
        for number, days in (("+16025551234", ["2027-07-01"]), ("+12125551234", [])):
            life = Life(number)
            q = life.quarantined()
            first = at("2027-07-02T05:30:00Z")
            for i in range(6):
                life.call(first - 3 * HOUR + i * MINUTE)
            for i in range(5):
                life.call(first + i * MINUTE)
            self.assertEqual([v[0] for v in life.said(q + 32 * DAY, "violation", "day")], days)

    def test_unknown_contact_and_short_call(self):
        life = Life()
        q = life.quarantined()
        known = life.call(q + 31 * DAY, "+16465550001", talk=119)
        life.call(q + 31 * DAY + HOUR, "+16465550002", talk=120)
        stranger = life.call(q + 31 * DAY + 2 * HOUR, "+19175550000", talk=200)
        self.assertEqual(life.said(q + 32 * DAY, "violation", "policy"), [("short_call", known), ("unknown_contact", stranger)])

    def test_share_of_new_contacts_is_judged_at_local_midnight(self):
        life = Life()
        q = life.quarantined()
        day = at("2027-08-04T14:00:00Z")
        for i in range(6):
            life.call(day + i * MINUTE, "+1917555000%d" % (i // 5))  # one new contact, unanswered, is new each time
        self.assertEqual(life.said(q + 70 * DAY, "violation", "policy", "day", "value"), [("new_contact_share", "2027-08-04", 1.0, at("2027-08-05T04:00:00Z"))])

    def test_new_contact_that_talks_two_minutes_becomes_known(self):
        life = Life()
        q = life.quarantined()
        day = at("2027-08-04T14:00:00Z")
        for i in range(6):
            life.call(day + i * HOUR, "+19175550000", talk=120)  # 1 of 6 is new
        self.assertEqual(life.events(q + 70 * DAY, "violation"), [])

    def test_gate_waits_seven_days_after_a_breach(self):
        life = Life()
        q = life.quarantined()
        day = at("2027-08-04T14:00:00Z")
        for i in range(6):
            life.call(day + i * MINUTE, "+19175550000")
        breach = at("2027-08-05T04:00:00Z")
        asked = [q + (90 + 7 * k) * DAY for k in range(2)]
        self.assertGreater(breach, asked[0] - 30 * DAY)
        self.assertGreaterEqual(asked[1], breach + 30 * DAY)
        self.assertIn(("reputation_not_improved", asked[0]), life.said(q + 120 * DAY, "advisory", "topic"))
        self.assertEqual(life.phases(q + 120 * DAY)[-1], ("active", "timer", asked[1]))

    def test_open_flag_bars_the_gate_until_it_is_cleared(self):
        life = Life()
        q = life.quarantined()
        life.command(q + DAY, "flag", provider="Hiya", label="Spam Risk")
        life.command(q + 100 * DAY, "clear", provider="Hiya")
        self.assertEqual(life.phases(q + 120 * DAY)[-1], ("active", "timer", q + 104 * DAY))

    def test_relapse_is_a_new_episode_with_more_contacts(self):
        life = Life()
        q = life.quarantined()
        life.call(q + 31 * DAY, "+19175550000", talk=200)
        life.command(q + 35 * DAY, "quarantine")
        life.call(q + 66 * DAY, "+19175550000", talk=200)
        events = life.events(q + 67 * DAY)
        self.assertEqual([e["episode"] for e in events if e["kind"] == "transition"], [1, 1, 2, 2])
        self.assertEqual([e["data"]["policy"] for e in events if e["kind"] == "violation"], ["unknown_contact"])

    def test_unmanaged_number_rests_and_is_active_again(self):
        life = Life("+33123456789")
        for i in range(30):
            q = life.call(BEGIN + i * MINUTE)
        end = life.call(BEGIN + 3 * DAY)
        self.assertEqual(life.phases(q + 40 * DAY), [("rest", "rule", q), ("rest", "violation", end), ("active", "timer", end + 30 * DAY)])

    def test_release_holds_for_a_day(self):
        life = Life()
        life.command(BEGIN, "quarantine")
        life.command(BEGIN + HOUR, "release")
        for day in (BEGIN + 2 * HOUR, BEGIN + 26 * HOUR):
            for i in range(30):
                end = life.call(day + i * MINUTE)
        self.assertEqual(life.phases(BEGIN + 3 * DAY)[2:], [("rest", "rule", end)])

    def test_low_answer_in_limited(self):
        life = Life()
        q = life.quarantined()
        for i in range(5):
            life.call(q + 31 * DAY + i * HOUR, talk=130 if i < 2 else None)
        self.assertIn(("low_answer", q + 37 * DAY), life.said(q + 38 * DAY, "advisory", "topic"))

    def test_daylight_saving_day_of_lord_howe_is_half_an_hour_longer(self):
        life = Life("+61265551234", account="HOWE")  # 2028-04-02: clocks go back from 02:00 to 01:30
        n = model.Number(life.number, model.World(life.world))
        n.account = "HOWE"
        self.assertEqual(n.midnight_after("2028-04-02") - n.midnight_after("2028-04-01"), 24 * HOUR + 30 * MINUTE)
        self.assertEqual(n.day(at("2028-02-29T12:59:00Z")), "2028-02-29")
        self.assertEqual(n.day(at("2028-02-29T13:00:00Z")), "2028-03-01")

    def test_duplicate_counts_once(self):
        life = Life()
        q = life.quarantined()
        day = q + 31 * DAY
        for i in range(10):
            life.call(day + i * MINUTE)
        life.cdrs.append(dict(life.cdrs[-1]))
        self.assertEqual(life.events(day + HOUR, "violation"), [])

    def test_aging_has_growing_caps(self):
        life = Life(account="NEWCO", aging=True)
        life.call(BEGIN)
        ends = [life.call(BEGIN + DAY + i * MINUTE) for i in range(12)]
        more = [life.call(BEGIN + 6 * DAY + i * MINUTE) for i in range(21)]
        self.assertEqual(life.said(BEGIN + 15 * DAY, "violation", "phase", "policy", "limit"),
                         [("aging", "daily_cap", 10, ends[10]), ("aging", "daily_cap", 20, more[20])])
        self.assertEqual(life.phases(BEGIN + 15 * DAY)[-1][::2], ("active", BEGIN + 14 * DAY))


if __name__ == "__main__":
    unittest.main()
