# SPDX-License-Identifier: Apache-2.0
"""Redis comes back older than it was: state and positions go back together, and Kafka replays the difference."""
from cdrs import Stream
from harness import PARTITIONS, Feeder, expect, expect_equal_ends, expect_oracle


def end_as_calm(env, config, process, feeder, stream):
    feeder.finish()
    config.wait_read(90, process)
    process.terminate()
    calm = env.config("calm", env.redis())
    r = env.run(calm)
    r.wait_line("took partition", 30, PARTITIONS)
    calm.wait_read(90, r)
    r.terminate()
    shards, subjects, _ = expect_equal_ends(config, calm)
    expect_oracle(stream, shards, subjects)


def start(env, redis, stream):
    env.kafka.create(env.cdr)
    config = env.config("rolled", redis)
    r = env.run(config)
    r.wait_line("took partition", 30, PARTITIONS)
    return config, r, Feeder(env.kafka, env.cdr, stream.records, 6000)


def test_rollback_to_snapshot(env):
    redis, stream = env.redis(), Stream(4, 70_000)
    config, r, feeder = start(env, redis, stream)
    feeder.wait_sent(0.3)
    redis.snapshot("older.rdb")
    feeder.wait_sent(0.6)
    late = config.positions()
    redis.restore("older.rdb")
    early = config.positions()
    expect(all(early[p] < late[p] for p in late), f"the snapshot is not older: {early}, {late}")
    feeder.expect_running("Redis was set back")
    end_as_calm(env, config, r, feeder, stream)


def test_rollback_under_open_connections(env):
    """No connection breaks, so only the commit id can tell: the fence is hit and the shards are taken again."""
    redis, stream = env.redis(), Stream(6, 60_000)
    config, r, feeder = start(env, redis, stream)
    feeder.wait_sent(0.3)
    redis.snapshot("older.rdb")
    feeder.wait_sent(0.6)
    redis.reload("older.rdb")
    feeder.expect_running("Redis was set back")
    seen = len(r.lines("msg=\"status "))
    r.wait_line("msg=\"status ", 20, seen + 3)
    expect(int(r.status("fenced")) >= 1, "the fence was not hit")
    end_as_calm(env, config, r, feeder, stream)


def test_rollback_by_crash_of_redis(env):
    """appendfsync everysec and SIGKILL, as after a power cut but for what the kernel still wrote."""
    redis, stream = env.redis(appendonly="everysec"), Stream(5, 50_000)
    config, r, feeder = start(env, redis, stream)
    for share in (0.3, 0.6):
        feeder.wait_sent(share)
        redis.stop()
        redis.start()
        feeder.expect_running("Redis was killed")
    end_as_calm(env, config, r, feeder, stream)
