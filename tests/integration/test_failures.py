# SPDX-License-Identifier: Apache-2.0
"""What happens when things go wrong: something outside is away, input is unusable, positions do not fit, somebody else is there."""
import json
import signal
import time
from pathlib import Path

from cdrs import Stream, now_ms
from harness import (PARTITIONS, Feeder, compare, dead_places, expect, expect_equal_ends, expect_oracle, headers_of,
                     wait_until)


def start(env, config, *args, log=None):
    r = env.run(config, *args, log=log)
    r.wait_line("took partition", 30, PARTITIONS)
    return r


def calm_run(env, config, store, stream):
    calm = env.config("calm", store)
    r = start(env, calm)
    calm.wait_read(90, r)
    r.terminate()
    shards, subjects, events = expect_equal_ends(config, calm)
    if stream:
        expect_oracle(stream, shards, subjects)
    return events


def loud(process, after):
    """Lines of warning or error, but for librdkafka's own, that were said since `after` characters of the log."""
    lines = process.text()[after:].splitlines()
    return [line for line in lines if ("level=warn" in line or "level=error" in line) and "stage=kafka" not in line]


def expect_said_once(process, after, back):
    """An outage is said once a shard (or once for all), not at every try, and so is its end."""
    said, returned = loud(process, after), [line for line in process.text()[after:].splitlines() if back in line]
    expect(1 <= len(said) <= PARTITIONS, f"{len(said)} lines about the outage, one a shard at most:\n" + "\n".join(said[:12]))
    expect(1 <= len(returned) <= PARTITIONS, f"{len(returned)} lines that it is back")


# ---- away ----


def test_redis_away_in_midstream(env):
    stream, redis = Stream(10, 60_000), env.redis()
    env.kafka.create(env.cdr)
    config = env.config("live", redis)
    r = start(env, config)
    feeder = Feeder(env.kafka, env.cdr, stream.records, 8000)
    feeder.wait_sent(0.3)
    said, memory = len(r.text()), r.rss_kib()
    redis.stop(save=True)
    time.sleep(5)
    feeder.expect_running("Redis came back")
    expect(r.alive(), "it ended while Redis was away")
    grown = r.rss_kib() - memory
    redis.start()
    feeder.finish()
    config.wait_read(90, r)
    expect(grown < 200 * 1024, f"memory grew by {grown} KiB while Redis was away")
    expect_said_once(r, said, "is back")
    r.terminate()
    calm_run(env, config, env.redis(), stream)


def test_redis_frozen_longer_than_its_timeout(env):
    """It neither answers nor refuses, and applies what it was sent when it wakes: a commit in doubt must not count twice."""
    stream, redis = Stream(11, 60_000), env.redis()
    env.kafka.create(env.cdr)
    config = env.config("live", redis, redis_timeout="1s")
    r = start(env, config)
    feeder = Feeder(env.kafka, env.cdr, stream.records, 5000)
    for share in (0.15, 0.55):
        feeder.wait_sent(share)
        redis.process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        redis.process.send_signal(signal.SIGCONT)
        feeder.expect_running("Redis woke")
    feeder.finish()
    config.wait_read(90, r)
    r.terminate()
    calm_run(env, config, env.redis(), stream)


def test_kafka_away_in_midstream(env):
    kafka = env.own_kafka()
    stream, redis = Stream(12, 60_000), env.redis()
    half = len(stream.records) // 2
    kafka.create(env.cdr)
    config = env.config("live", redis)
    r = start(env, config)
    kafka.produce(env.cdr, stream.records[:half])
    wait_until("some is applied", lambda: config.applied() > 0, 30)
    said, memory = len(r.text()), r.rss_kib()
    kafka.stop()
    time.sleep(8)
    expect(r.alive(), "it ended while Kafka was away")
    grown = r.rss_kib() - memory
    own = len([line for line in r.text()[said:].splitlines() if "stage=kafka" in line])
    kafka.start()
    kafka.produce(env.cdr, stream.records[half:])
    config.wait_read(90, r)
    expect(grown < 200 * 1024, f"memory grew by {grown} KiB while Kafka was away")
    expect_said_once(r, said, "back")
    env.say(f"librdkafka itself wrote {own} lines in 8 s")
    r.terminate()
    calm_run(env, config, env.redis(), stream)


def test_outside_away_at_start(env):
    stream, redis = Stream(13, 3000), env.redis()
    kafka = env.own_kafka()
    kafka.create(env.cdr)
    kafka.produce(env.cdr, stream.records)
    config = env.config("live", redis)
    redis.stop()
    kafka.stop()
    r = env.run(config)
    time.sleep(3)
    expect(r.alive(), "it did not wait for Redis")
    expect(len(loud(r, 0)) == 1, f"waiting for Redis is said once, not {len(loud(r, 0))} times")
    redis.start()
    time.sleep(3)
    expect(r.alive(), "it did not wait for Kafka")
    kafka.start()
    config.wait_read(60, r)
    r.terminate()
    expect_oracle(stream, *config.dump())


# ---- input that cannot be used ----


def garbage(good):
    """[(key, value, headers, code, stage)]"""
    caller = good[0][0]
    call = {"calling_number": caller, "called_number": "+16465550000", "start_time": now_ms() - 7200_000, "disposition": "BUSY"}
    old = now_ms() - 40 * 86400_000

    def cdr(**fields):
        return json.dumps({k: v for k, v in (call | fields).items() if v is not None}).encode()

    return [
        (b"switch", b"this is no JSON", [("x-origin", b"switch7"), ("x-origin", b"twice"), ("x-bytes", b"\x00\xff")], "bad_json", "DECODE"),
        (caller, b"\xff\xfe\x00\x01binary", None, "bad_json", "DECODE"),
        (None, b"", None, "bad_json", "DECODE"),
        (caller, None, [("x-origin", b"compaction")], "no_value", "DECODE"),
        (caller, cdr()[:-1], None, "bad_json", "DECODE"),
        (caller, b"[" + cdr() + b"]", None, "bad_json", "DECODE"),
        (caller, cdr(record_id="long", attributes={"x": "y" * 5000}), None, "too_long", None),
        (caller, b"x" * 999_500, None, "too_long", None),  # with its headers the dead letter is longer than a producer's default
        (caller, cdr(record_id="nocaller", calling_number=None), None, "no_caller", "VALIDATE"),
        (caller, cdr(record_id="badcaller", calling_number="12ab"), None, "bad_caller", "VALIDATE"),
        (caller, cdr(record_id="nostart", start_time=None), None, "no_start_time", "VALIDATE"),
        (caller, cdr(record_id="field", start_time={"a": 1}), None, "bad_field", "VALIDATE"),
        (caller, cdr(record_id="future", start_time=now_ms() + 3600_000), None, "in_future", "VALIDATE"),
        (caller, cdr(record_id="late", start_time=old, end_time=old), None, "too_late", "VALIDATE"),
    ]


def test_garbage_becomes_dead_letters(env):
    stream = Stream(14, 4000)
    bad = garbage(stream.records)
    records = list(stream.records)
    for i, b in enumerate(bad):  # behind the first third, so that its caller has a clock for too_late
        records.insert(1500 + 150 * i, b[:3])
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, records)
    config = env.config("live", env.redis())
    r = start(env, config)
    config.wait_read(60, r)
    r.terminate()
    shards, subjects = config.dump()
    expect_oracle(stream, shards, subjects)
    found = config.dead_letters()
    expect(len(found) == len(bad), f"{len(found)} dead letters, {len(bad)} were to be: {dead_places(config)}")
    sources = {(m.partition(), m.offset()): m for m in env.kafka.read(env.cdr)}
    expected = {(b[1], b[3]): b for b in bad}
    for place, messages in found.items():
        expect(len(messages) == 1 and place[0] == env.cdr, f"{place}: {len(messages)} copies")
        check_dead_letter(config, messages[0], sources[place[1:]], expected)


def check_dead_letter(config, m, source, expected):
    h = headers_of(m)
    code = h.get("ringfence.error.code")
    b = expected.get((source.value(), code))
    expect(b, f"dead letter {source.value()!r:.60} with code {code}")
    expect((m.key(), m.value()) == (source.key(), source.value()), f"{code}: key or value is not the original one")
    given = source.headers() or []
    expect((m.headers() or [])[: len(given)] == given, f"{code}: the original headers are changed: {m.headers()}")
    facts = {"__connect.errors.topic": config.cdr, "__connect.errors.partition": str(source.partition()),
             "__connect.errors.offset": str(source.offset()), "__connect.errors.connector.name": config.group}
    for name, value in facts.items():
        expect(h.get(name) == value, f"{code}: header {name} is {h.get(name)}, not {value}")
    expect(h.get("__connect.errors.exception.message"), f"{code}: no reason in words")
    stage = h.get("__connect.errors.stage")
    expect(stage == b[4] if b[4] else stage in ("DECODE", "VALIDATE"), f"{code}: stage {stage}")


# ---- signals ----


def test_sigterm_in_midstream(env):
    stream, redis = Stream(15, 100_000), env.redis()
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, stream.records)
    config = env.config("live", redis, more="run: {status: 500ms, drain: 5s}\n")
    r = start(env, config)
    wait_until("some is applied", lambda: config.applied() > 0, 30, 0.0)
    began = time.monotonic()
    r.terminate(15)
    took = time.monotonic() - began
    positions, ends = config.positions(), env.kafka.ends(env.cdr)
    expect(any(positions[p] < ends[p] for p in ends), "all was read before the signal: the test shows nothing")
    expect(took < 7, f"it took {took:.1f} s to end, the drain limit is 5 s")
    env.say(f"ended {took:.2f} s after SIGTERM, at {sum(positions.values())} of {len(stream.records)}")
    expect(env.kafka.members(config.group) == 0, "it did not leave the group")
    committed = env.kafka.committed(config.group, env.cdr)
    expect(all(committed[p] <= positions[p] for p in committed), f"Kafka's offsets {committed} lead the stored positions {positions}")
    said = sum(s["events"] for s in config.shards().values())
    expect(len(config.events()) == said, f"{len(config.events())} events on the topics, {said} were decided: the sinks were not flushed")
    r = start(env, config)
    config.wait_read(90, r)
    r.terminate()
    calm_run(env, config, env.redis(), stream)


def test_sigterm_leaves_no_lag(env):
    """All is read and applied: lag tools, which see only Kafka's own offsets, must not see work that is done."""
    stream = Stream(24, 20_000)
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, stream.records)
    config = env.config("live", env.redis())
    r = start(env, config)
    config.wait_read(60, r)
    r.terminate()
    committed, ends = env.kafka.committed(config.group, env.cdr), env.kafka.ends(env.cdr)
    expect(committed == ends, f"after a good end Kafka's offsets are {committed}, all is read to {ends}")


def spam(caller, n, start_ms):
    return [(caller, json.dumps({"record_id": f"{caller}-{start_ms}-{i}", "calling_number": caller, "called_number": f"+1646555{i:04d}",
                                 "start_time": start_ms + i * 1000, "answer_time": start_ms + i * 1000 + 100,
                                 "end_time": start_ms + i * 1000 + 900, "disposition": "ANSWERED"}).encode()) for i in range(n)]


def rules_said(config):
    return {(e["subject"], e["data"]["rule"]) for e in config.events().values() if e["type"] == "dev.ringfence.alert.raised.v1"}


def refusals(config):
    return [e for e in config.events().values() if e["data"].get("topic") == "rules_refused"]


def test_sighup_reloads_rules(env):
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis())
    r = start(env, config)
    good = env.rules_file.read_text()
    env.rules_file.write_text(good.replace('short6_ratio["1h"] > 0.5', 'short6_ratio["1h"] >'))
    said = len(r.text())
    r.signal(signal.SIGHUP)
    r.wait_line("stage=rules.*reload", 10)
    refused = r.text()[said:]
    expect("rules.yaml:" in refused and "old" in refused, f"a bad rule file is refused with its place, and the old rules stay: {refused}")
    r.signal(signal.SIGHUP)  # the same files again: said again, under the same id
    r.wait_line("reload refused", 10, 2)
    wait_until("the refusal is an event", lambda: refusals(config), 20)
    told = refusals(config)
    expect(len(told) == 1, f"one content of the files is one event: {told}")
    event = told[0]
    expect(event["subject"] == "rules" and event["data"]["number"] is None and event["data"]["cause"]["command"].startswith("reload-"), f"about the rules: {event}")
    expect("rules.yaml:" in event["data"]["detail"], f"the event has the place of the mistake: {event}")
    schema = json.loads((Path(__file__).resolve().parents[2] / "schemas" / "advisory.rules_refused.schema.json").read_text())
    expect(set(event["data"]) == set(schema["required"]), f"the fields of the schema: {event}")
    wait_until("the status line counts them", lambda: (r.status("reloads"), r.status("refused")) == ("0", "2"), 20)
    start_ms = now_ms() - 3600_000
    env.kafka.produce(env.cdr, spam("+12125550001", 30, start_ms))
    wait_until("the old rule fires", lambda: ("+12125550001", "MostlyShortCalls") in rules_said(config), 20)

    env.rules_file.write_text(good + "      - alert: AnyCall\n        expr: calls[\"1h\"] >= 1\n        mode: enforce\n")
    r.signal(signal.SIGHUP)
    r.wait_line("stage=rules.*reloaded", 10)
    env.kafka.produce(env.cdr, spam("+12125550002", 1, start_ms) + spam("+12125550001", 1, start_ms + 60_000))
    wait_until("the new rule fires", lambda: ("+12125550002", "AnyCall") in rules_said(config), 20)
    config.wait_applied(32)
    r.terminate()
    _, subjects = config.dump()
    expect(subjects["+12125550001"]["phase"] == "rest", "a reload must keep every number's state")


# ---- positions that do not fit ----


def seen(config):
    return sum(s["applied"] + s["duplicates"] + s["partial"] + s["withheld"] for s in config.shards().values())


def expect_loud(text, *numbers):
    for n in numbers:
        expect(str(n) in text, f"the refusal does not name the offset {n}:\n{text[-1500:]}")
    expect("--accept-gap" in text, f"the refusal does not name --accept-gap:\n{text[-1500:]}")


def read_all(env, config, records):
    env.kafka.produce(env.cdr, records)
    r = start(env, config)
    config.wait_read(60, r)
    r.terminate()


def test_gap_by_retention(env):
    stream, redis = Stream(16, 12_000), env.redis()
    env.kafka.create(env.cdr)
    config = env.config("live", redis)
    read_all(env, config, stream.records[:4000])
    stored = config.positions()
    env.kafka.produce(env.cdr, stream.records[4000:])
    low = {p: o + 200 for p, o in stored.items()}
    env.kafka.remove_before(env.cdr, low)
    before = seen(config)
    r = env.run(config)
    _, text = r.refused()
    p = next((p for p in stored if f"{env.cdr}:{p}" in text), None)
    expect(p is not None, f"the refusal names no partition:\n{text[-1500:]}")
    expect_loud(text, stored[p], low[p])
    expect(config.positions() == stored and seen(config) == before, "a refused start moved the state")
    r = start(env, config, "--accept-gap")
    config.wait_read(60, r)
    r.terminate()
    left = sum(env.kafka.ends(env.cdr)[p] - low[p] for p in low)
    expect(seen(config) == before + left, f"{seen(config) - before} records after the gap, {left} were there")


def test_gap_while_running(env):
    """Retention overtakes a process that was stopped for a while."""
    stream = Stream(17, 12_000)
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis(), properties={"session.timeout.ms": "30000"})
    r = start(env, config)
    env.kafka.produce(env.cdr, stream.records[:4000])
    config.wait_read(60, r)
    stored = config.positions()
    r.freeze()
    env.kafka.produce(env.cdr, stream.records[4000:])
    low = {p: o + 200 for p, o in stored.items()}
    env.kafka.remove_before(env.cdr, low)
    r.thaw()
    _, text = r.refused()
    p = next((p for p in stored if f"{env.cdr}:{p}" in text), None)
    expect(p is not None, f"the stop names no partition:\n{text[-1500:]}")
    expect_loud(text, stored[p], low[p])
    expect(config.positions() == stored, "a stop at a gap moved the stored position")


def test_gap_by_topic_made_anew(env):
    stream = Stream(18, 9000)
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis())
    read_all(env, config, stream.records[:8000])
    stored, before = config.positions(), seen(config)
    env.kafka.delete(env.cdr)
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, stream.records[8000:8100])
    ends = env.kafka.ends(env.cdr)
    r = env.run(config)
    _, text = r.refused()
    p = next((p for p in stored if f"{env.cdr}:{p}" in text), None)
    expect(p is not None, f"the refusal names no partition:\n{text[-1500:]}")
    expect_loud(text, stored[p], ends[p])
    expect(config.positions() == stored, "a refused start moved the stored position")
    r = start(env, config, "--accept-gap")
    env.kafka.produce(env.cdr, stream.records[8100:])
    config.wait_read(60, r)
    r.terminate()
    expect(seen(config) >= before + len(stream.records[8100:]), f"{seen(config) - before} records after the gap was accepted")


# ---- somebody else is there ----


def test_embedded_second_process(env):
    stream = Stream(19, 6000)
    env.kafka.create(env.cdr)
    config = env.config("live", "live.lmdb", group="alone")
    first = start(env, config)
    env.kafka.produce(env.cdr, stream.records[:3000])
    config.wait_read(60, first)
    _, text = env.run(config, log="same-file.log").refused()
    expect("live.lmdb" in text, f"the refusal does not name the file:\n{text[-800:]}")
    other = env.config("other", "other.lmdb", group="alone")
    _, text = env.run(other, log="same-group.log").refused()
    expect("alone" in text, f"the refusal does not name the group:\n{text[-800:]}")
    env.kafka.produce(env.cdr, stream.records[3000:])
    config.wait_read(60, first)
    first.terminate()
    expect_oracle(stream, *config.dump())


def test_embedded_beside_a_group(env):
    stream = Stream(20, 3000)
    env.kafka.create(env.cdr)
    config = env.config("shared", env.redis(), group="group")
    member = start(env, config)
    _, text = env.run(env.config("lone", "lone.lmdb", group="group", deployment="lone")).refused()
    expect("group" in text and "member" in text, f"the refusal does not say why:\n{text[-800:]}")
    env.kafka.produce(env.cdr, stream.records)
    config.wait_read(60, member)
    member.terminate()
    expect_oracle(stream, *config.dump())


def test_embedded_joined_by_another(env):
    """Somebody with another store takes half of its partitions: it says so and ends; the one that stays counts what it has."""
    env.kafka.create(env.cdr)
    lone = start(env, env.config("lone", "lone.lmdb", group="group", deployment="lone"))
    other = env.run(env.config("shared", env.redis(), group="group"))
    lone.wait_line("level=warn .*has joined the group", 30)
    code = lone.wait_exit(40)
    expect(code == 3 and "another one has joined the group" in lone.text(), f"exit {code}: {lone.text()[-600:]}")
    other.wait_line("took partition", 40, PARTITIONS)
    other.terminate()


# ---- the store loses everything ----


def test_store_lost_while_running(env):
    """Redis without persistence is started anew: everything is counted again, copies once, and the state can be looked at as before."""
    stream, redis = Stream(30, 20_000), env.redis()
    env.kafka.create(env.cdr)
    config = env.config("live", redis)
    r = start(env, config)
    env.kafka.produce(env.cdr, stream.records[:10_000])
    config.wait_read(60, r)
    redis.stop()
    redis.start()
    env.kafka.produce(env.cdr, stream.records[10_000:])
    r.wait_line("the store has lost the state", 30, PARTITIONS)
    config.wait_read(60, r)
    r.terminate()
    shards, subjects = config.dump()
    expect_oracle(stream, shards, subjects)
    compare("subjects after a loss", {k: s["lifetime"] for k, s in subjects.items()},
            {k: s["lifetime"] for k, s in calm_subjects(env, stream).items()})


def calm_subjects(env, stream):
    calm = env.config("calm", env.redis())
    r = start(env, calm)
    calm.wait_read(60, r)
    r.terminate()
    return calm.dump()[1]


def test_store_lost_and_start_at_latest(env):
    """What was produced meanwhile would be passed over in silence."""
    stream, redis = Stream(31, 6_000), env.redis()
    env.kafka.create(env.cdr)
    config = env.config("live", redis)
    config.path.write_text(config.path.read_text().replace("kafka:\n", "kafka:\n  start: latest\n", 1))
    r = start(env, config)
    env.kafka.produce(env.cdr, stream.records[:3000])
    config.wait_read(60, r)
    redis.stop()
    env.kafka.produce(env.cdr, stream.records[3000:])
    redis.start()
    code, text = r.refused()
    expect("has lost the state" in text and "--accept-gap" in text, f"exit {code}: {text[-600:]}")


def grown(env):
    """A topic that had 4 partitions, 3000 CDRs of it applied, and then got 6; the process that applied them runs on."""
    stream = Stream(21, 6000)
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis(), properties={"topic.metadata.refresh.interval.ms": "2000"})
    r = start(env, config)
    env.kafka.produce(env.cdr, stream.records[:3000])
    config.wait_read(60, r)
    return config, r, stream.records[3000:]


def test_topic_grew_while_running(env):
    """All shards pause, with a message that names topic, counts and the way out."""
    config, r, more = grown(env)
    env.kafka.grow(env.cdr, 6)
    wait_until("the growth is said", lambda: r.lines(f"{env.cdr}.* 6 partitions") or not r.alive(), 40)
    said = r.lines(f"{env.cdr}.* 6 partitions")
    expect(said, "it ended without a word about the growth")
    expect("4" in said[0] and "new" in said[0], f"the message names no old count or no way out: {said[0]}")
    stored = config.positions()
    env.kafka.produce(env.cdr, more)
    time.sleep(2)
    expect(config.positions() == stored, "shards went on after the topic grew")
    expect(r.alive(), f"it ended ({r.process.poll()}); shards of a running group pause")
    r.terminate()


def test_topic_grew_before_start(env):
    config, r, _ = grown(env)
    r.terminate()
    env.kafka.grow(env.cdr, 6)
    _, text = env.run(config, log="again.log").refused()
    expect("6 partitions" in text and "4" in text, f"the refusal names no counts:\n{text[-800:]}")
    expect(f"{config.control} anew" not in text, f"the refusal sends people the wrong way, the CDR topic is what grew:\n{text[-800:]}")


def test_other_deployment_on_the_same_keys(env):
    stream, redis = Stream(22, 6000), env.redis()
    env.kafka.create(env.cdr)
    config = env.config("one", redis, deployment="one")
    first = start(env, config)
    env.kafka.produce(env.cdr, stream.records[:3000])
    config.wait_read(60, first)
    _, text = env.run(env.config("two", redis, deployment="two")).refused()
    expect("one" in text and "deployment" in text, f"the refusal does not name the owner:\n{text[-800:]}")
    env.kafka.produce(env.cdr, stream.records[3000:])
    config.wait_read(60, first)
    expect(int(first.status("fenced")) == 0, "the refused one took shards from the owner")
    first.terminate()
    expect_oracle(stream, *config.dump())


def test_renamed_topic(env):
    stream, redis = Stream(23, 3000), env.redis()
    env.kafka.create(env.cdr)
    read_all(env, env.config("live", redis), stream.records)
    renamed = f"{env.cdr}.renamed"
    env.kafka.create(renamed)
    _, text = env.run(env.config("renamed", redis, group="test_renamed_topic-live", cdr=renamed)).refused()
    expect(f"{env.cdr} " in text.replace(",", " ").replace("'", " ") and renamed in text, f"the refusal names not both topics:\n{text[-800:]}")


def test_sigterm_while_the_group_forms(env):
    """The group is joined, taken apart and joined again by the workers themselves in the first seconds; an end at any moment of it is a good one."""
    env.kafka.create(env.cdr)
    # Redis: a store of its own would refuse to start while the broker still counts a member that left as it joined
    config = env.config("ended", env.redis(), more="run: {status: 500ms, workers: 3}\n")
    for i in range(14):
        r = env.run(config, log=f"life-{i}.log")
        r.wait_line("deployment test", 20)
        time.sleep(0.2 * i)
        r.terminate()


def alerts_of(config, name):
    return {e["subject"] for e in config.events().values() if e["topic"] == "alerts" and e["data"]["rule"] == name}


def test_rule_files_are_watched(env):
    """A file written anew, and a symlink swapped as Kubernetes does with a ConfigMap; a bad file leaves the old rules."""
    any_call = "groups:\n- name: g\n  rules:\n  - alert: {name}\n    expr: calls[\"1h\"] >= 1\n"
    folders = [env.folder / f"map{i}" for i in range(2)]
    for i, folder in enumerate(folders):
        folder.mkdir()
        (folder / "rules.yaml").write_text(any_call.format(name=f"Map{i}"))
    link = env.folder / "data"
    link.symlink_to(folders[0])
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis(), rules="data/rules.yaml")
    r = start(env, config)
    start_ms = now_ms() - 3600_000
    env.kafka.produce(env.cdr, spam("+12125550001", 1, start_ms))
    wait_until("Map0 fires", lambda: "+12125550001" in alerts_of(config, "Map0"), 20)
    fresh = env.folder / "data-new"
    fresh.symlink_to(folders[1])
    fresh.rename(link)
    r.wait_line("stage=rules.*reloaded", 10)
    env.kafka.produce(env.cdr, spam("+12125550002", 1, start_ms))
    wait_until("Map1 fires", lambda: "+12125550002" in alerts_of(config, "Map1"), 20)
    (folders[1] / "rules.yaml").write_text(any_call.format(name="Bad").replace(">=", ">= >="))
    r.wait_line("reload refused, the old rules stay", 10)
    env.kafka.produce(env.cdr, spam("+12125550003", 1, start_ms))
    wait_until("Map1 fires on", lambda: "+12125550003" in alerts_of(config, "Map1"), 20)
    r.terminate()
    expect(len(r.lines("stage=rules.*reload")) == 2, "a change is loaded once, not at every look")


def test_reloads_in_a_stream(env):
    """A hundred reloads under load, two thresholds in turn: each alert has the figures and the text of one of them, never of both; no state is lost."""
    stream = Stream(40, 150_000)
    text = "groups:\n- name: g\n  rules:\n  - alert: Two\n    expr: calls[\"1h\"] >= {n} && calls[\"1h\"] < {n} + 1000\n"
    rules = env.write("two.yaml", text.format(n=3))
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis(), rules="two.yaml")
    r = start(env, config)
    feeder = Feeder(env.kafka, env.cdr, stream.records, 12_000)
    for i in range(100):
        rules.write_text(text.format(n=3 + 4 * (i % 2)))
        r.signal(signal.SIGHUP)
        r.wait_line("stage=rules.*reloaded", 10, i + 1)
    feeder.finish()
    config.wait_read(90, r)
    config.wait_said()
    r.terminate()
    expect_oracle(stream, *config.dump())
    seen_exprs = set()
    for e in config.events().values():
        if not e["type"].endswith("alert.raised.v1"):
            continue
        d = e["data"]
        n = 3 if ">= 3 " in d["expr"] else 7
        seen_exprs.add(n)
        expect(d["expr"] == f'calls["1h"] >= {n} && calls["1h"] < {n} + 1000', f"half of one rule: {d['expr']}")
        expect(d["figures"]['calls["1h"]'] >= n, f"{d['figures']} under {d['expr']}")
    expect(seen_exprs == {3, 7}, f"only {seen_exprs} was ever in force")
