# SPDX-License-Identifier: Apache-2.0
"""Benches over the whole path: a real Kafka, a real Redis and the program, all on the two cores of the bench.

The broker is the integration tests' one; topics are filled beforehand, so that no producer runs beside what is timed (but for the latency)."""
import json
import re
import time
from datetime import datetime

import rules
from measure import BenchError, Figure, cpu_s, of_rates, of_samples, percentile, timed

NUMBERS = 1_000_000
PARTITIONS = 4
STATUS_MS = 100
RELAY_OFF = 'relay: {called: "off", account: false, trunk: false, block: false}\n'
STATUS = re.compile(r'^ts=(\S+) .*msg="status rate=(\d+)/s lag=(-?\d+) .* commit=([\d.]+)ms ')
WARM_S = 8  # a broker just started takes produce requests slowly
TAKEN = re.compile(r'^ts=(\S+) .*msg="took partition')
PATIENCE_S = 1800
STILL_S = 120  # no progress for this long is the end of a run
LATENCY_RULES = """\
groups:
  - name: bench
    rules:
      - alert: Marked
        expr: short6["1h"] >= 1
        mode: enforce
        action: alert
"""


def _filled(bench, count):
    """A topic with `count` CDRs of the benches' stream, keyed by calling number. Filled once a run of run.py."""
    topic = f"bench.{count}"
    if not bench.kafka.partitions(topic):
        bench.kafka.create(topic, PARTITIONS)
        timed([bench.ringfence, "generate", "--count", count, "--numbers", NUMBERS, "--plain", "--zipf", "0.99", "--topic", topic, "--brokers",
               bench.kafka.brokers])
        held = sum(bench.kafka.ends(topic).values())
        if held != count:
            raise BenchError(f"{topic} holds {held} records, not {count}")
    return topic


def _config(env, name, store, relay="", workers=1, **more):
    # session timeouts of production: a busy machine is no dead member
    properties = {"session.timeout.ms": "45000", "heartbeat.interval.ms": "3000"}
    return env.config(name, store, properties=properties, more=f'run: {{status: {STATUS_MS}ms, workers: {workers}}}\ntime: {{idle: "off"}}\n{relay}', redis_timeout="30s", **more)


def _seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _statuses(process):
    """(seconds, rate, lag, commit ms) of every status line so far. Before them stands one of rate 0 for the moment at which the first partition was taken:
    the first line of the program may tell of CDRs already."""
    found = []
    for line in process.text().splitlines():
        m, taken = STATUS.match(line), TAKEN.match(line)
        if m:
            found.append((_seconds(m[1]), int(m[2]), int(m[3]), float(m[4])))
        elif taken and not found:
            found.append((_seconds(taken[1]), 0, 0, 0.0))
    return found


def _watch(process, pids, count):
    """Follows a run to its end. Returns its status lines from the last one before anything was applied to the first at which nothing is left, and the CPU
    seconds of each process between about the same moments."""
    began = time.monotonic()
    cpu_begin = {who: cpu_s(pid) for who, pid in pids.items()}
    moved, seen = began, 0
    while True:
        time.sleep(STATUS_MS / 1000)
        s = _statuses(process)
        first = next((i for i, x in enumerate(s) if x[1] > 0), None)
        if first is None:
            cpu_begin = {who: cpu_s(pid) for who, pid in pids.items()}
        else:
            done = sum(rate * (at - before) for (before, *_), (at, rate, *_) in zip(s[first - 1 :], s[first:]))
            if done > seen:
                moved, seen = time.monotonic(), done
            end = next((i for i in range(first, len(s)) if s[i][2] == 0 and s[i][1] == 0), None)
            if end is not None and seen > 0.98 * count:
                last = max(i for i in range(first, end) if s[i][1] > 0)
                return s[first - 1 : last + 1], {who: cpu_s(pid) - cpu_begin[who] for who, pid in pids.items()}
        if not process.alive() or time.monotonic() - began > PATIENCE_S or time.monotonic() - moved > STILL_S:
            raise BenchError(f"the run stood still after about {seen:.0f} of {count} CDRs, log {process.log}: {process.text()[-1000:]}")


def _per_second(statuses):
    """Rates of whole seconds; the last, broken one is left out if there are others."""
    rates, cdrs, since = [], 0.0, statuses[0][0]
    for (before, *_), (at, rate, *_) in zip(statuses, statuses[1:]):
        cdrs += rate * (at - before)
        if at - since >= 1:
            rates.append(cdrs / (at - since))
            cdrs, since = 0.0, at
    return rates or [cdrs / (statuses[-1][0] - since)]


def _run_path(bench, topic, count, rule_cnt, policy):
    """One run from an empty Redis. Yields the figures of that shape."""
    shape = f"rule{rule_cnt}_{policy or 'aofoff'}"
    with bench.env(f"path-{shape}") as env:
        rules.write(env.folder, rule_cnt)
        redis = env.redis(appendonly=policy)
        config = _config(env, "run", redis, relay=RELAY_OFF, workers=2, cdr=topic, rules=env.folder / f"rules{rule_cnt}.yaml")
        process = env.run(config)
        pids = {"ringfence": process.process.pid, "redis": redis.process.pid, "kafka": bench.kafka_pid()}
        statuses, cpu = _watch(process, pids, count)
        rss = process.rss_kib() / 1024
        process.terminate(60)
        applied = config.applied()
        if applied != count:
            raise BenchError(f"path {shape}: {applied} of {count} CDRs applied")
    seconds = statuses[-1][0] - statuses[0][0]
    name = f"bench_app_path_{shape}"
    yield of_rates(name, _per_second(statuses), "cdr/s", f"{count} CDRs in {seconds:.1f} s", count / seconds)
    for who, used in cpu.items():
        yield Figure(f"{name}_cpu_{who}", used / count * 1e6, "cpu_us/cdr", remark=f"{used / seconds:.2f} cores")
    total = sum(cpu.values()) / count * 1e6
    yield Figure(f"{name}_cpu", total, "cpu_us/cdr", remark=f"of all three; two cores of one's own allow at most {2e6 / total:.0f} cdr/s")
    yield of_samples(f"{name}_commit", [c for *_, c in statuses if c > 0], "ms", "the slowest shard's newest commit, sampled each 100 ms")
    yield Figure(f"{name}_rss", rss, "MiB", remark="resident size of the program at the end")


def _path(bench, rule_cnt):
    count = 3_000_000 if bench.quick else 10_000_000
    topic = _filled(bench, count)
    cpu = {}
    for policy in (None, "everysec"):
        for f in _run_path(bench, topic, count, rule_cnt, policy):
            if f.name.endswith("_cpu"):
                cpu[policy] = f.value
            yield f
    yield Figure(f"bench_app_path_rule{rule_cnt}_everysec_ratio", cpu["everysec"] / cpu[None], "times", remark="CPU time of all three, AOF everysec / off")


def bench_app_path_rule1(bench):
    """Times `ringfence run` with one rule and without copies to other subjects (bench_app_path_relay has those) over a topic filled beforehand (JSON,
    1 M numbers, Zipf 0.99, 4 partitions, two workers) into an empty Redis, AOF off and everysec, two workers: from the last status line before the first CDR was applied (or
    the first partition taken) to the last one that tells of some, to 0.1 s. Broker, Redis and program
    share two cores. CPU time of each process between about the same moments, to 0.2 s. Not timed: filling the topic, start, joining the group. p50 and
    p99 of a rate are over whole seconds."""
    yield from _path(bench, 1)


def bench_app_path_rule20(bench):
    """Times the same as bench_app_path_rule1 with 20 rules over six windows."""
    yield from _path(bench, 20)


def _relay_run(bench, topic, shape, called, cohorts):
    """Wall and CPU seconds from the first partition taken until CDRs and copies are read to their ends."""
    on = str(cohorts).lower()
    with bench.env(f"path-relay-{shape}") as env:
        rules.write(env.folder, 1)
        redis = env.redis()
        config = _config(env, "run", redis, cdr=topic, rules=env.folder / "rules1.yaml",
                         relay=f'relay: {{called: "{called}", account: {on}, trunk: {on}, block: {on}}}\n')
        process = env.run(config)
        process.wait_line("took partition", 60)
        pids = (process.process.pid, redis.process.pid, bench.kafka_pid())
        began, before = time.monotonic(), [cpu_s(p) for p in pids]
        config.wait_read(PATIENCE_S, process)
        wall, cpu = time.monotonic() - began, [cpu_s(p) - b for p, b in zip(pids, before)]
        process.terminate(60)
    return wall, cpu


def bench_app_path_relay(bench):
    """Times `ringfence run` with one rule as bench_app_path_rule1 (AOF off), without copies, with those for called numbers, with all kinds, until the CDRs and
    the copies are applied. CPU time of broker, Redis and program together; ratios are of that."""
    count = 1_000_000 if bench.quick else 5_000_000
    topic = _filled(bench, count)
    found = {s: _relay_run(bench, topic, s, *kinds) for s, kinds in {"none": ("off", False), "called": ("all", False), "all": ("all", True)}.items()}
    for shape, (wall, cpu) in found.items():
        each = ", ".join(f"{who} {s / count * 1e6:.1f}" for who, s in zip(("program", "Redis", "broker"), cpu))
        yield Figure(f"bench_app_path_relay_{shape}", count / wall, "cdr/s", remark=f"{count} CDRs in {wall:.1f} s")
        yield Figure(f"bench_app_path_relay_{shape}_cpu", sum(cpu) / count * 1e6, "cpu_us/cdr", remark=each)
    for shape in ("called", "all"):
        yield Figure(f"bench_app_path_relay_{shape}_ratio", sum(found[shape][1]) / sum(found["none"][1]), "times", remark=f"CPU time, {shape} / none")


# ---- what is stored ----


def _sizes(bench, name, config, env, process):
    """Sizes of the stored records, as `state stats` tells them, when all is read."""
    process.wait_line("took partition", 60)
    config.wait_read(PATIENCE_S, process)
    process.terminate(60)
    stats = json.loads(env.verb("state", "stats", "-c", config.path, timeout_s=600))
    sizes, kinds = stats["record_size"], {k: stats[k] for k in ("numbers", "accounts", "trunks", "blocks")}
    yield Figure(f"bench_store_sizes_{name}", sizes["mean"], "bytes", p50=sizes["p50"], p99=sizes["p99"], n=sum(kinds.values()),
                 remark=f"a record; p90 {sizes['p90']}, largest {sizes['max']}; subjects: " + ", ".join(f"{k} {v}" for k, v in kinds.items()))


def bench_store_sizes(bench):
    """Sizes of stored records, not times: the stream of the benches without copies, and the default mix of callers with all kinds of copies, on Redis; and, if
    calls.csv of the Copenhagen Networks Study is at hand (COPENHAGEN_CSV), that real stream with all kinds."""
    count = 1_000_000 if bench.quick else 5_000_000
    every = 'relay: {called: "all", account: true, trunk: true, block: true}\n'
    with bench.env("sizes") as env:
        rules.write(env.folder, 1)
        one = env.folder / "rules1.yaml"
        config = _config(env, "plain", env.redis(), cdr=_filled(bench, count), rules=one, relay=RELAY_OFF)
        yield from _sizes(bench, "plain", config, env, env.run(config))
        bench.kafka.create("sizes.mix", PARTITIONS)
        timed([bench.ringfence, "generate", "--count", count // 2, "--topic", "sizes.mix", "--brokers", bench.kafka.brokers])
        config = _config(env, "mix", env.redis(), cdr="sizes.mix", rules=one, relay=every)
        yield from _sizes(bench, "mix", config, env, env.run(config))
        import copenhagen
        import harness
        import test_copenhagen

        try:
            lines = list(copenhagen.cdrs(test_copenhagen.calls_csv()))
        except harness.Skipped as why:
            print(f"bench_store_sizes: without the real stream: {why}", flush=True)
            return
        bench.kafka.create("sizes.copenhagen", PARTITIONS)
        bench.kafka.produce("sizes.copenhagen", [(c["calling_number"], json.dumps(c).encode()) for c in lines])
        config = _config(env, "copenhagen", env.redis(), cdr="sizes.copenhagen", rules=one, relay=every)
        yield from _sizes(bench, "copenhagen", config, env, env.run(config))


# ---- from CDR to alert ----


def _cdr(i, number, marked):
    """Marked: an answered call of two seconds, the first of its number; the rule fires. Others talk for half a minute."""
    end = int(time.time() * 1000)
    talk = 2000 if marked else 30000
    return json.dumps({"record_id": f"l{i}", "record_type": "FINAL", "calling_number": number, "called_number": f"+1646{i % 10**7:07d}",
                       "start_time": end - talk - 3000, "ring_time": end - talk - 2500, "answer_time": end - talk, "end_time": end,
                       "duration_ms": talk + 3000, "disposition": "ANSWERED", "q850_cause": 16, "sip_status": 200, "account_id": "A100000"})


def _produce(bench, topic, rate, seconds, warm_s):
    """Paced by the wall clock in steps of 10 ms; every twentieth CDR is marked. Returns (partition, offset) -> Kafka timestamp of the marked ones, but for
    those of the first `warm_s` seconds; the rate kept; by how much steps began late (ms, p99)."""
    from confluent_kafka import Producer

    sent, failed, late_ms = {}, [], []

    def delivered(error, m):
        if error:
            failed.append(str(error))
        else:
            sent[(m.partition(), m.offset())] = m.timestamp()[1]

    p = Producer({"bootstrap.servers": bench.kafka.brokers, "partitioner": "murmur2_random", "linger.ms": 0, "log_level": 2})
    began, i = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(passed * rate)
        late_ms.append((due - i) / rate * 1000)
        while i < due:
            marked = i % 20 == 0
            number = f"+1917{i:07d}" if marked else f"+1415{i * 7919 % 100000:07d}"
            p.produce(topic, key=number, value=_cdr(i, number, marked), on_delivery=delivered if marked and passed > warm_s else None)
            i += 1
        p.poll(0)
        time.sleep(max(0.0, 0.01 - (time.monotonic() - began - passed)))
    if p.flush(30) or failed:
        raise BenchError(f"producing into {topic} failed: {failed[:1]}")
    return sent, i / (time.monotonic() - began), percentile(late_ms, 99)


def _alerts(bench, config, wanted):
    """(partition, offset) of the cause -> time at which the broker appended the alert; all of `wanted` are in it."""
    until, found = time.monotonic() + 30, {}
    while not wanted <= found.keys():
        if time.monotonic() > until:
            raise BenchError(f"{len(wanted - found.keys())} of {len(wanted)} alerts did not come within 30 s")
        for m in bench.kafka.read(config.topic("alerts")):
            kind, ms = m.timestamp()
            if kind != 2:
                raise BenchError("the alerts' timestamps are not those of the broker")
            cause = json.loads(m.value())["cause"]
            found.setdefault((cause["partition"], cause["offset"]), ms)
        time.sleep(0.5)
    return found


def bench_app_alert_latency(bench):
    """Times from a CDR produced to its alert on the topic: the broker's append time of the alert (LogAppendTime) less the CDR's own timestamp (CreateTime:
    set when its producer was given it), one clock, in whole ms. Every twentieth CDR is the first and only call of a number and fires the rule. The
    producer (Python, paced, linger 0) runs on the same two cores as broker, Redis (AOF off) and program. Not in it: the first 8 s
    (a fresh broker is slow), and the consumer that reads the alert."""
    seconds = WARM_S + (12 if bench.quick else 60)
    for rate in (2000, 10000):
        with bench.env(f"latency-{rate}") as env:
            env.write("latency.yaml", LATENCY_RULES)
            topic = f"bench.latency.{rate}"
            config = _config(env, "run", env.redis(), cdr=topic, rules="latency.yaml")
            bench.kafka.create(topic, PARTITIONS)
            bench.kafka.create(config.topic("alerts"), PARTITIONS, message_timestamp_type="LogAppendTime")
            process = env.run(config)
            process.wait_line(rf"shards={PARTITIONS}/{PARTITIONS}", 30)
            sent, real, late = _produce(bench, topic, rate, seconds, WARM_S)
            appended = _alerts(bench, config, sent.keys())
            process.terminate(60)
        ms = [appended[place] - at for place, at in sent.items()]
        yield of_samples(f"bench_app_alert_latency_{rate}", ms, "ms",
                         f"{real:.0f} CDR/s, {len(ms)} alerts, largest {max(ms)}; the producer at most {late:.0f} ms behind its pace at p99")
