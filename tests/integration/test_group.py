# SPDX-License-Identifier: Apache-2.0
"""Two processes in one group: they join, leave, die and sleep in mid-stream, and the end state is that of one calm process."""
import threading

from cdrs import Stream
from harness import PARTITIONS, Feeder, expect, expect_equal_ends, expect_oracle, wait_until


def compare_with_calm(env, config, redis, stream):
    calm = env.config("calm", (redis, 1))
    r = env.run(calm)
    r.wait_line("took partition", 30, PARTITIONS)
    calm.wait_read(90, r)
    r.terminate()
    shards, subjects, _ = expect_equal_ends(config, calm)
    expect_oracle(stream, shards, subjects)


def test_group_joined_and_left(env):
    stream = Stream(2, 100_000)
    redis = env.redis()
    env.kafka.create(env.cdr)
    config = env.config("pair", redis)
    first = env.run(config, log="first.log")
    first.wait_line("took partition", 30, PARTITIONS)
    feeder = Feeder(env.kafka, env.cdr, stream.records, 7000)
    feeder.wait_sent(0.1)
    second = env.run(config, log="second.log")
    second.wait_line("took partition", 30)
    feeder.wait_sent(0.35)
    feeder.expect_running("the second left")
    second.terminate()
    third = env.run(config, log="third.log")
    third.wait_line("took partition", 30)
    feeder.wait_sent(0.7)
    feeder.expect_running("the third was killed")
    third.kill()
    feeder.finish()
    config.wait_read(90, first)
    first.terminate()
    compare_with_calm(env, config, redis, stream)


def partitions_of(process):
    """Those it holds by its own words."""
    held = set()
    for line in process.lines("(took|gave up) partition"):
        words = line.replace('"', " ").split()
        partition = int(words[words.index("partition") + 1])
        held = held | {partition} if "took" in line else held - {partition}
    return held


def burst_and_freeze(env, config, process, records):
    """Freezes the process while it works on the records. True: its partitions were not read to their ends then."""
    before, mine = config.positions(), partitions_of(process)
    sending = threading.Thread(target=env.kafka.produce, args=(env.cdr, records))
    sending.start()
    wait_until("the burst is being worked on", lambda: any(config.positions()[p] > before[p] for p in mine), 20, 0.0)
    process.freeze()
    sending.join()
    ends, now = env.kafka.ends(env.cdr), config.positions()
    return any(now[p] < ends[p] for p in mine)


def test_group_sleeper_is_fenced(env):
    """SIGSTOP past the session timeout, SIGCONT: what the sleeper had in its hands must not overwrite its successor's state."""
    stream = Stream(3, 160_000)
    redis = env.redis()
    env.kafka.create(env.cdr)
    config = env.config("pair", redis, properties={"session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"})
    first = env.run(config, log="first.log")
    first.wait_line("took partition", 30, PARTITIONS)
    sleeper = env.run(config, log="sleeper.log")
    sleeper.wait_line("took partition", 30)
    wait_until("both have shards", lambda: partitions_of(first) and partitions_of(sleeper), 30)
    quarter, fenced = len(stream.records) // 4, 0
    sent = 0
    while sent < 3 * quarter and not fenced:  # whether it sleeps with a commit at hand is chance
        wait_until("the sleeper has shards", lambda: partitions_of(sleeper), 60)
        midst = burst_and_freeze(env, config, sleeper, stream.records[sent : sent + quarter])
        sent += quarter
        wait_until("the other takes all", lambda: len(partitions_of(first)) == PARTITIONS, 30)
        config.wait_read(60, first)
        sleeper.thaw()
        if midst:
            seen = len(sleeper.lines("msg=\"status "))
            sleeper.wait_line("msg=\"status ", 20, seen + 4)
            fenced = int(sleeper.status("fenced"))
    expect(fenced, "the fence was never hit, or it is not counted")
    wait_until("the sleeper has shards again", lambda: partitions_of(sleeper) and int(sleeper.status("shards").split("/")[0]), 60)
    env.say(f"fence hit {fenced} times after {sent} CDRs")
    env.kafka.produce(env.cdr, stream.records[sent:])
    config.wait_read(90, first)
    expect(first.status("fenced") == "0", "the successor was fenced too")
    for r in (sleeper, first):
        r.terminate()
    compare_with_calm(env, config, redis, stream)


def account_calls(config):
    return next((s["lifetime"]["calls"] for s in config.dump()[1].values() if s["subject"] == "account:acme"), 0)


def roll(env, config, running, name):
    """One process after the other is replaced by one with another configuration; none is without a successor for long."""
    after = []
    for i, process in enumerate(running):
        process.terminate()
        r = env.run(config, log=f"{name}-{i}.log")
        r.wait_line("took partition", 30)
        after.append(r)
    return after


def test_group_rolling_change_of_relay_switches(env):
    """Copies for accounts are switched on, and off again, in a group of two, one process after the other, with a kill while they are on. The account counts
    exactly the calls of the time in between, of shards whose owner had them on."""
    stream = Stream(41, 24_000)
    redis = env.redis()
    env.kafka.create(env.cdr)
    off = "relay: {called: \"off\", account: false, trunk: false, block: false}\n"
    on = "relay: {called: \"off\", account: true, trunk: false, block: false}\n"
    without = env.config("without", redis, out="roll", group="roll", more=off)
    both = env.config("both", redis, out="roll", group="roll", more=on)
    running = [env.run(without, log=f"without-{i}.log") for i in range(2)]
    for r in running:
        r.wait_line("took partition", 30)
    env.kafka.produce(env.cdr, stream.records[:6000])
    without.wait_read(60, running[0])
    before = without.applied()
    expect(account_calls(without) == 0, "an account that no copies were made for has calls")
    running = roll(env, both, running, "on")
    env.kafka.produce(env.cdr, stream.records[6000:10_000])
    running[0].kill()
    running[0] = env.run(both, log="on-again.log")
    running[0].wait_line("took partition", 30)
    env.kafka.produce(env.cdr, stream.records[10_000:16_000])
    both.wait_read(60, running[0])
    on_calls = both.applied() - before
    expect(on_calls > 0 and account_calls(both) == on_calls, f"the account has {account_calls(both)} calls of {on_calls}")
    running = roll(env, without, running, "off")
    env.kafka.produce(env.cdr, stream.records[16_000:])
    without.wait_read(60, running[0])
    for r in running:
        r.terminate()
    shards, subjects = without.dump()
    expect(account_calls(without) == on_calls, f"the account has {account_calls(without)} calls of {on_calls}")
    expect_oracle(stream, shards, subjects)


def test_group_of_another_name_is_named(env):
    """Two processes of one deployment in different groups take every shard from each other: both say what is wrong. Nothing counts twice."""
    stream = Stream(42, 6000)
    redis = env.redis()
    env.kafka.create(env.cdr)
    here, elsewhere = (env.config(name, redis, out="one", group=name) for name in ("here", "elsewhere"))
    first = env.run(here, log="here.log")
    first.wait_line("took partition", 30, PARTITIONS)
    second = env.run(elsewhere, log="elsewhere.log")
    feeder = Feeder(env.kafka, env.cdr, stream.records, 600)
    first.wait_line("another kafka.group", 60)
    second.terminate()
    feeder.finish()
    here.wait_read(60, first)
    first.terminate()
    shards, subjects = here.dump()
    expect_oracle(stream, shards, subjects)


def test_group_takeover_says_numbers_again(env):
    """Whoever takes a shard says again what each number is that is not plainly active, under no older sequence than before."""
    stream = Stream(43, 20_000, span_s=8 * 3600)
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis())
    first = env.run(config, log="first.log")
    first.wait_line("took partition", 30, PARTITIONS)
    env.kafka.produce(env.cdr, stream.records)
    config.wait_read(60, first)
    config.wait_said()
    first.kill()
    numbers = [e for e in config.events().values() if e["topic"] == "numbers"]
    last = {e["subject"]: e for e in sorted(numbers, key=lambda e: int(e["sequence"]))}
    waiting = {n: e for n, e in last.items() if e["data"]}
    expect(len(waiting) > 5, f"only {len(waiting)} numbers are in a phase")
    second = env.run(config, log="second.log")
    second.wait_line("took partition", 30, PARTITIONS)
    wait_until("all are said again", lambda: len(config.events(again=True)) >= len(waiting), 30)
    second.terminate()
    again = {e["subject"]: e for e in config.events(again=True).values()}
    expect(again.keys() == waiting.keys(), f"{len(again)} of {len(waiting)} numbers were said again")
    subjects = config.dump()[1]
    for n, e in again.items():
        told, is_now = {k: e["data"][k] for k in ("phase", "episode", "phase_since")}, {k: subjects[n][k] for k in ("phase", "episode", "phase_since")}
        expect(told == is_now, f"{n} is said to be {told}, and is {is_now}")
        expect(int(e["sequence"]) >= int(waiting[n]["sequence"]), f"{n} is said again under an older sequence")
