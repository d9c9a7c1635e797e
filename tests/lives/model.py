# SPDX-License-Identifier: Apache-2.0
"""A plain model of the life of a number, written from DESIGN sections 5, 7, 8 and 9 alone: the oracle of tests/lives/run.py.

It shares no code and no idea of storage with the program: it remembers every call and every day, it never forgets to save memory.
One class `Number`, one method per sentence of DESIGN; the sentence stands in the comment above the method (D9 = DESIGN section 9).
Where a sentence can be read in two ways, the reading stands in READINGS with the other one beside it, and nowhere else.

What the model does not know
  health    is given: `Number.health_at` asks the caller (run.py reads it from the program's own events); -1 with fewer than 20 calls
            in 31 days it knows by itself (D7).
  contacts  beyond the newest 128 the program may let through what it should not (D9): `loose` marks violations that may be missing.
  disputes, case studies, cohort checks: see the end of this file.
"""
import bisect
import datetime
import functools
import json
import zoneinfo
from collections import defaultdict, deque

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LATE = 6 * HOUR     # allowed_lateness
KEPT = 31 * DAY     # windows; the reach of "in the 31 days before"
KEEP = 38 * DAY     # state.keep
TOLD_BEYOND_CAP = 20
NEWEST = 128        # duplicates are looked for among these; contacts kept exactly

READINGS = {
    # D9 "A CDR is judged if it started at or after the beginning of the phase in force": of a restarted rest the beginning is where the
    # rest first began ("a restarted rest is no beginning"). Other reading: `phase_since` of the restart.
    "restart_is_no_beginning": True,
    # D5 "Older [than allowed_lateness] ...: put in its place, not evaluated, counted": it is not judged either, whatever phase is in
    # force. Other reading: lateness only matters for a phase that has ended.
    "too_late_to_be_judged": True,
    # D9 aging "10, 20, 30 calls a day on days 1-5, 6-10, 11-14": 14 x 24 h reach into a 15th calendar day. The last cap goes on as long as
    # the phase does. Other reading: no cap on that day.
    "last_aging_cap_goes_on": True,
    # D9 "`until` = event time + 30 x 24 h": a late breach does not move `phase_since` and `until` back. Other reading: literally.
    "restart_never_back": True,
    # D9 "release -> active from any phase, the episode ends": a late breach of a rest that a person ended is said, with the consequence
    # `alert`: nothing restarts.
    # Other reading: the rest begins again.
    "release_ends_for_good": True,
    # D7 "unless it has an episode, an open flag or a firing alert": literally, so the hold of a number that rested for 38 days and was
    # then released is forgotten at once, with its record. Other reading: a hold that runs keeps the record too.
    "hold_keeps_record": False,
    # D9 "release by command -> active from any phase": of an active number too: no transition, but the hold begins.
    "release_of_active_holds": False,
    # D9 aging "from the first own call", D5 "what a phase judges go by `start_time`": it begins with the start of that call, which is the
    # first one judged. Other reading: with its event time, and then the call itself is not judged.
    "aging_begins_at_start": True,
    # D9 "A day's counters begin anew with a phase": the days of aging (1-5, 6-10, ...) are calendar days of the number's zone, the day of
    # the first call is day 1. Other reading: 24 h from the first call.
    "aging_calendar_days": True,
}


# ---------------------------------------------------------------------------------------------------------------- policies

class Policy:
    """A named policy. The defaults are the table of DESIGN section 9."""

    def __init__(self, name="default", **given):
        self.name = name
        self.rest_days = 30
        self.limited_days = 30
        self.moderate_days = 30
        self.limited_min, self.limited_max = 5, 10
        self.moderate_min, self.moderate_max = 10, 20
        self.min_talk_s = 120
        self.share_max = 0.3
        self.share_calls = 5            # a day with fewer judged calls has no share
        self.new_known_s = 120          # in moderate a new contact that answers as long becomes known
        self.no_calls = "restart"       # restart | extend | alert
        self.extend_days = 7
        self.rest_max_days = 90         # restarts go no further than this after the rest first began
        self.hold_ms = DAY
        self.gate_health = 70
        self.gate_again_days = 7
        self.aging = False
        self.aging_days = 14
        self.aging_caps = [[5, 10], [10, 20], [14, 30]]  # up to day, calls a day
        for key, value in given.items():
            assert hasattr(self, key), key
            setattr(self, key, value)

    def caps(self, phase, aging_day=1):
        """`caps` = daily_min, daily_max, known_contacts_only, min_talk_s, new_contact_share_max; null where there is none (D10)."""
        if phase == "rest":
            return caps(daily_max=0)
        if phase == "limited":
            return caps(self.limited_min, self.limited_max, True, self.min_talk_s)
        if phase == "moderate":
            return caps(self.moderate_min, self.moderate_max, False, None, self.share_max)
        if phase == "aging":
            for last_day, most in self.aging_caps:
                if aging_day <= last_day:
                    return caps(daily_max=most, known=False)
            return caps(daily_max=self.aging_caps[-1][1] if READINGS["last_aging_cap_goes_on"] else None, known=False)
        return None


def caps(daily_min=None, daily_max=None, known=None, min_talk_s=None, share=None):
    return {"daily_min": daily_min, "daily_max": daily_max, "known_contacts_only": known, "min_talk_s": min_talk_s, "new_contact_share_max": share}


class Rule:
    """`calls["W"] >= N`: exact while the window holds at most 128 calls (D6), and far from N beyond."""

    def __init__(self, name, window, at_least, action="quarantine", interval=5 * MINUTE):
        assert at_least <= NEWEST // 2
        self.name, self.window, self.at_least, self.action, self.interval = name, parse_duration(window), at_least, action, interval
        self.text = 'calls["%s"] >= %d' % (window, at_least)


def parse_duration(text):
    return int(text[:-1]) * {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}[text[-1]]


# What prefixes say (D9: "else what its prefix says, else UTC"): only those that the generator uses.
PREFIX_ZONES = [("+1212", "America/New_York"), ("+1602", "America/Phoenix"), ("+9133", "Asia/Kolkata"), ("+4420", "Europe/London"),
                ("+331", "Europe/Paris"),
                ("+87077", "UTC"), ("+6126", "UTC")]


class World:
    """What is the same for all numbers: rules, and what the policy file says. Built from `world.json` of generate.py."""

    def __init__(self, world):
        self.rules = [Rule(**r) for r in world["rules"]]
        self.policies = {name: Policy(name, **given) for name, given in world["policies"].items()}
        self.policies.setdefault("default", Policy())
        self.policy_of_account = world["policy_of_account"]
        self.whom_managed = world["managed"]  # null: every number
        self.number_zones = world["number_zones"]
        self.account_zones = world["account_zones"]
        self.emergency = set(world["emergency"])
        self.test_numbers = set(world["test_numbers"])
        self.account_contacts = {account: set(c) for account, c in world["account_contacts"].items()}
        self.plain = world["plain"]  # only what the plain phase machine knows: no judging of calls

    def policy(self, account):
        return self.policies[self.policy_of_account.get(account, "default")]

    def managed(self, number, account):
        """D9 "A number is managed if `managed:` covers it (lists, prefixes, accounts; default `all`)"."""
        whom = self.whom_managed
        return whom is None or number in whom["numbers"] or account in whom["accounts"] or number.startswith(tuple(whom["prefixes"]))

    def zone(self, number, account):
        """D9: its own setting, else its account's, else what its prefix says, else UTC."""
        name = self.number_zones.get(number) or self.account_zones.get(account)
        if not name:
            name = next((z for prefix, z in PREFIX_ZONES if number.startswith(prefix)), "UTC")
        return zoneinfo.ZoneInfo(name)


# ---------------------------------------------------------------------------------------------------------------- calls

class Call:
    """A CDR as far as a life depends on it (D7 "Times", "Parties")."""
    __slots__ = ("record_id", "start", "event", "answered", "talk", "callee", "spoofed", "account")

    def __init__(self, cdr):
        self.record_id = cdr["record_id"]
        self.start = cdr["start_time"]
        self.event = first(cdr.get("end_time"), add(self.start, cdr.get("duration_ms")), self.start)
        self.answered = cdr.get("disposition") == "ANSWERED"
        self.talk = 0
        if self.answered:
            between = self.event - cdr["answer_time"] if "answer_time" in cdr and "end_time" in cdr else None
            self.talk = first(cdr.get("billable_ms"), between, cdr.get("duration_ms"), 0)
        self.callee = cdr.get("called_number") or cdr.get("called_number_raw")
        self.spoofed = cdr.get("stir_verstat") == "FAILED"
        self.account = cdr.get("account_id")


@functools.lru_cache(maxsize=None)
def midnight_after(day, zone):
    next_day = datetime.date.fromisoformat(day) + datetime.timedelta(days=1)
    return int(datetime.datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone).timestamp()) * 1000


def first(*values):
    return next((v for v in values if v is not None), None)


def add(a, b):
    return None if b is None else a + b


# ---------------------------------------------------------------------------------------------------------------- a phase

class Span:
    """One stay in a phase. Its counters belong to it: "A day's counters begin anew with a phase" (D9)."""

    def __init__(self, phase, begin, until, episode):
        self.phase = phase
        self.begin = begin       # where it first began: a restart of a rest does not move it
        self.since = begin       # `phase_since`
        self.until = until
        self.episode = episode
        self.since_before = None  # `phase_since` before the last restart
        self.ended_by = None     # reason of the transition out of it
        self.judged = defaultdict(int)     # local day -> judged calls
        self.unknown = defaultdict(int)    # local day -> of these to contacts not known
        self.said = set()        # (policy, local day) for which a violation was said
        self.block = begin       # where the running 7-day block began
        self.block_calls = self.block_answered = 0
        self.days_open = set()   # local days with judged calls whose end is still to come


class Alert:
    def __init__(self, rule, since):
        self.rule, self.since = rule, since


# ---------------------------------------------------------------------------------------------------------------- a number

class Number:
    """The life of one number. Feed it with `call` and `command` in the order of the shard, each with the shard's clock; read `events`."""

    def __init__(self, number, world, health_at=None, watch=None):
        self.number = number
        self.world = world
        self.health_at = health_at or (lambda number, time: None)
        self.watch = watch        # causes after which the state is to be kept in `states`
        self.states = {}
        self.events = []
        self.must_say = set()     # causes after which a `number` event has to come
        self.tombstones = {}      # of these, the ones that end plainly active: cause -> time
        self.cause_time = {}
        self.notes = []           # commands refused, for the reader of differences
        self.fired_to = -1
        self.seen_commands = set()
        self.begin_record()

    def begin_record(self):
        self.clock = None
        self.first_call = None
        self.account = None
        self.episode = 0
        self.span = Span("active", None, None, 0)
        self.before = None               # the phase before the last boundary
        self.rest_began = None           # where the episode's rest first began
        self.calls = []                  # event times, sorted
        self.newest = deque()            # (event, record_id), sorted
        self.answered = {}               # callee -> newest event time of an answered call
        self.known = {}                  # contact -> known since, in an episode
        self.own_list = set()            # `contact` commands
        self.removed = set()
        self.overflow = False
        self.flags = {}                  # (provider, carrier, label) -> since
        self.alerts = {}                 # rule name -> Alert
        self.hold_until = None
        self.episode_rule = None
        self.last_breach = None

    # ------------------------------------------------------------------ input

    def call(self, call, shard_clock):
        """A CDR of this number; `shard_clock`: the shard's clock, this CDR included."""
        self.cause = ("cdr", call.record_id)
        # D5 "Timers fire when the shard's clock reaches or passes them, before the CDR that moved it"
        self.advance(shard_clock)
        self.cause = ("cdr", call.record_id)
        self.expire(shard_clock)
        if self.is_duplicate(call) or self.is_too_late(call):
            return
        late = self.clock is not None and call.event < self.clock - LATE
        self.clock = call.event if self.clock is None else max(self.clock, call.event)
        if call.account:
            self.account = call.account
        self.remember(call)
        if late and READINGS["too_late_to_be_judged"]:
            return
        changed = self.begin_aging(call)
        changed = self.judge(call) or changed
        if not late:
            changed = self.evaluate(self.clock) or changed
        self.after_cause(changed)

    def command(self, command, time):
        """D11. `time`: of the command, or of its predecessor if that is later (D5)."""
        self.cause = ("command", command["id"])
        self.advance(time)
        self.cause = ("command", command["id"])
        self.expire(time)
        if command["id"] in self.seen_commands:  # issue 6: "idempotent by their id"
            return
        self.seen_commands.add(command["id"])
        verb = command["command"]
        changed = False
        if verb == "quarantine":
            changed = self.quarantine(time, "command", command.get("note"), None)
        elif verb == "release":
            changed = self.release(time, command.get("note"))
        elif verb == "contact":
            self.contact(command, time)
        elif verb == "flag":
            key = (command.get("provider", ""), command.get("carrier", ""), command.get("label", ""))
            if key not in self.flags:
                self.flags[key] = time
                changed = self.evaluate(max(time, self.clock or time))  # D7 "Evaluation happens ... after each flag or complaint"
        elif verb == "clear":
            for key in [k for k in self.flags if all(command.get(f) in (None, v) for f, v in zip(("provider", "carrier", "label"), k))]:
                del self.flags[key]
        elif verb == "complaint":
            changed = self.evaluate(max(time, self.clock or time))
        self.after_cause(changed)

    def advance(self, to):
        """Fires every timer due at or before `to`, by time; of one time: 7-day block, end of a day, end of a phase, then the others (D5)."""
        while True:
            due = [d for d in (self.next_block(), self.next_day_end(), self.next_phase_end(), self.next_alert()) if d and d[0] <= to]
            if not due:
                break
            time, _, what, fire = min(due, key=lambda d: d[:2])
            self.cause = ("timer", what, time)
            fire(time)
        self.fired_to = max(self.fired_to, to)

    # ------------------------------------------------------------------ the record

    def expire(self, shard_clock):
        """D7 "A record ends when the shard's clock is 38 days past its last call, unless it has an episode, an open flag or a firing alert"."""
        if self.clock is None or shard_clock < self.clock + KEEP:
            return
        if self.span.phase in ("rest", "limited", "moderate") or self.flags or self.alerts:
            return
        if READINGS["hold_keeps_record"] and self.hold_until is not None and shard_clock < self.hold_until:
            return
        self.begin_record()

    def is_duplicate(self, call):
        """D7 "A CDR whose event time and hash of record_id equal those of one among the number's newest 128 calls is a duplicate"."""
        return (call.event, call.record_id) in self.newest

    def is_too_late(self, call):
        """D7 "Too late = event time <= subject's clock - 31 x 24 h"."""
        return self.clock is not None and call.event <= self.clock - KEPT

    def remember(self, call):
        self.first_call = call.event if self.first_call is None else min(self.first_call, call.event)
        bisect.insort(self.calls, call.event)
        if self.calls[0] <= self.clock - KEPT - DAY:
            del self.calls[:bisect.bisect_right(self.calls, self.clock - KEPT)]
        self.newest.append((call.event, call.record_id))
        if len(self.newest) > 1 and self.newest[-2] > self.newest[-1]:
            self.newest = deque(sorted(self.newest))
        if len(self.newest) > NEWEST:
            self.newest.popleft()
        if call.answered and call.callee:
            self.answered[call.callee] = max(self.answered.get(call.callee, 0), call.event)

    def calls_in(self, window, at):
        """Windows cover (clock - W, clock] (D5)."""
        return bisect.bisect_right(self.calls, at) - bisect.bisect_right(self.calls, at - window)

    # ------------------------------------------------------------------ rules

    def evaluate(self, at):
        """D7 "Evaluation happens after each own CDR of a subject, at its clock". The `time` of an alert is the time of evaluation (D8)."""
        changed = False
        for rule in self.world.rules:
            true = self.calls_in(rule.window, at) >= rule.at_least
            alert = self.alerts.get(rule.name)
            if true and not alert:
                self.alerts[rule.name] = Alert(rule, at)
                self.say("alert.raised", at, rule=rule.name)
                if rule.action == "flag":  # D8 "opens a flag with provider `ringfence` and the rule as label"
                    self.flags[("ringfence", "", rule.name)] = at
                if rule.action == "quarantine" and not self.on_hold(at):
                    changed = self.quarantine(at, "rule", rule.name, rule) or changed
            elif alert and not true:
                self.resolve(alert, at)
        return changed

    def resolve(self, alert, at):
        del self.alerts[alert.rule.name]
        self.say("alert.resolved", at, rule=alert.rule.name)
        if alert.rule.action == "flag":  # D8 "cleared when the alert is resolved"
            self.flags.pop(("ringfence", "", alert.rule.name), None)

    def next_alert(self):
        """D8 "Between CDRs a rule that is firing is evaluated again by timer, every `interval`, counted from when it became pending"."""
        found = None
        for alert in self.alerts.values():
            rule = alert.rule
            upto = bisect.bisect_right(self.calls, self.fired_to)
            leaves = self.calls[upto - rule.at_least] + rule.window if upto >= rule.at_least else 0
            earliest = max(leaves, self.fired_to + 1)
            tick = alert.since + -(-(earliest - alert.since) // rule.interval) * rule.interval
            # several rules of one moment come in the order of the rules: `evaluate` at a tick looks at each that is due
            if found is None or tick < found[0]:
                found = (tick, 4, "alert", lambda at, a=alert: self.resolve(a, at))
        return found

    def on_hold(self, at):
        """D9 "for `hold` rules alert but do not quarantine"."""
        return self.hold_until is not None and at < self.hold_until

    # ------------------------------------------------------------------ phases

    def quarantine(self, time, reason, detail, rule):
        """D9 "active or aging -> rest, episode + 1. In rest nothing happens but a note in the history. In limited or moderate it is a
        relapse: -> rest, episode + 1." """
        if self.span.phase == "rest":
            return False
        self.freeze_contacts(time, relapse=self.span.phase in ("limited", "moderate"))
        self.episode += 1
        self.episode_rule = rule
        self.rest_began = time
        self.enter("rest", time, reason, detail)
        return True

    def release(self, time, note):
        """D9 "release by command -> active from any phase, the episode ends, and for `hold` (default: the longest window of the rule that
        fired, at least 24 h) rules alert but do not quarantine." """
        was_active = self.span.phase == "active"
        if was_active and not READINGS["release_of_active_holds"]:
            return False
        longest = self.episode_rule.window if self.episode_rule and not was_active else 0
        self.hold_until = time + max(longest, self.policy().hold_ms)
        if was_active:
            return False
        self.enter("active", time, "command", note)
        return True

    def enter(self, phase, time, reason, detail=None):
        """D9 "Phases last whole multiples of 24 hours from the moment they begin (`until` = `phase_since` + 30 x 24 h)"."""
        old = self.span
        old.ended_by = reason
        policy = self.policy()
        days = {"rest": policy.rest_days, "limited": policy.limited_days, "moderate": policy.moderate_days, "aging": policy.aging_days}.get(phase)
        self.before = old
        self.span = Span(phase, time, time + days * DAY if days else None, self.episode)
        self.say_transition(old.phase, time, reason, detail)

    def say_transition(self, old_phase, time, reason, detail=None):
        self.say("transition", time, **{"from": old_phase, "to": self.span.phase, "reason": reason, "detail": detail,
                                        "until": self.span.until, "caps": self.caps(time)})
        self.must(time)
        self.tombstones.pop(self.cause, None)  # of several transitions of one cause the last counts
        if self.span.phase == "active":
            self.tombstones[self.cause] = time

    def must(self, time):
        """D10 `number`: what it shows changed."""
        self.must_say.add(self.cause)
        self.cause_time[self.cause] = time

    def next_phase_end(self):
        if self.span.until is None:
            return None
        what = "gate" if self.span.phase == "moderate" else "phase_end"
        return (self.span.until, 3, what, self.end_phase)

    def end_phase(self, time):
        phase = self.span.phase
        if phase == "rest":
            # D9 "For any other number quarantine is `rest` with an end, then `active`"
            self.enter("limited" if self.managed() else "active", time, "timer")
        elif phase == "limited":
            self.enter("moderate", time, "timer")
        elif phase == "aging":
            self.enter("active", time, "timer")
        elif self.gate(time):
            self.enter("active", time, "timer")
        else:
            # D9 "Not passed: stays in moderate, `advisory` `reputation_not_improved` ..., asked again after 7 x 24 h."
            self.span.until = time + self.policy().gate_again_days * DAY
            self.say("advisory", time, topic="reputation_not_improved")
            self.must(time)
        self.after_cause(True)

    def gate(self, time):
        """D9 "no open flag, and health >= 70; health -1 (too little data) passes if there was no breach in the last 30 days"."""
        if self.world.plain:
            return True
        if self.flags:
            return False
        health = -1 if self.calls_in(KEPT, time) < 20 else self.health_at(self.number, time)
        if health is None:
            health = -1
        if health >= 0:
            return health >= self.policy().gate_health
        return self.last_breach is None or self.last_breach <= time - 30 * DAY

    # ------------------------------------------------------------------ judging of calls

    def judge(self, call):
        """Judges a call; true if it was judged (then `today`, perhaps `until`, changed)."""
        if self.world.plain:
            return False
        span = self.phase_at(call.event)
        if span is None or span.phase == "active" or not self.is_judged(call, span):
            return False
        day = self.day(call.start)
        span.judged[day] += 1
        self.count_in_block(call, span)
        if span.phase == "rest":
            self.judge_no_calls(call, span, day)
        else:
            self.judge_daily_cap(call, span, day)
        if span.phase == "limited":
            self.judge_unknown_contact(call, span, day)
            self.judge_short_call(call, span, day)
        if span.phase == "moderate":
            self.count_new_contact(call, span, day)
        most = self.policy().caps(span.phase, self.aging_day(span, day))["daily_max"]
        # far above the cap the program says the number once more at the end of the day, not after each call
        if span is self.span and most is not None and span.judged[day] <= most + TOLD_BEYOND_CAP:
            self.must(call.event)
        return True

    def phase_at(self, event):
        """D9 "the phase in force at its event time; that phase may have ended ... (the record keeps the last boundary)"."""
        if self.span.begin is None or event >= self.span.begin:
            return self.span
        if self.before is not None and (self.before.begin is None or event >= self.before.begin):
            return self.before
        return None

    def is_judged(self, call, span):
        """D9 "A CDR is judged if it started at or after the beginning of the phase in force". "Not judged, counted apart: calls to emergency
        numbers (a list), calls to `test_numbers`, CDRs with `stir_verstat` FAILED" """
        begin = span.begin
        if not READINGS["restart_is_no_beginning"]:  # then each restart is a boundary too, and only the last one is kept
            begin = span.since if call.event >= span.since else span.since_before
        if begin is None or call.start < begin:
            return False
        return not (call.spoofed or call.callee in self.world.emergency or call.callee in self.world.test_numbers)

    def breach(self, span, policy, call_time, time, day, limit, value, consequence="alert", loose=False):
        """D9 "One `violation` event per policy, local day and phase, at the first breach; the consequence applies at every breach." True: the
        first of that day."""
        self.last_breach = time if self.last_breach is None else max(self.last_breach, time)
        if (policy, day) in span.said:
            return False
        span.said.add((policy, day))
        self.say("violation", time, episode=span.episode, loose=loose, phase=span.phase, policy=policy, day=day, limit=limit, value=value,
                 consequence=consequence)
        return True

    def judge_no_calls(self, call, span, day):
        """D9 "`no_calls` restarts the rest (`phase_since` = event time, `until` = event time + 30 x 24 h, at every breach, at most until 90
        days after the episode's rest first began; a `transition` from rest to rest with reason `violation` at the first breach of the day)".
        `extend` adds a stated number of days to `until`."""
        policy = self.policy()
        final = span is not self.span and span.ended_by == "command" and READINGS["release_ends_for_good"]
        first_today = self.breach(span, "no_calls", call.start, call.event, day, 0, span.judged[day], "alert" if final else policy.no_calls)
        if policy.no_calls == "alert":
            return
        if policy.no_calls == "restart":
            until = min(call.event + policy.rest_days * DAY, self.rest_began + policy.rest_max_days * DAY)
        else:
            until = span.until + policy.extend_days * DAY
        came_back = None
        if span is not self.span:
            # "that phase may have ended, for a CDR within `allowed_lateness` (...; a restart of the rest then takes effect from that CDR's time)";
            # one that could go no further, because of the 90 days, has nothing to take effect with
            if self.span.episode != span.episode or until <= span.until or (span.ended_by == "command" and READINGS["release_ends_for_good"]):
                return
            came_back = self.span.phase
            self.span, self.before = span, None
        if policy.no_calls == "extend":
            span.until = until
        elif not READINGS["restart_never_back"]:
            span.until, span.since = until, call.event
        else:
            span.until = max(span.until, until)
            if call.event > span.since:
                span.since_before, span.since = span.since, call.event
        if came_back or (first_today and policy.no_calls == "restart"):
            self.say_transition(came_back or "rest", call.event, "violation")

    def judge_daily_cap(self, call, span, day):
        """D9 "`daily_cap` counts the judged calls of the day, answered or not, and breaks at the one that exceeds `daily_max`"."""
        most = self.policy().caps(span.phase, self.aging_day(span, day))["daily_max"]
        if most is not None and span.judged[day] > most:
            self.breach(span, "daily_cap", call.start, call.event, day, most, span.judged[day])

    def judge_unknown_contact(self, call, span, day):
        """D9 "limited: ... known contacts only"; "if it overflowed, `unknown_contact` is not judged"."""
        if call.callee and not self.is_known(call.callee) and not self.overflow:
            self.breach(span, "unknown_contact", call.start, call.event, day, None, None, loose=len(self.known) > NEWEST)

    def judge_short_call(self, call, span, day):
        """D9 "`short_call` (answered, talk < 120 s, phase limited)"."""
        if call.answered and call.talk < self.policy().min_talk_s * SECOND:
            self.breach(span, "short_call", call.start, call.event, day, self.policy().min_talk_s, call.talk / 1000)

    def count_new_contact(self, call, span, day):
        """D9 "calls to contacts not known / calls"; "In moderate a new contact that answers for >= 2 minutes becomes known, from the next
        call on"."""
        if span is self.span:
            span.days_open.add(day)
        if call.callee and not self.is_known(call.callee):
            span.unknown[day] += 1
            if call.answered and call.talk >= self.policy().new_known_s * SECOND:
                self.known[call.callee] = call.event
                self.removed.discard(call.callee)

    def next_day_end(self):
        """D9 "`new_contact_share` (at the end of a local day that the phase outlives, ...; `time` = that midnight)"."""
        if self.span.phase != "moderate" or not self.span.days_open:
            return None
        day = min(self.span.days_open)
        midnight = self.midnight_after(day)
        if midnight <= self.fired_to:  # a late CDR of a day that was judged already counts on its own day and changes nothing
            self.span.days_open.discard(day)
            return self.next_day_end()
        return (midnight, 2, "day", lambda time: self.end_day(time, day))

    def end_day(self, time, day):
        """D9 "with at least 5 calls judged: calls to contacts not known / calls > 0.3, phase moderate" """
        span = self.span
        span.days_open.discard(day)
        calls, unknown = span.judged[day], span.unknown[day]
        if calls >= self.policy().share_calls and unknown / calls > self.policy().share_max:
            self.breach(span, "new_contact_share", time, time, day, self.policy().share_max, unknown / calls, loose=len(self.known) > NEWEST)
            self.after_cause(True)

    # ------------------------------------------------------------------ blocks of seven days

    def count_in_block(self, call, span):
        """D9 "judged calls in the block (by event time, after its begin, up to its end)"; a block that was judged is not judged again."""
        if span is self.span and call.event > span.block:
            span.block_calls += 1
            span.block_answered += call.answered

    def next_block(self):
        """D9 "at the end of each whole block of 7 x 24 h of limited and moderate (a prolonged moderate too)"."""
        if self.world.plain or self.span.phase not in ("limited", "moderate"):
            return None
        return (self.span.block + 7 * DAY, 1, "block", self.end_block)

    def end_block(self, time):
        """D9 "fewer judged calls in the block than 7 times the minimum is one `advisory` `daily_minimum`. In limited, a block with 5 or more
        calls of which fewer than half were answered is one `advisory` `low_answer`"."""
        span, policy = self.span, self.policy()
        least = policy.limited_min if span.phase == "limited" else policy.moderate_min
        if span.block_calls < 7 * least:
            self.say("advisory", time, topic="daily_minimum")
        if span.phase == "limited" and span.block_calls >= 5 and span.block_answered * 2 < span.block_calls:
            self.say("advisory", time, topic="low_answer")
        span.block, span.block_calls, span.block_answered = time, 0, 0
        self.after_cause(False)

    # ------------------------------------------------------------------ contacts

    def freeze_contacts(self, time, relapse):
        """D9 "known = answered a call of this number in the 31 days before, or on a list"; "A relapse adds to them and takes none away"."""
        if not relapse:
            self.known, self.removed = {}, set()
        for callee, when in self.answered.items():
            if time - KEPT < when <= time:
                self.known[callee] = when

    def is_known(self, callee):
        if callee in self.removed:
            return False
        return callee in self.known or callee in self.own_list or callee in self.world.account_contacts.get(self.account, ())

    def contact(self, command, time):
        """D11 "`contact` has `called` and `add` or `remove`"; D9 "or that a list names"."""
        if command.get("add"):
            self.own_list.add(command["called"])
            self.removed.discard(command["called"])
        else:
            self.own_list.discard(command["called"])
            self.removed.add(command["called"])

    # ------------------------------------------------------------------ aging

    def begin_aging(self, call):
        """D9 "aging: 14 days; only if `aging.enabled`; at most 10, 20, 30 calls a day on days 1-5, 6-10, 11-14 from the first own call"."""
        if self.world.plain or not self.policy().aging or not self.managed() or self.episode or self.span.begin is not None:
            return False
        if self.first_call != call.event or len(self.calls) != 1:
            return False
        self.enter("aging", call.start if READINGS["aging_begins_at_start"] else call.event, None)
        return True

    def aging_day(self, span, day):
        if span.phase != "aging":
            return 1
        return (datetime.date.fromisoformat(day) - datetime.date.fromisoformat(self.day(span.begin))).days + 1

    # ------------------------------------------------------------------ days, policy, state

    def day(self, time):
        """A calendar day is in the number's own time zone (D9)."""
        return datetime.datetime.fromtimestamp(time / 1000, self.world.zone(self.number, self.account)).date().isoformat()

    def midnight_after(self, day):
        return midnight_after(day, self.world.zone(self.number, self.account))

    def policy(self):
        return self.world.policy(self.account)

    def managed(self):
        return self.world.managed(self.number, self.account)

    def caps(self, time):
        day = self.aging_day(self.span, self.day(time)) if self.span.phase == "aging" else 1
        return self.policy().caps(self.span.phase, day)

    def say(self, kind, time, episode=None, loose=False, **data):
        self.events.append({"kind": kind, "number": self.number, "time": time, "cause": self.cause, "loose": loose,
                            "episode": self.episode if episode is None else episode, "data": data})

    def after_cause(self, changed):
        if self.watch is not None and self.cause in self.watch:
            self.states[self.cause] = self.state()

    def state(self):
        """What a `number` event would show now; None: plainly active, a tombstone."""
        span = self.span
        return {"phase": span.phase, "phase_since": span.since, "until": span.until, "episode": self.episode,
                "judged": dict(span.judged), "caps": self.caps(self.fired_to) if span.phase != "aging" else None,
                "flags": sorted(self.flags), "open_alerts": sorted(self.alerts)}


# ---------------------------------------------------------------------------------------------------------------- a shard

class Shard:
    """The clock of a shard and the order of its input (D5): what CDRs and commands meet in. `items()` gives, per number, its own input with
    the shard's clock at each, so that every number can be lived through by itself."""

    def __init__(self, cdrs, commands):
        self.of_number = defaultdict(list)
        self.clock = -1
        self.commands = deque()
        latest = -1
        for command in commands:  # D5 "a `time` before its predecessor's counts as that one"
            latest = max(latest, command["time"])
            self.commands.append((latest, command))
        self.last_command = latest
        for cdr in cdrs:
            self.add(cdr)
        while self.commands:
            self.apply_command()

    def add(self, cdr):
        call = Call(cdr)
        # D5 "one is applied immediately before the first CDR of its shard with a later event time"
        while self.commands and self.commands[0][0] < call.event:
            self.apply_command()
        self.clock = max(self.clock, call.event)
        self.of_number[cdr["calling_number"]].append((self.clock, call))

    def apply_command(self):
        time, command = self.commands.popleft()
        self.of_number[command["number"]].append((time, command))

    def end(self, until=None):
        """D11 "Without `--until` each shard's time stops at its own last CDR or command"."""
        return max(self.clock, self.last_command, until or -1)


def live(number, items, world, end, health_at=None, watch=None):
    """Lives one number through; returns the Number."""
    n = Number(number, world, health_at, watch)
    for time, item in items:
        if isinstance(item, Call):
            n.call(item, time)
        else:
            n.command(item, time)
    n.advance(end)
    n.expire(end)
    return n


# Still to come, when the branches `disputes` and `history` say their tables: the calendar of disputes (a table of steps by provider with
# their days), the case study at the end of an episode, the cohort check. run.py lists the events of these kinds as not compared.


def main():
    import argparse
    p = argparse.ArgumentParser(description="The events that DESIGN asks for, one JSON object a line.")
    p.add_argument("--world", required=True, help="world.json of generate.py")
    p.add_argument("--control", help="commands, JSON lines")
    p.add_argument("--number", help="only this one")
    p.add_argument("files", nargs="+", help="CDRs, JSON lines")
    a = p.parse_args()
    world = World(json.load(open(a.world)))
    commands = [json.loads(line) for line in open(a.control)] if a.control else []
    shard = Shard((json.loads(line) for f in a.files for line in open(f)), commands)
    for number, items in sorted(shard.of_number.items()):
        if a.number in (None, number):
            for event in live(number, items, world, shard.end()).events:
                print(json.dumps(event))


if __name__ == "__main__":
    main()
