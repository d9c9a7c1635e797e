# SPDX-License-Identifier: Apache-2.0
"""The life of a number by hand: commands from the command line, the question before a call, erasure."""
import json

from cdrs import now_ms
from harness import PARTITIONS, expect, wait_until

NUMBER, FRIEND, STRANGER = "+12125550100", "+13035550001", "+13105550000"


def call(i, end_ms, to, talk_s=150):
    return (NUMBER, json.dumps({"record_id": f"c{i}", "calling_number": NUMBER, "called_number": to, "start_time": end_ms - talk_s * 1000 - 5000,
                                "end_time": end_ms, "disposition": "ANSWERED", "billable_ms": talk_s * 1000}).encode())


def number(env, config, *words, code=0):
    return env.verb("number", words[0], "-c", config.path, *words[1:], code=code)


def may_call(env, config, to, code):
    return json.loads(number(env, config, "may-call", NUMBER, to, code=code))


def test_life_by_hand(env):
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis(), more="time: {idle: wall, idle_lag: 0s}\n")
    r = env.run(config)
    r.wait_line("took partition", 30, PARTITIONS)
    env.kafka.produce(env.cdr, [call(i, now_ms() - (20 - i) * 60_000, FRIEND) for i in range(10)])
    config.wait_read(60, r)
    expect(may_call(env, config, STRANGER, 0)["phase"] == "active", "an active number may not call")
    expect(json.loads(number(env, config, "contacts", NUMBER))["known"] == [FRIEND], "whom it knows while it is active")

    expect("applied" in number(env, config, "quarantine", "--note", "by hand", "--id", "q1", NUMBER), "the quarantine was not applied")
    number(env, config, "quarantine", "--note", "by hand", "--id", "q1", NUMBER)  # the same command again
    told = may_call(env, config, FRIEND, 1)
    expect(told["policy"] == "no_calls" and told["phase"] == "rest" and told["changes"], f"in rest: {told}")
    expect(json.loads(number(env, config, "contacts", NUMBER))["known"] == [FRIEND], "who answered is frozen")
    number(env, config, "contact", "--called", STRANGER, "--add", NUMBER)
    known = json.loads(number(env, config, "contacts", NUMBER))
    expect(known["by_command"] == [{"called": STRANGER, "known": True}], f"a contact by command: {known}")
    listed = number(env, config, "list", "--phase", "rest", "--format", "csv")
    expect(NUMBER in listed, f"the block list lacks it: {listed}")

    env.kafka.produce(env.cdr, [call(100, now_ms(), FRIEND)])
    wait_until("a call that began before the rest is not judged, and is counted", lambda: config.dump()[1][NUMBER]["lifetime"]["calls"] == 11, 30)
    expect("applied" in number(env, config, "release", "--note", "a false alarm", NUMBER), "the release was not applied")
    expect(may_call(env, config, STRANGER, 0)["phase"] == "active", "a released number may not call")
    config.wait_said()
    said = [e for e in config.events().values() if e["subject"] == NUMBER]
    steps = [(e["data"]["from"], e["data"]["to"], e["data"]["detail"]) for e in sorted(said, key=lambda e: int(e["sequence"])) if e["topic"] == "transitions"]
    expect(steps == [("active", "rest", "by hand"), ("rest", "active", "a false alarm")], f"the transitions: {steps}")
    studies = [e["data"]["study"]["outcome"] for e in said if e["type"].endswith("case_study.v1")]
    expect(studies == ["released"], f"the case study: {studies}")

    expect("retention" in number(env, config, "forget", NUMBER), "erasure does not say what it cannot reach")
    expect(NUMBER not in config.dump()[1], "a number that was erased is in the state")
    number(env, config, "show", NUMBER, code=1)
    r.terminate()
    expect(env.verb("state", "check", "-c", config.path).strip().endswith(" 0 faults"), "the state is not sound after an erasure")
