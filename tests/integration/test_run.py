# SPDX-License-Identifier: Apache-2.0
"""The service from outside: the smallest configuration, rules that quarantine, commands, the 30 days, names and formats."""
import json
import re

from cdrs import Stream, now_ms
from harness import EVENT_TOPICS, PARTITIONS, expect, expect_oracle, event_of, wait_until
from test_failures import spam, start

DAY_MS = 86400_000

# As DESIGN section 11 prints it; only addresses are put in.
SMALLEST = """\
deployment: demo                      # in the `source` of every event
kafka:
  brokers: {brokers}
  group: ringfence
  properties: {{}}                      # any librdkafka property
topics: {{cdr: cdr}}                    # the others default to the names of section 10 and section 4
input: {{format: json}}
state:
  store: redis                        # redis | embedded | memory
  redis: {{url: "{redis}"}}
rules: {{files: [rules.yaml]}}
sinks:
  - {{name: events, kind: kafka}}       # may be left out: the topics of section 10 are always written; here their ways can be changed
  - {{name: oncall, kind: webhook, preset: standard-webhooks, url: "{hook}", secret_file: secret.txt, allow_private: true}}
"""


def test_run_smallest_configuration(env):
    """Word for word, with default topic names, on a broker of its own."""
    from test_webhook import SECRET, Receiver

    kafka, redis, receiver = env.own_kafka(), env.redis(), Receiver()
    env.to_end.append(receiver.close)
    env.write("secret.txt", SECRET)
    path = env.write("ringfence.yaml", SMALLEST.format(brokers=kafka.brokers, redis=redis.url(), hook=receiver.url))
    env.verb("config", "check", "-c", path)
    stream = Stream(40, 5000)
    kafka.create("cdr")
    kafka.produce("cdr", stream.records)
    config = env.config("unused", redis)  # only for its ways to look at the state
    config.path, config.prefix, config.cdr, config.group, config.control = path, "ringfence", "cdr", "ringfence", "ringfence.control"
    config.relay = "ringfence.relay"
    r = start(env, config)
    config.wait_read(60, r)
    shards, subjects = config.dump()
    expect_oracle(stream, shards, subjects)
    expect(sorted(shards) == [f"cdr:{p}" for p in range(PARTITIONS)], f"shards {sorted(shards)}")
    for s in shards.values():
        expect(set(s["positions"]) == {"cdr", "ringfence.control", "ringfence.relay"}, f"positions of {s}")
    names = {"subject", "kind", "clock", "first_seen", "lifetime", "phase", "episode", "phase_since", "flags", "open_alerts"}
    for o in subjects.values():
        expect(names <= set(o), f"a subject lacks {names - set(o)}")
    lines = [json.loads(line) for line in env.verb("state", "dump", "-c", path).splitlines()]
    expect(["shard" in o for o in lines] == sorted(("shard" in o for o in lines), reverse=True), "shards come first")
    keys = [o["subject"] for o in lines if "subject" in o]
    expect(keys == sorted(keys), "subjects are sorted")
    for short in (*EVENT_TOPICS, "dead-letters", "control"):
        expect(kafka.partitions(f"ringfence.{short}") == PARTITIONS, f"the topic ringfence.{short} was not made with {PARTITIONS} partitions")
    expect(all(e["source"] == "urn:ringfence:demo" for e in config.events().values()), "the source is urn:ringfence:<deployment>")
    shown = json.loads(env.verb("number", "show", "-c", path, stream.short[0]))
    expect(shown["lifetime"] == stream.lifetime[stream.short[0]], f"number show: {shown}")
    env.verb("number", "show", "-c", path, "+15550009999", code=1)
    status = r.wait_line("status ", 12)[0]
    for word in ("rate=", "lag=", "subjects=", "commit=", "outbox=", "behind="):
        expect(word in status, f"the status line lacks {word}: {status}")
    r.terminate()


def events_about(config, subject):
    found = [e for e in config.events().values() if e["subject"] == subject]
    return sorted(found, key=lambda e: int(e["sequence"]))


def test_run_rule_quarantines(env):
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis())
    r = start(env, config)
    number, start_ms = "+12125550100", now_ms() - 3600_000
    env.kafka.produce(env.cdr, spam(number, 20, start_ms))  # the last of them fires the rule; one more would break the rest
    config.wait_applied(20)
    wait_until("the events are on their topics", lambda: len(events_about(config, number)) >= 3, 20)
    r.terminate()
    raised, moved, state = events_about(config, number)[:3]
    kinds = sorted(e["type"] for e in (raised, moved, state))
    expect(kinds == ["dev.ringfence.alert.raised.v1", "dev.ringfence.number.v1", "dev.ringfence.transition.v1"], f"kinds {kinds}")
    by = {e["type"].split(".")[2]: e for e in (raised, moved, state)}
    data = by["alert"]["data"]
    expect(by["alert"]["topic"] == "alerts" and data["rule"] == "MostlyShortCalls" and data["severity"] == "critical", f"alert {data}")
    expect(data["mode"] == "enforce" and data["labels"] == {"severity": "critical"} and data["number"] == number, f"alert {data}")
    expect(data["figures"] == {'calls["1h"]': 20, 'short6_ratio["1h"]': 1.0}, f"figures {data['figures']}")
    expect(data["cause"]["topic"] == env.cdr and data["cause"]["record_id"] == f"{number}-{start_ms}-19", f"cause {data['cause']}")
    expect({"partition", "offset"} <= set(data["cause"]), f"cause {data['cause']}")
    expect({"expr", "since", "annotations", "rule_source"} <= set(data), f"alert {data}")
    data = by["transition"]["data"]
    expect((data["from"], data["to"], data["reason"], data["episode"]) == ("active", "rest", "rule", 1), f"transition {data}")
    expect("MostlyShortCalls" in data["detail"], f"detail {data['detail']}")
    expect(set(data["caps"]) == {"daily_min", "daily_max", "known_contacts_only", "min_talk_s", "new_contact_share_max"}, f"caps {data['caps']}")
    since_ms, until_ms = parse_ms(by["transition"]["time"]), parse_ms(data["until"])
    expect(since_ms == start_ms + 19 * 1000 + 900, "the transition's time is the event time of the CDR that caused it")
    expect(until_ms == since_ms + 30 * DAY_MS, "rest lasts 30 times 24 hours")
    data = by["number"]["data"]
    expect(by["number"]["topic"] == "numbers" and data["phase"] == "rest" and data["until"], f"number {data}")
    _, subjects = config.dump()
    o = subjects[number]
    expect((o["phase"], o["episode"], o["open_alerts"]) == ("rest", 1, ["MostlyShortCalls"]), f"state dump: {o}")
    expect(parse_ms(o["phase_since"]) == since_ms, f"state dump: {o}")


def parse_ms(text):
    import datetime

    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), f"{text} is not RFC 3339 with milliseconds")
    return round(datetime.datetime.fromisoformat(text[:-1] + "+00:00").timestamp() * 1000)


def test_run_rest_ends_by_timer(env):
    """A CDR of another number 31 days later moves the shard's clock; the timer is said with the time it was due."""
    env.kafka.create(env.cdr, 1)
    config = env.config("live", env.redis())
    r = env.run(config)
    r.wait_line("took partition", 30)
    number, start_ms = "+12125550100", now_ms() - 40 * DAY_MS
    env.kafka.produce(env.cdr, spam(number, 20, start_ms) + spam("+12125550101", 1, start_ms + 31 * DAY_MS))
    config.wait_applied(21)
    moved = wait_until("the rest ends", lambda: [e for e in events_about(config, number) if e["type"].endswith(".transition.v1")][1:], 20)[0]
    r.terminate()
    data = moved["data"]
    expect((data["from"], data["to"], data["reason"]) == ("rest", "limited", "timer"), f"transition {data}")
    due_ms = start_ms + 19 * 1000 + 900 + 30 * DAY_MS
    expect(parse_ms(moved["time"]) == due_ms, f"time {moved['time']}: not when it was due")
    expect(data["cause"].get("timer"), f"cause {data['cause']}")
    _, subjects = config.dump()
    expect(subjects[number]["phase"] == "limited", f"state dump: {subjects[number]}")


def test_run_commands(env):
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis())
    r = start(env, config)
    number, start_ms = "+12125550100", now_ms() - 1800_000
    env.kafka.produce(env.cdr, spam(number, 5, start_ms))
    config.wait_applied(5)
    said = env.verb("number", "quarantine", "-c", config.path, "--note", "a complaint", "--by", "tester", number)
    expect("applied" in said and "queued" not in said, f"number quarantine said: {said}")
    wait_until("the quarantine is said", lambda: [e for e in events_about(config, number) if e["topic"] == "transitions"], 20)
    expect(json.loads(env.verb("number", "show", "-c", config.path, number))["phase"] == "rest", "number show after quarantine")
    env.verb("number", "release", "-c", config.path, "--note", "a mistake", "--id", "release-1", number)
    moves = wait_until("the release is said", lambda: [e for e in events_about(config, number) if e["topic"] == "transitions"][1:], 20)
    back = moves[0]["data"]
    expect((back["from"], back["to"], back["reason"], back["detail"]) == ("rest", "active", "command", "a mistake"), f"release {back}")
    expect(back["cause"] == {"command": "release-1"}, f"cause {back['cause']}")
    env.kafka.produce(env.cdr, spam(number, 30, start_ms + 600_000))
    config.wait_applied(35)
    wait_until("the rule alerts", lambda: [e for e in events_about(config, number) if e["topic"] == "alerts"], 20)
    expect(config.dump()[1][number]["phase"] == "active", "after a release rules alert but do not quarantine for a while")
    config.wait_said()
    newest = [m for m in env.kafka.read(config.topic("numbers")) if m.key() == number.encode()][-1]
    expect(newest.value() is None and event_of(newest, "numbers"), "plainly active again is a tombstone on ringfence.numbers")

    def refused():
        return [m for place, ms in sorted(config.dead_letters().items()) for m in ms if place[0] == config.control]

    unusable = [b"{\"command\": \"nonsense\"}", b"no JSON", b"", None]
    env.kafka.produce(config.control, [(number, value) for value in unusable])
    wait_until("unusable commands are dead letters", lambda: len(refused()) == len(unusable), 20)
    values = [m.value() for m in refused()]
    expect(values == unusable, f"the dead letters of commands hold {values}, not {unusable}")
    r.terminate()
    expect_queued(env, config, number)


def expect_queued(env, config, number):
    """Nothing runs: a command that is not applied says how far its shard is and what to do."""
    said = [env.verb("number", "release", "-c", config.path, "--wait", wait, number) for wait in ("0s", "200ms")]
    for text, before in zip(said, ("it is the next command", "1 command is before it")):
        expect("queued, not applied yet" in text and before in text, f"number release said: {text}")
        expect(re.search(r"event clock .*Z, (1[6-9]|[23]\d)m\S* behind the wall time", text), f"number release said: {text}")
        expect("is `ringfence run` running?" in text, f"number release said: {text}")
    fresh = env.config("fresh", env.redis())
    env.kafka.create(fresh.control)
    text = env.verb("number", "release", "-c", fresh.path, "--wait", "0s", number)
    expect("no `ringfence run` has taken its shard yet" in text, f"number release said: {text}")
