# SPDX-License-Identifier: Apache-2.0
"""Simulated lives through `ringfence replay --control`, every event held against the plain model of model.py.

    python3 run.py --program build/release/ringfence                       # 300 numbers over 400 days, CI
    python3 run.py --program build/release/ringfence --numbers 10000       # the whole, in batches of --batch numbers
    python3 run.py --program P --use DIR --number +12121000245             # one number of an earlier run, told in full

Compared: alerts raised and resolved, transitions, violations, advisories with time, cause, episode and the fields of `data`, and every
`number` event with the state of the model after the same cause. Not: ids, sequence, texts, what NOT_COMPARED names (counted, shown).
Beside that the program's own events are checked for what must hold whatever the model says (class Invariants).
"""
import argparse
import collections
import datetime
import functools
import json
import multiprocessing
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import generate  # noqa: E402
import model  # noqa: E402

FILES = ["alerts", "transitions", "advisories", "numbers", "disputes"]
NOT_COMPARED = {"alert.firing", "dispute", "case_study"}
TOPICS = {"daily_minimum", "low_answer", "reputation_not_improved"}  # advisories that the model knows
KEYS = {"transition": ("from", "to", "reason"), "violation": ("phase", "policy", "day"), "advisory": ("topic",),
        "alert.raised": ("rule",), "alert.resolved": ("rule",)}
FIELDS = {"transition": ("until", "caps"), "violation": ("limit", "value", "consequence"), "advisory": (), "alert.raised": (), "alert.resolved": ()}


@functools.lru_cache(maxsize=100000)
def ms(text):
    if text is None:
        return None
    t = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(t.timestamp()) * 1000 + t.microsecond // 1000


def utc(t):
    return "-" if t is None else datetime.datetime.fromtimestamp(t / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


# ---------------------------------------------------------------------------------------------------------------- what the program said

def cause_of(cause):
    """As the model names causes; the gate is the end of a phase."""
    if "timer" in cause:
        return ("timer", "phase_end" if cause["timer"] == "gate" else cause["timer"], ms(cause["due"]))
    if "command" in cause:
        return ("command", cause["command"])
    return ("cdr", cause["record_id"])


def read_events(out):
    """Number -> its events, in the order of `sequence`."""
    said = collections.defaultdict(list)
    for name in FILES:
        with open(os.path.join(out, name + ".jsonl")) as f:
            for line in f:
                e = json.loads(line)
                if e["subject"].startswith("+"):
                    e["kind"] = e["type"][len("dev.ringfence."):-len(".v1")]
                    e["time"] = ms(e["time"])
                    said[e["subject"]].append(e)
    for events in said.values():
        events.sort(key=lambda e: int(e["sequence"]))
    return said


def plain(event):
    """An event of the program in the form of the model's."""
    data = dict(event["data"])
    if "until" in data:
        data["until"] = ms(data["until"])
    return {"kind": event["kind"], "time": event["time"], "cause": cause_of(data["cause"]), "episode": data["episode"], "data": data, "loose": False}


# ---------------------------------------------------------------------------------------------------------------- comparison

def key_of(event):
    data = event["data"]
    # which of the four reasons the beginning of aging has, DESIGN does not say
    known = KEYS[event["kind"]][:-1] if data.get("to") == "aging" else KEYS[event["kind"]]
    return (event["time"], event["kind"]) + tuple(str(data.get(k)) for k in known)


def norm_cause(cause):
    return ("timer", "phase_end", cause[2]) if cause[:2] == ("timer", "gate") else tuple(cause)


def same(expected, got):
    if expected is None:
        return True  # DESIGN does not say it
    if isinstance(expected, (int, float)) and not isinstance(expected, bool) and isinstance(got, (int, float)):
        return abs(expected - got) < 1e-6
    return expected == got


def compare_events(expected, got):
    """Differences as (time, what, expected, got)."""
    found, waiting = [], collections.defaultdict(list)
    for e in got:
        waiting[key_of(e)].append(e)
    for e in expected:
        match = waiting[key_of(e)].pop(0) if waiting[key_of(e)] else None
        if match is None:
            if not e["loose"]:
                found.append((e["time"], "missing: " + what(e), show(e), "nothing"))
            continue
        if norm_cause(e["cause"]) != norm_cause(match["cause"]):
            found.append((e["time"], "cause of " + show(e), e["cause"], match["cause"]))
        if e["episode"] != match["episode"]:
            found.append((e["time"], "episode of " + show(e), e["episode"], match["episode"]))
        for field in FIELDS[e["kind"]]:
            want, have = e["data"].get(field), match["data"].get(field)
            if field == "caps" and want is not None and have is not None:
                have = {k: have.get(k) for k in want}
            if field in ("until", "caps") and want is None and have is not None or not same(want, have):
                found.append((e["time"], "%s of %s" % (field, show(e)), pretty(field, want), pretty(field, have)))
        if e["data"].get("reason") == "rule" and e["data"]["detail"] not in str(match["data"]["detail"]):
            found.append((e["time"], "detail", e["data"]["detail"], match["data"]["detail"]))
    for left in waiting.values():
        found += [(e["time"], "not expected: " + what(e), "nothing", show(e)) for e in left]
    return found


def pretty(field, value):
    return utc(value) if field in ("until", "phase_since") else value


def what(event):
    return {"transition": "transition", "violation": "violation " + str(event["data"].get("policy")), "advisory": "advisory " + str(event["data"].get("topic"))
            }.get(event["kind"], event["kind"])


def show(event):
    text = " ".join("%s=%s" % (k, event["data"].get(k)) for k in KEYS[event["kind"]])
    if "until" in event["data"]:
        text += " until " + utc(event["data"]["until"])
    return "%s %s, %s, by %s" % (event["kind"], text, utc(event["time"]), " ".join(str(c) for c in event["cause"]))


def compare_states(n, numbers):
    """Each `number` event against the state of the model after the same cause; and those that have to be there."""
    found, heard = [], set()
    last = {}
    for e in numbers:
        if e["data"] is not None:
            last[cause_of(e["data"]["cause"])] = e
    for cause, e in last.items():
        heard.add(norm_cause(cause))
        state = n.states.get(cause) or n.states.get(("timer", "gate") + cause[2:])
        if state is None and cause[:2] == ("timer", "day"):
            continue  # the end of a day far above its cap
        if state is None and cause[:2] == ("timer", "alert"):
            continue  # a rule's flag was opened or cleared with its alert: the number shows it, and nothing that is compared has changed
        if state is None:
            found.append((e["time"], "number", "no such cause in the life", cause))
            continue
        d = e["data"]
        have = {"phase": d["phase"], "phase_since": ms(d["phase_since"]), "until": ms(d["until"]), "episode": d["episode"],
                "flags": sorted((f["provider"] or "", f["carrier"] or "", f["label"] or "") for f in d["flags"]), "open_alerts": sorted(d["open_alerts"])}
        for field, value in have.items():
            if state[field] != value:
                found.append((e["time"], "number, %s" % field, pretty(field, state[field]), pretty(field, value)))
        if state["caps"] is not None and {k: d["caps"].get(k) for k in state["caps"]} != state["caps"]:
            found.append((e["time"], "number, caps", state["caps"], d["caps"]))
        found += compare_today(e, d, state)
    for cause in n.must_say:
        said = norm_cause(cause) in heard or (n.tombstones.get(cause) in {e["time"] for e in numbers if e["data"] is None})
        if not said:
            found.append((n.cause_time.get(cause, 0), "number", "an event after " + str(cause), "nothing"))
    return found


def compare_today(event, data, state):
    today = data.get("today")
    if not today or state["phase"] == "active":
        return []
    calls = state["judged"].get(today["day"], 0)
    if today["calls"] != calls:
        return [(event["time"], "number, calls of %s" % today["day"], calls, today["calls"])]
    most = (data["caps"] or {}).get("daily_max")
    left = None if most is None else max(0, most - calls)
    return [] if today["left"] == left else [(event["time"], "number, left of %s" % today["day"], left, today["left"])]


# ---------------------------------------------------------------------------------------------------------------- invariants

class Invariants:
    """What must hold of the program's own events of one number, whatever the model says."""

    def __init__(self, events, dump, policy, late, end):
        self.found = []
        self.events, self.dump, self.policy, self.late, self.end = events, dump, policy, late, end
        self.phase, self.episode, self.rest_since, self.rest_first = "active", 0, None, None

    def check(self):
        newest, sequence, alive = None, -1, None
        for e in self.events:
            self.expect(int(e["sequence"]) > sequence, e, "sequence grows")
            sequence = int(e["sequence"])
            cause = None if e["data"] is None else e["data"]["cause"]
            if not (cause and cause.get("record_id") in self.late):
                self.expect(newest is None or e["time"] >= newest, e, "time only moves forward")
                newest = e["time"]
            if e["kind"] == "transition":
                self.transition(e)
            if e["kind"] == "number":
                alive = e if e["data"] else None
                if e["data"]:
                    self.number(e)
        self.finish(alive)
        return self.found

    def expect(self, holds, event, what):
        if not holds:
            self.found.append((event["time"] if event else self.end, "invariant: " + what, "", event and json.dumps(event)))

    def transition(self, e):
        d, cause = e["data"], cause_of(e["data"]["cause"])
        fits = {"timer": ("timer",), "command": ("command",), "violation": ("cdr",), "rule": ("cdr", "command", "timer")}
        self.expect(d["to"] == "aging" or cause[0] in fits.get(d["reason"], ()), e, "every transition names its cause")
        if d["to"] != "aging":
            self.expect(d["from"] == self.phase, e, "never two phases at once: it comes from the phase that it was in (%s)" % self.phase)
        if d["to"] == "rest" and d["reason"] != "violation":
            self.expect(d["episode"] >= 1, e, "a rest belongs to an episode")
            self.rest_first = e["time"]
        if d["to"] == "rest":
            self.rest_since = e["time"]
        if d["from"] == "rest" and d["reason"] == "timer":
            self.expect(e["time"] >= min(self.rest_since + self.policy.rest_days * model.DAY, self.rest_first + self.policy.rest_max_days * model.DAY),
                        e, "rest never shorter than policy")
        if d["to"] == "active":
            self.expect(d["until"] is None, e, "active has no end")
        else:
            self.expect(d["until"] is not None, e, "a phase has an end")
        self.caps(e, d["to"], d["caps"])
        self.phase = d["to"]

    def number(self, e):
        d = e["data"]
        if d["phase"] != "active":
            self.expect(d["phase"] == self.phase, e, "the number event shows the phase of the last transition (%s)" % self.phase)
            self.expect(d["until"] is not None, e, "no episode without an open timer")
            self.caps(e, d["phase"], d["caps"])

    def caps(self, e, phase, caps):
        if phase == "active":
            return
        most = self.policy.aging_caps[-1][1] if phase == "aging" else self.policy.caps(phase)["daily_max"]
        self.expect(caps and caps["daily_max"] is not None and caps["daily_max"] <= most, e, "caps never exceed policy")

    def finish(self, alive):
        """At the end: no number event stands that is not true, and no episode without an end or an open timer."""
        phase = self.dump["phase"] if self.dump else "active"
        self.expect(phase == self.phase, None, "the dump shows the phase of the last transition (%s, %s)" % (phase, self.phase))
        if phase != "active":
            self.expect(self.dump["until"] is not None and ms(self.dump["until"]) > self.end, None, "no episode without an open timer")
            self.expect(alive is not None, None, "a number in an episode stands in ringfence.numbers")
        elif alive is not None:
            self.expect(alive["data"]["phase"] == "active", None, "an active number does not stand in a phase in ringfence.numbers")


# ---------------------------------------------------------------------------------------------------------------- a batch

BATCH = None


class Batch:
    def __init__(self, folder):
        path = lambda name: os.path.join(folder, name)  # noqa: E731
        world = json.load(open(path("world.json")))
        self.world = model.World(world)
        self.kinds = json.load(open(path("kinds.json")))
        commands = [json.loads(line) for line in open(path("control.jsonl"))]
        self.shard = model.Shard((json.loads(line) for line in open(path("cdrs.jsonl"))), commands)
        self.end = self.shard.end(world["until"])
        self.said = read_events(path("out"))
        self.dump = {}
        for line in open(path("dump.jsonl")):
            d = json.loads(line)
            self.dump[d["subject"]] = d
        # a program that does not know health says -1 everywhere
        self.has_health = any(e["data"] and e["data"].get("health", -1) >= 0 for events in self.said.values() for e in events if e["kind"] == "number")

    def health_at(self, number, at):
        """Health is given: from the `number` event of that moment; of a number that passed (a tombstone), enough."""
        if not self.has_health:
            return -1
        for e in self.said.get(number, ()):
            if e["kind"] == "number" and e["time"] == at:
                return e["data"]["health"] if e["data"] else 100
        return -1

    def compare(self, number):
        events = self.said.get(number, [])
        numbers = [e for e in events if e["kind"] == "number"]
        watch = {cause_of(e["data"]["cause"]) for e in numbers if e["data"]}
        watch |= {("timer", "gate") + c[2:] for c in watch if c[:2] == ("timer", "phase_end")}
        n = model.live(number, self.shard.of_number.get(number, ()), self.world, self.end, self.health_at, watch)
        got = [plain(e) for e in events if e["kind"] in KEYS and (e["kind"] != "advisory" or e["data"]["topic"] in TOPICS)]
        found = compare_events(n.events, got) + compare_states(n, numbers)
        # a CDR behind the shard's clock comes after timers of a later time
        late = {item.record_id for clock, item in self.shard.of_number.get(number, ()) if isinstance(item, model.Call) and item.event < clock}
        found += Invariants(events, self.dump.get(number), self.world.policy(self.account(number)), late, self.end).check()
        counts = collections.Counter()
        for e in n.events:
            d = e["data"]
            counts[{"transition": "%s %s->%s (%s)" % (e["kind"], d.get("from"), d.get("to"), d.get("reason")), "advisory": "advisory %s" % d.get("topic"),
                    "violation": "violation %s %s" % (d.get("phase"), d.get("policy"))}.get(e["kind"], e["kind"])] += 1
        other = collections.Counter(e["kind"] + " " + str((e["data"] or {}).get("topic", "")) for e in events
                                    if e["kind"] in NOT_COMPARED or (e["kind"] == "advisory" and e["data"]["topic"] not in TOPICS))
        return number, sorted(found, key=lambda d: d[0]), counts, other, len(numbers)

    def account(self, number):
        return next((i.account for _, i in self.shard.of_number.get(number, ()) if isinstance(i, model.Call) and i.account), "-")

    def around(self, number, at, cnt=5):
        """The input of the number around a moment, and what each side said."""
        items = self.shard.of_number.get(number, ())
        times = [item.event if isinstance(item, model.Call) else t for t, item in items]
        near = sorted(range(len(items)), key=lambda i: abs(times[i] - at))[:cnt]
        for i in sorted(near):
            t, item = items[i]
            if isinstance(item, model.Call):
                yield "call    %s start %s event %s talk %gs to %s%s%s (shard's clock %s)" % (
                    item.record_id, utc(item.start), utc(item.event), item.talk / 1000, item.callee, "" if item.answered else ", not answered",
                    ", spoofed" if item.spoofed else "", utc(t))
            else:
                yield "command %s %s" % (utc(t), json.dumps(item))


def compare_one(number):
    return BATCH.compare(number)


def replay(program, folder):
    path = lambda name: os.path.join(folder, name)  # noqa: E731
    command = [program, "replay", "-c", path("ringfence.yaml"), "--rules", path("rules.yaml"), "--control", path("control.jsonl"), "--out", path("out"),
               "--dump", path("dump.jsonl"), "--until", str(json.load(open(path("world.json")))["until"]), path("cdrs.jsonl")]
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit("replay failed (%d): %s\n%s" % (done.returncode, " ".join(command), done.stderr))
    dead = sum(1 for _ in open(path("out/dead-letters.jsonl")))
    return time.monotonic() - begin, dead


def run_batch(args, folder, report):
    global BATCH
    BATCH = Batch(folder)
    numbers = [args.number] if args.number else sorted(set(BATCH.kinds) | set(BATCH.said))
    if args.jobs > 1 and len(numbers) > 1:
        with multiprocessing.Pool(args.jobs) as pool:
            results = pool.map(compare_one, numbers, chunksize=8)
    else:
        results = [compare_one(n) for n in numbers]
    for number, found, counts, other, said in results:
        report.add(BATCH, number, found, counts, other, said)


class Report:
    def __init__(self, most, each):
        self.most, self.each, self.shown = most, each, 0
        self.numbers = self.wrong = self.said = 0
        self.counts, self.other, self.kinds = collections.Counter(), collections.Counter(), collections.Counter()

    def add(self, batch, number, found, counts, other, said):
        self.numbers += 1
        self.said += said
        self.counts += counts
        self.other += other
        if not found:
            return
        self.wrong += 1
        for d in found:
            self.kinds[d[1].split(" of ")[0] if d[1].startswith("number") else d[1].split(" until ")[0].split(", ")[0]] += 1
        if self.shown == self.most:
            return
        self.shown += 1
        print("%s (%s, account %s): %d differences" % (number, batch.kinds.get(number), batch.account(number), len(found)))
        for at, what, expected, got in found[:self.each]:
            print("  %s %s\n    expected: %s\n    got:      %s" % (utc(at), what, expected, got))
        for line in batch.around(number, found[0][0]):
            print("    | " + line)

    def end(self, wanted):
        for what, cnt in sorted(self.counts.items()):
            print("%8d  %s" % (cnt, what))
        print("%8d  number (each held against the state after its cause)" % self.said)
        for what, cnt in sorted(self.other.items()):
            print("%8d  %s: not compared" % (cnt, what))
        missing = [w for w in wanted if not any(k.startswith(w) for k in self.counts)]
        for w in missing:
            print("no life led to: " + w)
        for what, cnt in self.kinds.most_common():
            print("%8d differences: %s" % (cnt, what))
        print("%d numbers, %d with differences" % (self.numbers, self.wrong))
        return 1 if self.wrong or missing else 0


# what a run of 300 numbers or more has to meet, or it shows less than it seems to
WANTED_PLAIN = ["transition active->rest (rule)", "transition active->rest (command)", "transition rest->limited (timer)",
                "transition limited->moderate (timer)", "transition moderate->active (timer)", "transition limited->rest (rule)",
                "transition moderate->rest (rule)", "transition rest->active (command)", "alert.raised", "alert.resolved"]
WANTED = WANTED_PLAIN + [
    "transition rest->rest (violation)", "transition limited->rest (violation)", "transition active->rest (violation)",
    "transition rest->active (timer)",
    "violation rest no_calls", "violation limited daily_cap", "violation moderate daily_cap", "violation limited unknown_contact",
    "violation limited short_call", "violation moderate new_contact_share", "violation aging daily_cap", "advisory daily_minimum",
    "advisory low_answer", "advisory reputation_not_improved"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", required=True)
    p.add_argument("--numbers", type=int, default=300)
    p.add_argument("--days", type=int, default=400)
    p.add_argument("--seed", default="1")
    p.add_argument("--batch", type=int, default=500, help="numbers of one replay")
    p.add_argument("--folder", default="build/lives", help="scratch")
    p.add_argument("--plain", action="store_true", help="only the plain phase machine, nothing judged")
    p.add_argument("--use", help="the folder of an earlier run: neither generate nor replay again (with --again: replay)")
    p.add_argument("--again", action="store_true")
    p.add_argument("--number", help="only this one")
    p.add_argument("--show", type=int, default=10, help="numbers with differences to print")
    p.add_argument("--each", type=int, default=6, help="differences of each")
    p.add_argument("--reading", action="append", default=[], help="the other one of a reading of model.py, by name")
    p.add_argument("--jobs", type=int, default=2)
    args = p.parse_args()
    for name in args.reading:
        model.READINGS[name] = not model.READINGS[name]
    report = Report(args.show, 100 if args.number else args.each)
    if args.use:
        if args.again:
            replay(args.program, args.use)
        run_batch(args, args.use, report)
    left, batch = args.numbers, 0
    while left > 0 and not args.use:
        folder = os.path.join(args.folder, "batch%d" % batch)
        begin = time.monotonic()
        calls, commands = generate.write(folder, min(left, args.batch), args.days, "%s.%d" % (args.seed, batch), args.plain)
        made = time.monotonic()
        took, dead = replay(args.program, folder)
        begin_compare = time.monotonic()
        run_batch(args, folder, report)
        print("%s: %d numbers, %d CDRs, %d commands, %d dead letters; generated in %.1f s, replay %.1f s, compared in %.1f s, %d with differences so far" % (
            folder, min(left, args.batch), calls, commands, dead, made - begin, took, time.monotonic() - begin_compare, report.wrong), file=sys.stderr)
        left -= args.batch
        batch += 1
    big = not args.use and args.numbers >= 300 and args.days >= 400
    sys.exit(report.end((WANTED_PLAIN if args.plain else WANTED) if big else []))


if __name__ == "__main__":
    main()
