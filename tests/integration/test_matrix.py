# SPDX-License-Identifier: Apache-2.0
"""Replay equals live: one stream through `replay` and through Kafka and Redis in every way of cutting it into batches, workers and lives. Dumps are
equal byte for byte, events by id and content."""
import json
import re

from harness import PARTITIONS, compare, expect, replay_events, wait_until

RELAY_OFF = 'relay: {called: "off", account: false, trunk: false, block: false}\n'
RULES = """\
groups:
  - name: matrix
    interval: 10m
    rules:
      - alert: ManyCallees
        expr: callees["1h"] >= 30 && answer_ratio["1h"] < 0.6
        for: 5m
        keep_firing_for: 20m
        labels: {severity: warning}
      - alert: ShortCalls
        expr: calls["6h"] >= 40 && short6_ratio["6h"] > 0.5 || gap_cv["24h"] < 0.05 && calls["24h"] >= 50
        action: quarantine
        labels: {severity: critical}
      - alert: Night
        expr: off_hours["24h"] > 10 && avg_talk_s["24h"] < 30.0
        mode: shadow
"""
KEY = re.compile(rb'"calling_number":"([^"]+)"')
START_MS = 1736121600000  # 2025-01-06, where generated time begins


def made(env, name, count, *options):
    path = env.folder / f"{name}.jsonl"
    env.verb("generate", "--count", count, "--out", path, "--late", "2%", "--very-late", "0.2%", "--duplicates", "0.5%", *options)
    return path


def records(path):
    with open(path, "rb") as f:
        return [(KEY.search(line).group(1), line.rstrip(b"\n")) for line in f]


def commands(env, lines):
    """To rest and out of it, flags and complaints, spread over the stream's time; some for numbers that never call."""
    some = [json.loads(v) for _, v in lines[:: len(lines) // 40]]
    out = []
    for i, cdr in enumerate(sorted(some, key=lambda c: c["start_time"])):
        number = f"+1999555{i:04d}" if i % 10 == 9 else cdr["calling_number"]
        verb = ("quarantine", "flag", "release", "complaint")[i % 4]
        o = {"id": f"c{i}", "command": verb, "number": number, "time": cdr["start_time"] + 500}
        if verb in ("flag", "complaint"):
            o |= {"provider": "hiya", "label": "spam"}
        out.append(o)
        if verb == "flag":  # once more, and half of them cleared
            out.append(o | {"id": f"c{i}-again", "time": o["time"] + 1})
            if i % 8 == 1:
                out.append({"id": f"c{i}-clear", "command": "clear", "number": number, "provider": "hiya", "time": o["time"] + 2})
    file = env.write("control.jsonl", "".join(json.dumps(o) + "\n" for o in out))
    return file, [(o["number"].encode(), json.dumps(o).encode()) for o in out]


def replayed(env, config, path, control, name):
    env.verb("replay", "-c", config.path, "--partitions", PARTITIONS, "--control", control, "--out", env.folder / name, "--dump",
             env.folder / f"{name}.dump", path, timeout_s=300)
    return (env.folder / f"{name}.dump").read_text(), replay_events(env.folder / name)


def same(env, config, name, dump, events):
    config.wait_said()
    compare(f"events of {name} against replay", config.events(), events)
    mine = env.verb("state", "dump", "--subjects", "-c", config.path)
    if mine != dump:
        compare(f"dump of {name} against replay", *({json.loads(line)["subject"]: line for line in text.splitlines()} for text in (mine, dump)))
        expect(False, f"the dump of {name} differs from that of replay in the order of its lines")
    said = env.verb("state", "check", "-c", config.path)
    expect(said.strip().endswith(" 0 faults"), said)


class Lives:
    """Runs a configuration to the end of its input, ended and begun again at these shares of it."""

    def __init__(self, env, config, control, restarts=()):
        env.kafka.create(config.control)
        env.kafka.produce(config.control, control)
        total = sum(env.kafka.ends(config.cdr).values())
        for share in (*restarts, None):
            r = env.run(config)
            r.wait_line("took partition", 30, PARTITIONS)
            if share is None:
                config.wait_read(180, r)
                r.terminate()
            else:
                wait_until("so much is read", lambda s=share: sum(config.positions().values()) >= s * total, 90, 0.02)
                r.kill() if share > 0.5 else r.terminate()


def test_matrix_replay_equals_live(env):
    env.write("rules.yaml", RULES)
    path = made(env, "cdrs", "1M", "--numbers", "30k")
    lines = records(path)
    file, control = commands(env, lines)
    redis = env.redis()
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, lines)
    ways = {"plain": (5000, 1, ()), "large": (10000, 3, ()), "small": (100, 1, (0.3, 0.7))}
    dump = events = None
    for db, (name, (batch, workers, restarts)) in enumerate(ways.items()):
        config = env.config(name, (redis, db), more=RELAY_OFF + f"run: {{status: 500ms, batch_records: {batch}, workers: {workers}}}\n")
        if dump is None:
            dump, events = replayed(env, config, path, file, "out")
            kinds = {e["type"] for e in events.values()}
            expect({"dev.ringfence.alert.firing.v1", "dev.ringfence.alert.resolved.v1", "dev.ringfence.transition.v1"} <= kinds, f"only {kinds}")
        Lives(env, config, control, restarts)
        same(env, config, name, dump, events)
    env.say(f"{len(lines)} CDRs, {len(events)} events, {len(dump.splitlines())} subjects; equal in {', '.join(ways)}")


def test_matrix_one_by_one_and_a_day_late(env):
    """A batch holds one record; the records are a day old when the process begins."""
    env.write("rules.yaml", RULES)
    path = made(env, "few", "20k", "--numbers", "200")
    lines = records(path)
    file, control = commands(env, lines)
    redis = env.redis()
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, [(k, v, None, START_MS + 400 * 86400_000) for k, v in lines])
    config = env.config("single", (redis, 0), more=RELAY_OFF + "run: {status: 500ms, batch_records: 1}\n")
    dump, events = replayed(env, config, path, file, "out")
    Lives(env, config, control)
    same(env, config, "single", dump, events)
    env.say(f"{len(lines)} CDRs one by one, {len(events)} events")


def test_matrix_relay_on(env):
    """Copies come when they come, so what the exact range does not hold may differ within its bounds; what is counted may not."""
    env.write("rules.yaml", RULES)
    path = made(env, "cdrs", "200k", "--numbers", "10k")
    lines = records(path)
    file, control = commands(env, lines)
    redis = env.redis()
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, lines)
    config = env.config("live", (redis, 0), more='relay: {called: "all"}\nrun: {status: 500ms, workers: 2}\n')
    dump, events = replayed(env, config, path, file, "out")
    Lives(env, config, control, (0.4, 0.8))
    config.wait_said()
    compare("events of live against replay", config.events(), events)
    mine = env.verb("state", "dump", "--subjects", "-c", config.path)
    counted = ("kind", "first_seen", "lifetime", "phase", "episode", "phase_since", "flags", "open_alerts")
    plain = [{o["subject"]: {k: o[k] for k in counted} for o in map(json.loads, text.splitlines())} for text in (mine, dump)]
    compare("counts of live against replay", *plain)
    kinds = {}
    for o in plain[0].values():
        kinds[o["kind"]] = kinds.get(o["kind"], 0) + 1
    expect(kinds.get("block") and kinds.get("account"), f"no cohorts: {kinds}")
    said = env.verb("state", "check", "-c", config.path)
    expect(said.strip().endswith(" 0 faults"), said)
    env.say(f"{len(lines)} CDRs, {len(events)} events, {kinds}")


COHORT_RULES = """\
groups:
  - name: cohorts
    interval: 1h
    rules:
      - {alert: Busy, expr: 'calls["1h"] >= 5'}
      - {alert: Rotation, cohort: account, expr: 'numbers["24h"] >= 12', keep_firing_for: 2d}
      - {alert: Block, cohort: block, expr: 'numbers["24h"] >= 20', keep_firing_for: 2d}
      - {alert: Burst, cohort: block, expr: 'flagged_numbers["24h"] >= 3', keep_firing_for: 2d}
      - {alert: Trunk, cohort: trunk, expr: 'numbers["24h"] >= 100', keep_firing_for: 2d}
"""


def test_matrix_cohort_rules(env):
    """At which copy a rule on a cohort fires is chance; which cohorts it fires for is not, where its condition holds for a while. Over two restarts."""
    env.write("rules.yaml", COHORT_RULES)
    path = made(env, "cdrs", "40k", "--numbers", "3k", "--duration", "2d", "--mix", "private=80,campaign=20")
    lines = records(path)
    file, control = commands(env, lines)
    redis = env.redis()
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, lines)
    config = env.config("live", (redis, 0), more="run: {status: 500ms, workers: 2}\n")
    _, events = replayed(env, config, path, file, "out")
    Lives(env, config, control, (0.4, 0.8))
    config.wait_said()
    raised = [sorted((e["data"]["rule"], e["subject"]) for e in some.values() if e["type"] == "dev.ringfence.alert.raised.v1" and e["subject"][0] != "+")
              for some in (config.events(), events)]
    expect(raised[0] == raised[1], f"raised live alone or more often: {set(raised[0]) - set(raised[1])}, in replay: {set(raised[1]) - set(raised[0])}; "
           f"{len(raised[0])} and {len(raised[1])}")
    expect({rule for rule, _ in raised[0]} == {"Rotation", "Block", "Burst", "Trunk"}, f"only {set(raised[0])}")
    expect(len(set(raised[0])) == len(raised[0]), f"raised twice: {raised[0]}")
    env.say(f"{len(lines)} CDRs, {len(raised[0])} alerts of cohorts live and in replay")
