# SPDX-License-Identifier: Apache-2.0
"""Positions: a topic that was made anew is noticed even when it has grown beyond the stored position; positions are set by hand."""
from cdrs import Stream
from harness import expect


def read_all(env, config, records, *args):
    env.kafka.produce(env.cdr, records)
    r = env.run(config, *args)
    config.wait_read(60, r)
    r.terminate()


def first_refused(env, config, expected):
    _, text = env.run(config).refused()
    for part in expected:
        expect(part in text, f"the refusal lacks {part!r}:\n{text[-1500:]}")


def test_topic_made_anew_and_grown(env):
    stream = Stream(31, 9000)
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis())
    read_all(env, config, stream.records[:3000])
    stored, before = config.positions(), config.applied()
    env.kafka.delete(env.cdr)
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, stream.records[3000:])
    ends = env.kafka.ends(env.cdr)
    expect(all(ends[p] > stored[p] for p in stored), "the new topic is not longer than what was read of the old one")
    first_refused(env, config, ["made anew", "--accept-gap", "positions --set"])
    expect(config.positions() == stored and config.applied() == before, "a refused start moved the state")
    # the way that the message names: all that the new topic holds is counted
    back = [word for p in stored for word in ("--set", f"{env.cdr}:{p}=0")]
    env.verb("state", "positions", "-c", config.path, *back)
    r = env.run(config)
    config.wait_read(60, r)
    r.terminate()
    lines = config.shards().values()
    dead = sum(len(d) for d in [config.dead_letters()])
    left_out = sum(s[k] for s in lines for k in ("duplicates", "partial", "withheld"))
    expect(config.applied() + left_out + dead == len(stream.records), f"{config.applied()} applied, {left_out} left out, {dead} dead letters of {len(stream.records)}")


def test_restart_reads_on(env):
    """The record before the stored position is fetched again to see that it is the one, and is not counted again."""
    stream = Stream(32, 6000)
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis())
    read_all(env, config, stream.records[:3000])
    read_all(env, config, [])  # nothing but the proof
    read_all(env, config, stream.records[3000:])
    lines = config.shards().values()
    counted = config.applied() + sum(s[k] for s in lines for k in ("duplicates", "partial", "withheld")) + len(config.dead_letters())
    expect(counted == len(stream.records), f"{counted} of {len(stream.records)} records counted")


def test_positions_are_set_while_nobody_owns(env):
    stream = Stream(33, 4000)
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis())
    read_all(env, config, stream.records[:2000])
    before, applied = config.positions(), config.applied()
    env.verb("state", "positions", "-c", config.path, "--set", f"{env.cdr}:99=1", code=2)
    env.verb("state", "positions", "-c", config.path, "--set", "nowhere:0=1", code=2)
    env.verb("state", "positions", "-c", config.path, "--set", f"{env.cdr}:0", code=2)
    expect(config.positions() == before, "a refused setting moved a position")
    env.kafka.produce(env.cdr, stream.records[2000:])
    ends = env.kafka.ends(env.cdr)
    env.verb("state", "positions", "-c", config.path, "--set", f"{env.cdr}:0={ends[0]}")
    r = env.run(config)
    config.wait_read(60, r)
    env.verb("state", "positions", "-c", config.path, "--set", f"{env.cdr}:0={ends[0]}", code=3)  # it is owned
    r.terminate()
    passed_over = ends[0] - before[0]
    counted = config.applied() - applied
    expect(passed_over > 0 and 0 < counted <= 2000 - passed_over, f"{counted} counted, {passed_over} passed over of 2000")
