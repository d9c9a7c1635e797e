# SPDX-License-Identifier: Apache-2.0
"""A real stream through `replay` and through `run` on Kafka and Redis: equal dumps, byte for byte, and equal events."""
import json
import os
from pathlib import Path

from copenhagen import cdrs
from harness import PARTITIONS, ROOT, Skipped, compare, expect, replay_events

RULES = """\
groups:
  - name: students
    interval: 30m
    rules:
      - alert: ManyCalls
        expr: calls["24h"] >= 8
        mode: enforce
        labels: {severity: warning}
      - alert: Unanswered
        expr: calls["7d"] >= 12 && answer_ratio["7d"] < 0.6
        for: 10m
        keep_firing_for: 2h
        action: quarantine
        mode: enforce
        labels: {severity: critical}
      - alert: OneFriend
        expr: calls["1h"] >= 5 && callee_ratio["1h"] <= 0.25 || short6["24h"] >= 4
        mode: shadow
"""


def calls_csv():
    path = Path(os.environ.get("COPENHAGEN_CSV", ROOT.parent / "shared" / "data" / "copenhagen" / "calls.csv"))
    if not path.is_file():
        raise Skipped(f"{path} is not here (another place: COPENHAGEN_CSV)")
    return path


def test_copenhagen_replay_equals_run(env):
    lines = [json.dumps(c, separators=(",", ":")) for c in cdrs(calls_csv())]
    file = env.write("cdrs.jsonl", "\n".join(lines) + "\n")
    env.write("rules.yaml", RULES)
    config = env.config("live", env.redis())
    env.verb("replay", "-c", config.path, "--partitions", PARTITIONS, "--out", env.folder / "out", "--dump", env.folder / "replay.dump", file)

    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, [(json.loads(line)["calling_number"], line.encode()) for line in lines])
    r = env.run(config)
    r.wait_line("took partition", 30, PARTITIONS)
    config.wait_read(60, r)
    r.terminate()

    live, replayed = config.events(), replay_events(env.folder / "out")
    compare("events of run against replay", live, replayed)
    kinds = {}
    for e in replayed.values():
        kinds[e["type"]] = kinds.get(e["type"], 0) + 1
    env.say(f"{len(lines)} CDRs; events {kinds}")
    expect(kinds.get("dev.ringfence.alert.raised.v1") and kinds.get("dev.ringfence.transition.v1"), f"too little was set off: {kinds}")
    expect(not config.dead_letters(), "dead letters in a clean stream")
    dump, other = env.verb("state", "dump", "--subjects", "-c", config.path), (env.folder / "replay.dump").read_text()
    expect(len(dump) > 1000, "an empty dump")
    if dump != other:
        by_subject = [{json.loads(line)["subject"]: line for line in text.splitlines()} for text in (dump, other)]
        compare("state dump --subjects of run against replay --dump", *by_subject)
        expect(False, "state dump --subjects differs from replay --dump in the order of its lines")
