# SPDX-License-Identifier: Apache-2.0
"""Seeded lives of numbers: CDRs, commands, rules and policies that lead through every corner of DESIGN section 9.

    python3 generate.py --out DIR --numbers 300 --days 400 --seed 1

writes cdrs.jsonl (in order of arrival), control.jsonl, rules.yaml, ringfence.yaml, world.json (the same policies for the
model) and kinds.json (number -> kind). The generator plans with round figures and does not know how a life goes: model.py does.
"""
import argparse
import json
import os
import random
import sys
import datetime
import zoneinfo

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
START = int(datetime.datetime(2027, 4, 1, tzinfo=datetime.timezone.utc).timestamp()) * 1000  # 400 days hold 2028-02-29 and both DST days
EMERGENCY, TESTS = ["911", "112"], ["+12125557701", "+447700900123"]

RULES = [
    {"name": "Burst", "window": "1h", "at_least": 30, "action": "quarantine"},
    {"name": "Steady", "window": "36h", "at_least": 60, "action": "quarantine"},
    {"name": "Busy", "window": "1h", "at_least": 20, "action": "alert"},
    {"name": "Marked", "window": "6h", "at_least": 50, "action": "flag"},
]

# only what differs from the defaults of DESIGN section 9
POLICIES = {
    "default": {},
    "fast": {"rest_days": 3, "limited_days": 8, "moderate_days": 9, "rest_max_days": 10, "limited_max": 7, "moderate_max": 12},
    "extend": {"no_calls": "extend", "extend_days": 4},
    "soft": {"no_calls": "alert", "moderate_days": 35, "share_max": 0.5},
    "newcomers": {"aging": True},
}
POLICY_OF_ACCOUNT = {"FAST": "fast", "EXT": "extend", "SOFT": "soft", "NEWCO": "newcomers"}
MANAGED = {"numbers": [], "accounts": ["ACME", "FAST", "HOWE", "NEWCO"], "prefixes": ["+1", "+91", "+44", "+870", "+61"]}  # not +33
ACCOUNT_ZONES = {"HOWE": "Australia/Lord_Howe"}
ACCOUNT_CONTACTS = {"FAST": ["+16465550001", "+16465550002", "+16465550003"]}

PLACES = [  # prefix, zone
    ("+1212", "America/New_York"), ("+1602", "America/Phoenix"), ("+9133", "Asia/Kolkata"), ("+4420", "Europe/London"), ("+87077", "UTC")]

# kind, share, account (None: any of OTHERS), what it does
KINDS = [
    ("quiet", 14, None), ("obeys", 12, None), ("calls_in_rest", 10, None), ("stubborn", 4, None), ("breaks_cap", 6, None),
    ("unknown_contacts", 6, None), ("short_calls", 5, None), ("nobody_answers", 4, None), ("idle", 6, None), ("relapse", 8, None),
    ("many_episodes", 4, "FAST"), ("fast_rest", 3, "FAST"), ("by_hand", 6, None), ("flagged", 6, None), ("new_contacts", 6, None),
    ("edges", 8, None), ("unmanaged", 5, "CARRIER"), ("aging", 4, "NEWCO"), ("extended", 4, "EXT"), ("soft", 4, "SOFT"), ("crowd", 2, None),
    ("steady", 3, None), ("sleeper", 3, None), ("howe", 4, "HOWE")]
OTHERS = ["", "ACME", "ACME", "BETA"]


class Caller:
    """One number: its calls and commands, and the generator's rough idea of its phases."""

    def __init__(self, index, kind, account, rng, start, end):
        self.rng, self.kind, self.account, self.begin, self.finish = rng, kind, account, start, end
        prefix, zone = rng.choice(PLACES)
        if account == "HOWE":
            prefix, zone = "+6126", ACCOUNT_ZONES["HOWE"]
        if account == "CARRIER":
            prefix, zone = "+331", "Europe/Paris"
        self.own_zone = rng.choice([None, None, "Asia/Kathmandu", "Pacific/Apia"]) if kind in ("edges", "breaks_cap") else None
        self.zone = zoneinfo.ZoneInfo(self.own_zone or zone)
        self.number = prefix + "%07d" % (1000003 + index)
        self.contacts = ["+1646556%04d" % rng.randrange(10000) for _ in range(rng.randint(6, 14))]
        self.calls, self.commands, self.cnt, self.strangers = [], [], 0, 0
        policy = POLICIES[POLICY_OF_ACCOUNT.get(account, "default")]
        self.rest_days, self.limited_days = policy.get("rest_days", 30), policy.get("limited_days", 30)
        self.moderate_days, self.rest_max = policy.get("moderate_days", 30), policy.get("rest_max_days", 90)
        self.limited_max, self.moderate_max = policy.get("limited_max", 10), policy.get("moderate_max", 20)
        self.late = 0.03 if kind == "edges" else 0.006

    # ---- what goes out

    def call(self, at, to, talk_s=None, ring_s=None, delay=None, **more):
        """A call that starts at `at`, answered if `talk_s` is given; returns its event time."""
        ring = int((self.rng.uniform(2, 20) if ring_s is None else ring_s) * SECOND)
        cdr = {"record_id": "%s-%d" % (self.number[1:], self.cnt), "calling_number": self.number, "start_time": at}
        self.cnt += 1
        if to in EMERGENCY:
            cdr["called_number_raw"] = to
        else:
            cdr["called_number"] = to
        if self.account:
            cdr["account_id"] = self.account
        if talk_s is None:
            cdr.update(disposition=self.rng.choice(["NO_ANSWER", "BUSY", "CANCELLED"]), end_time=at + ring)
        else:
            cdr.update(disposition="ANSWERED", answer_time=at + ring, end_time=at + ring + int(talk_s * SECOND))
            cdr["billable_ms"] = cdr["end_time"] - cdr["answer_time"]
        cdr.update(more)
        event = cdr["end_time"]
        if not self.begin <= at or event >= self.finish:
            return event
        if delay is None:
            dice = self.rng.random()
            delay = 0
            if dice < self.late:
                delay = self.rng.randint(MINUTE, 6 * HOUR - SECOND)
            elif dice < self.late * 1.3:
                delay = self.rng.randint(6 * HOUR + SECOND, 4 * DAY)
        self.calls.append((event + delay, cdr))
        if self.rng.random() < 0.003:
            self.calls.append((event + delay + self.rng.randint(0, 20 * MINUTE), cdr))
        return event

    def command(self, at, verb, **more):
        if self.begin <= at < self.finish:
            self.commands.append((at, dict(command=verb, number=self.number, by="test", **more)))

    def stranger(self):
        self.strangers += 1
        return "+1917%s%03d" % (self.number[-4:], self.strangers % 1000)

    def somewhere(self, day_start):
        """A moment between about 08:00 and 20:00 of that stretch of 24 hours."""
        return day_start + self.rng.randint(0, DAY - 30 * MINUTE)

    # ---- days

    def usual(self, begin, end, a_day):
        """Days of a number that is free to call: known people, long talks."""
        for day in range(begin, end, DAY):
            for _ in range(self.rng.randint(0, 2 * a_day)):
                self.call(self.somewhere(day), self.rng.choice(self.contacts), self.rng.choice([None, self.rng.uniform(20, 600)]))

    def burst(self, at, count=None):
        """More than 30 calls within an hour; the time of the 30th."""
        found = at
        for i in range(count or self.rng.randint(31, 60)):
            at += self.rng.randint(20, 90) * SECOND
            event = self.call(at, self.stranger(), self.rng.choice([None, None, self.rng.uniform(1, 9)]), delay=0)
            found = event if i == 29 else found
        return found

    def not_judged(self, at):
        """Calls that no phase judges: emergency, tests, and somebody else who shows this number."""
        self.call(at, self.rng.choice(EMERGENCY), 60)
        self.call(at + 3 * MINUTE, self.rng.choice(TESTS), 20)
        self.call(at + 7 * MINUTE, self.stranger(), None, stir_verstat="FAILED")

    def rest(self, since, calls=0, gap=None):
        """Calls at `calls` moments of the rest; returns when the rest is over."""
        until = since + self.rest_days * DAY
        if self.rng.random() < 0.3:
            self.not_judged(since + self.rng.randint(HOUR, 2 * DAY))
        at = since
        for _ in range(calls):
            at += self.rng.randint(HOUR, (gap or self.rest_days) * DAY - HOUR)
            if at >= until - HOUR:
                break
            for _ in range(self.rng.choice([1, 1, 2, 4])):
                event = self.call(at, self.rng.choice(self.contacts), self.rng.choice([None, 40]))
                at = event + self.rng.randint(MINUTE, 20 * MINUTE)
                if self.kind not in ("extended", "soft"):
                    until = min(event + self.rest_days * DAY, since + self.rest_max * DAY)
        return until

    def limited(self, begin, does=""):
        for day in range(begin, begin + self.limited_days * DAY, DAY):
            if self.rng.random() < 0.02:
                self.not_judged(day + HOUR)
            bad = self.rng.random() < 0.25
            count = self.rng.randint(min(5, self.limited_max - 2), self.limited_max - 1)
            if does == "idle":
                count = self.rng.choice([0, 0, 1, 3, 6])
            if does == "breaks_cap" and bad:
                count = self.limited_max + self.rng.randint(1, 6)
            for _ in range(count):
                to, talk = self.rng.choice(self.contacts), self.rng.uniform(121, 500)
                if self.rng.random() < 0.15 or (does == "nobody_answers" and self.rng.random() < 0.6):
                    talk = None
                if does == "unknown_contacts" and self.rng.random() < 0.15:
                    to = self.stranger()
                if does == "short_calls" and self.rng.random() < 0.3:
                    talk = self.rng.choice([self.rng.uniform(3, 119), 119.999, 120, 120.001])
                self.call(self.somewhere(day), to, talk)
        return begin + self.limited_days * DAY

    def moderate(self, begin, does=""):
        friends = []
        for day in range(begin, begin + self.moderate_days * DAY, DAY):
            bad = self.rng.random() < 0.2
            count = self.rng.randint(10, self.moderate_max - 1) if self.moderate_max > 11 else self.rng.randint(5, self.moderate_max)
            if does == "idle":
                count = self.rng.choice([0, 0, 0, 1, 2])
            if does == "breaks_cap" and bad:
                count = self.moderate_max + self.rng.randint(1, 4)
            for _ in range(count):
                to, talk = self.rng.choice(self.contacts + friends), self.rng.uniform(30, 400)
                new = 0.6 if does == "new_contacts" and bad else 0.3 if does == "new_contacts" else 0.08
                if self.rng.random() < new:
                    to = self.stranger()
                    if self.rng.random() < 0.3 and talk >= 115:
                        friends.append(to)
                if self.rng.random() < 0.2:
                    talk = None
                self.call(self.somewhere(day), to, talk)
        return begin + self.moderate_days * DAY

    def recover(self, since, does="", rest_calls=0, gap=None):
        """From a quarantine at `since` to about the end of the episode."""
        return self.moderate(self.limited(self.rest(since, rest_calls, gap), does), does)

    # ---- lives

    def live(self):
        rng = self.rng
        calm = self.begin + rng.randint(8, 25) * DAY
        self.usual(self.begin + rng.randint(0, DAY), calm, 3)
        getattr(self, "life_" + {"howe": "calls_in_rest"}.get(self.kind, self.kind))(calm + rng.randint(0, DAY))

    def after(self, end):
        self.usual(end + DAY, self.finish, 1)

    def life_quiet(self, at):
        self.usual(at, self.finish, 1)

    def life_obeys(self, at):
        self.after(self.recover(self.burst(at)))

    def life_calls_in_rest(self, at):
        self.after(self.recover(self.burst(at), rest_calls=self.rng.randint(1, 4)))

    def life_stubborn(self, at):
        """Calls every few days, until the rest cannot be moved any further."""
        self.after(self.recover(self.burst(at), rest_calls=40, gap=9))

    def life_breaks_cap(self, at):
        self.after(self.recover(self.burst(at), "breaks_cap"))

    def life_unknown_contacts(self, at):
        early_friend, late_friend = self.stranger(), self.stranger()
        if self.rng.random() < 0.5:
            self.command(at - 2 * DAY, "contact", called=early_friend, add=True)
            self.contacts.append(early_friend)
        begin = self.rest(self.burst(at))
        self.command(begin + 2 * DAY, "contact", called=late_friend, add=True)
        self.contacts.append(late_friend)
        if self.rng.random() < 0.5:
            self.command(begin + 9 * DAY, "contact", called=self.contacts[0], remove=True)
        self.after(self.moderate(self.limited(begin, "unknown_contacts")))

    def life_short_calls(self, at):
        self.after(self.recover(self.burst(at), "short_calls"))

    def life_nobody_answers(self, at):
        self.after(self.recover(self.burst(at), "nobody_answers"))

    def life_idle(self, at):
        end = self.recover(self.burst(at), "idle")
        if self.rng.random() < 0.5:
            self.after(end)

    def life_relapse(self, at):
        for _ in range(self.rng.randint(1, 2)):
            begin = self.limited(self.rest(self.burst(at)))
            at = begin + self.rng.randint(-10, 25) * DAY + self.rng.randint(0, DAY)
            self.usual(begin, at, 8)
        self.after(self.recover(self.burst(at)))

    def life_many_episodes(self, at):
        while at < self.finish - 40 * DAY:
            end = self.recover(self.burst(at), self.rng.choice(["", "breaks_cap", "new_contacts", "idle", "short_calls"]), self.rng.randint(0, 2))
            at = end + self.rng.randint(-4, 15) * DAY + self.rng.randint(0, DAY)
            self.usual(end, at, 2)

    def life_fast_rest(self, at):
        while at < self.finish - 40 * DAY:
            end = self.recover(self.burst(at), self.rng.choice(["", "unknown_contacts"]), self.rng.randint(2, 20), 2)
            at = end + self.rng.randint(1, 30) * DAY

    def life_by_hand(self, at):
        rng = self.rng
        if rng.random() < 0.3:
            self.command(at, "quarantine", note="by hand")
            since = at
        else:
            since = self.burst(at)
        freed = since + rng.randint(HOUR, 80 * DAY)
        self.rest(since, rng.randint(0, 1))
        self.command(freed, "release", note="a false positive")
        if rng.random() < 0.3:
            self.call(freed - 30 * MINUTE, self.contacts[0], 20, delay=rng.randint(HOUR, 5 * HOUR))  # in the rest, known after the release
        if rng.random() < 0.7:
            self.usual(freed, freed + 20 * DAY, 4)
            self.burst(freed + rng.choice([HOUR, 20 * HOUR, 23 * HOUR + 50 * MINUTE, DAY + HOUR, 40 * HOUR]))
        if rng.random() < 0.3:
            self.command(freed + 3 * DAY, "release", note="once more")
        again = freed + rng.randint(25, 60) * DAY
        self.usual(freed + 20 * DAY, again, 2)
        since = self.burst(again)
        self.command(since + 5 * DAY, "quarantine", note="is resting already")
        self.after(self.recover(since, rng.choice(["", "idle"])))

    def life_flagged(self, at):
        rng = self.rng
        since = self.burst(at)
        end = self.recover(since, rng.choice(["", "idle"]))
        opened = rng.choice([since, since + 20 * DAY, end - 5 * DAY])
        flag = {"provider": rng.choice(["Hiya", "TNS", "First Orion"]), "carrier": rng.choice(["", "T-Mobile"]), "label": "Spam Risk"}
        self.command(opened, "flag", note="seen by a customer", **flag)
        self.command(opened + HOUR, "flag", **dict(flag, label="Scam Likely"))
        self.command(end + rng.randint(-2, 20) * DAY, "clear", provider=flag["provider"], label="Spam Risk", note="answered")
        self.command(end + rng.randint(-2, 20) * DAY, "clear", provider=flag["provider"], note="answered")
        self.command(end - DAY, "complaint", provider="FTC", note="one more")
        self.moderate(end)
        self.after(end + 30 * DAY)

    def life_new_contacts(self, at):
        self.after(self.recover(self.burst(at), "new_contacts"))

    def life_edges(self, at):
        """Calls over midnight, over the ends of phases, exactly at them, and late ones around them."""
        rng = self.rng
        since = self.burst(at)
        self.call(since - 5 * MINUTE, self.contacts[0], 400, delay=0)  # begun before the rest: not judged
        until = self.rest(since)
        self.around(until, rng.choice([[], ["late_rest"], ["late_rest", "late_rest"], ["over"], ["at"], ["at", "over"]]))
        if rng.random() < 0.3:
            until = until + self.rest_days * DAY
        end = self.limited(until, rng.choice(["", "breaks_cap", "short_calls"]))
        self.around(end, rng.choice([[], ["late_rest"], ["over"], ["at"]]))
        for day in range(until, end, 3 * DAY):
            self.around(self.midnight(day), ["late_rest", "over", "at"])
        end = self.moderate(end, "new_contacts")
        self.around(end, rng.choice([[], ["late_rest"], ["over"], ["at"]]))
        self.after(end)

    def around(self, moment, what):
        for w in what:
            to = self.rng.choice(self.contacts)
            if w == "late_rest":
                self.call(moment - self.rng.randint(10, 100) * MINUTE, to, 130, ring_s=5, delay=self.rng.randint(HOUR, 5 * HOUR))
            if w == "over":
                self.call(moment - MINUTE, to, 130, ring_s=5, delay=0)
            if w == "at":
                self.call(moment - 135 * SECOND, to, 130, ring_s=5, delay=0)       # ends at that moment
                self.call(moment, to, 125, ring_s=5, delay=0)                       # begins at it
                self.call(moment - 1, self.contacts[0], None, ring_s=0.001, delay=0)
                self.call(moment, self.contacts[0], None, ring_s=0, delay=0)

    def midnight(self, at):
        day = datetime.datetime.fromtimestamp(at / 1000, self.zone).date() + datetime.timedelta(days=1)
        return int(datetime.datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()) * 1000

    def life_unmanaged(self, at):
        for _ in range(self.rng.randint(1, 3)):
            end = self.rest(self.burst(at), self.rng.randint(0, 5), 12)
            if self.rng.random() < 0.3:
                self.around(end, ["late_rest"])
            at = end + self.rng.randint(1, 40) * DAY
            self.usual(end, at, 2)
        self.after(at)

    def life_aging(self, at):
        del self.calls[:]
        rng = self.rng
        for day in range(at, at + 16 * DAY, DAY):
            for _ in range(rng.randint(2, 9) if rng.random() < 0.7 else rng.randint(10, 29)):
                self.call(self.somewhere(day), rng.choice(self.contacts), rng.choice([None, 100]))
        if rng.random() < 0.4:
            at += rng.randint(3, 40) * DAY
            self.usual(at - 3 * DAY, at, 3)
            self.after(self.recover(self.burst(at)))
        else:
            self.after(at + 16 * DAY)

    def life_extended(self, at):
        since = self.burst(at)
        self.around(since + self.rest_days * DAY, self.rng.choice([[], ["late_rest"], ["late_rest", "over"]]))
        self.after(self.recover(since, rest_calls=self.rng.choice([0, 0, 1, 4]), gap=10))

    def life_soft(self, at):
        self.after(self.recover(self.burst(at), self.rng.choice(["", "new_contacts"]), self.rng.randint(0, 6), 10))

    def life_crowd(self, at):
        """More contacts than are kept exactly."""
        self.contacts = ["+1646557%04d" % self.rng.randrange(10000) for _ in range(self.rng.choice([150, 300]))]
        for i, to in enumerate(self.contacts):
            self.call(at + i * 5 * MINUTE, to, 130)
        self.after(self.recover(self.burst(at + DAY + DAY // 2), "unknown_contacts"))

    def life_steady(self, at):
        """60 calls in 36 hours: a rule with a longer window, so a longer hold."""
        for i in range(75):
            self.call(at + i * 25 * MINUTE, self.stranger(), None, delay=0)
        since = at + 60 * 25 * MINUTE
        self.command(since + 10 * DAY, "release", note="known to us")
        self.usual(since + 10 * DAY, since + 40 * DAY, 2)
        self.burst(since + 10 * DAY + self.rng.choice([30, 35, 37]) * HOUR)
        self.after(since + 40 * DAY)

    def life_sleeper(self, at):
        """Silent for so long that its record ends, then a burst."""
        self.recover(self.burst(at), "idle")
        self.burst(at + 200 * DAY)


# ---------------------------------------------------------------------------------------------------------------- files

def callers(numbers, days, seed):
    rng = random.Random(seed)
    names, shares = [k for k, _, _ in KINDS], [s for _, s, _ in KINDS]
    accounts = {k: a for k, _, a in KINDS}
    for i in range(numbers):
        kind = names[i] if i < len(names) and numbers >= len(names) else rng.choices(names, shares)[0]
        account = accounts[kind] if accounts[kind] is not None else rng.choice(OTHERS)
        caller = Caller(i, kind, account, random.Random("%s/%s" % (seed, i)), START, START + days * DAY)
        caller.live()
        yield caller


def world(plain, number_zones, until):
    return {"until": until, "rules": RULES, "policies": POLICIES if not plain else {"default": {}}, "policy_of_account": {} if plain else POLICY_OF_ACCOUNT,
            "managed": None if plain else MANAGED, "number_zones": {} if plain else number_zones,
            "account_zones": {} if plain else ACCOUNT_ZONES,
            "emergency": EMERGENCY, "test_numbers": TESTS, "account_contacts": {} if plain else ACCOUNT_CONTACTS, "plain": plain}


def rules_yaml():
    lines = ["groups:", "  - name: lives", "    rules:"]
    for r in RULES:
        lines.append("      - {alert: %(name)s, expr: 'calls[\"%(window)s\"] >= %(at_least)d', action: %(action)s, source: the test}" % r)
    return "\n".join(lines) + "\n"


def write(out, numbers, days, seed, plain):
    os.makedirs(out, exist_ok=True)
    calls, commands, kinds, zones = [], [], {}, {}
    for c in callers(numbers, days, seed):
        if c.own_zone:
            zones[c.number] = c.own_zone
        kinds[c.number] = c.kind
        calls += [(at, i, c.number, json.dumps(cdr, separators=(",", ":"))) for i, (at, cdr) in enumerate(c.calls)]
        commands += [(at, i, c.number, cmd) for i, (at, cmd) in enumerate(c.commands)]
    calls.sort(key=lambda c: (c[0], c[2], c[1]))
    commands.sort(key=lambda c: (c[0], c[2], c[1]))
    rng = random.Random("%s/commands" % seed)
    with open(os.path.join(out, "cdrs.jsonl"), "w") as f:
        f.writelines(line + "\n" for _, _, _, line in calls)
    with open(os.path.join(out, "control.jsonl"), "w") as f:
        for i, (at, _, _, command) in enumerate(commands):
            if rng.random() < 0.03:  # dated back: the predecessor's time counts, if that is later
                at -= rng.randint(0, 2 * HOUR)
            line = json.dumps(dict(id="c%d" % i, time=at, **command)) + "\n"
            f.write(line)
            if rng.random() < 0.02:  # sent twice: idempotent by id
                f.write(line)
    def text(name, content):
        with open(os.path.join(out, name), "w") as f:
            f.write(content)
    text("rules.yaml", rules_yaml())
    text("world.json", json.dumps(world(plain, zones, START + (days + 20) * DAY), indent=1))
    text("kinds.json", json.dumps(kinds))
    text("ringfence.yaml", config_yaml(plain, zones))
    return len(calls), len(commands)


FIGURES = {  # of a policy: the key of the configuration, and how the model's figure is written
    "rest_days": ("rest.duration", "%dd"), "rest_max_days": ("rest.most", "%dd"), "no_calls": ("rest.violation", "%s"),
    "extend_days": ("rest.extend", "%dd"), "limited_days": ("limited.duration", "%dd"), "limited_max": ("limited.daily_max", "%d"),
    "moderate_days": ("moderate.duration", "%dd"), "moderate_max": ("moderate.daily_max", "%d"),
    "share_max": ("moderate.new_contact_share_max", "%g"), "aging": ("aging.enabled", "%s")}


def config_yaml(plain, number_zones):
    lines = ["deployment: lives", "relay: {called: 'off', account: false, trunk: false, block: false}"]
    if plain:
        return "\n".join(lines) + "\n"
    lines.append("policies:")
    for name, figures in POLICIES.items():
        if name == "default":
            continue
        lines.append("  - name: " + name)
        groups = {}
        for figure, value in figures.items():
            key, form = FIGURES[figure]
            group, leaf = key.split(".")
            groups.setdefault(group, []).append("%s: %s" % (leaf, "true" if value is True else form % value))
        lines += ["    %s: {%s}" % (group, ", ".join(leaves)) for group, leaves in groups.items()]
    lines.append("assign:")
    lines += ["  - {policy: %s, accounts: [%s]}" % (policy, account) for account, policy in POLICY_OF_ACCOUNT.items()]
    quoted = lambda texts: "[%s]" % ", ".join('"%s"' % t for t in texts)  # noqa: E731
    lines.append("managed: {prefixes: %s, accounts: %s}" % (quoted(MANAGED["prefixes"]), quoted(MANAGED["accounts"])))
    lines += ["zones:", "  accounts:"] + ["    %s: %s" % pair for pair in ACCOUNT_ZONES.items()]
    if number_zones:
        lines += ["  numbers:"] + ['    "%s": %s' % pair for pair in sorted(number_zones.items())]
    lines += ["emergency_numbers: " + quoted(EMERGENCY), "test_numbers: " + quoted(TESTS), "contacts:"]
    lines += ["  - {accounts: [%s], called: %s}" % (account, quoted(called)) for account, called in ACCOUNT_CONTACTS.items()]
    return "\n".join(lines) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--numbers", type=int, default=300)
    p.add_argument("--days", type=int, default=400)
    p.add_argument("--seed", default="1")
    p.add_argument("--plain", action="store_true", help="one policy, all managed, nothing judged: for a program without part 4")
    a = p.parse_args()
    print("%d CDRs, %d commands" % write(a.out, a.numbers, a.days, a.seed, a.plain), file=sys.stderr)


if __name__ == "__main__":
    main()
