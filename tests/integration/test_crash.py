# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random, more than twenty times in one stream: nothing is lost, nothing counts twice, every event id has one content."""
import random
import threading
import time

from cdrs import Stream
from harness import PARTITIONS, Failed, expect, expect_equal_ends, expect_oracle, wait_until

CDRS = 200_000
KILLS = 22
FAST_GROUP = {"session.timeout.ms": "800", "heartbeat.interval.ms": "200"}


def start(env, config):
    """Starts it until it has all partitions. A process with a store of its own refuses to start while the group still counts its dead
    predecessor; then it is started again, as a supervisor does."""
    until = time.monotonic() + 20
    while True:
        r = env.run(config)
        try:
            r.wait_line("took partition", 20, PARTITIONS)
            return r
        except Failed:
            if r.alive() or "members already" not in r.text() or time.monotonic() > until:
                raise
        time.sleep(0.2)


def backlog(env, config):
    positions = config.positions()
    return sum(end - positions.get(p, 0) for p, end in env.kafka.ends(env.cdr).items())


def kill_often(env, config, stream):
    """Feeds the stream in slices; each slice is met by a new process that is killed while it works on it. Returns how many kills left work undone."""
    rng, producer = random.Random(20), env.kafka.producer()
    size = len(stream.records) // (KILLS + 2)
    window_s, undone = 0.0, 0
    for life in range(KILLS + 1):
        part = stream.records[life * size : (life + 1) * size]
        r = start(env, config)
        began = time.monotonic()
        feeding = threading.Thread(target=env.kafka.produce, args=(env.cdr, part, producer))
        feeding.start()
        if life == 0:  # measures how long a slice takes, so that the kills fall all over it
            feeding.join()
            config.wait_read(60, r)
            window_s = time.monotonic() - began
        else:
            time.sleep(rng.uniform(0, window_s))
        r.kill()
        feeding.join()
        undone += life > 0 and backlog(env, config) > 0
    env.kafka.produce(env.cdr, stream.records[(KILLS + 1) * size :], producer)
    env.say(f"{KILLS} kills in a stream of {len(stream.records)}; {undone} left records undone; a slice of {size} takes {window_s:.2f} s")
    expect(undone >= KILLS // 3, f"only {undone} of {KILLS} kills fell into work: the test shows too little")


def crash(env, store, reference_store):
    stream = Stream(1, CDRS)
    env.kafka.create(env.cdr)
    config = env.config("killed", store, properties=FAST_GROUP)
    kill_often(env, config, stream)
    r = start(env, config)
    config.wait_read(120, r)
    r.terminate()
    calm = env.config("calm", reference_store)
    r = env.run(calm)
    wait_until("the calm run has a shard", lambda: r.lines("took partition"), 30)
    calm.wait_read(120, r)
    r.terminate()
    shards, subjects, events = expect_equal_ends(config, calm)
    expect_oracle(stream, shards, subjects)
    kinds = {e["type"] for e in events.values()}
    expect({"dev.ringfence.alert.raised.v1", "dev.ringfence.transition.v1"} <= kinds, f"the stream set off too little: {kinds}")
    env.say(f"{len(events)} events, {len(subjects)} subjects, {len(stream.lifetime)} callers")


def test_crash_redis_killed_often(env):
    redis = env.redis()
    crash(env, (redis, 0), (redis, 1))


def test_crash_embedded_killed_often(env):
    crash(env, "killed.lmdb", "calm.lmdb")
