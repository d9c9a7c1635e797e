# SPDX-License-Identifier: Apache-2.0
"""Benches over files and programs: generate, replay, the hot dialler, decoders, stores. No Kafka."""
import json
import os
import shutil
import subprocess
from pathlib import Path

import rules
from measure import BenchError, BenchSkipped, Figure, of_rates, parse_lines, percentile, timed

NUMBERS = 1_000_000
HOT_SHARE = 10  # every tenth call
HOT_NUMBER = "+12025550100"
ACCOUNT_TENTHS = 3  # of all calls are one account's


def _runs(bench):
    return 3 if bench.quick else 5


def stream(bench, count):
    """The stream of the benches: one million numbers, Zipf 0.99, ordinary callers, seed 1. Kept in the work folder."""
    path = bench.folder / f"plain-{count}.jsonl"
    if not path.exists():
        part = path.with_suffix(".part.jsonl")
        timed([bench.ringfence, "generate", "--count", count, "--numbers", NUMBERS, "--plain", "--zipf", "0.99", "--out", part])
        part.rename(path)
        (bench.folder / f"{part.name}.truth.csv").unlink(missing_ok=True)
    return path


def hot_stream(bench, count):
    """The same stream, but every tenth call is made by one and the same number."""
    path = bench.folder / f"hot-{count}.jsonl"
    if path.exists():
        return path
    part = path.with_suffix(".part")
    mark = '"calling_number":"'
    with open(stream(bench, count), encoding="ascii") as source, open(part, "w", encoding="ascii") as out:
        for i, line in enumerate(source):
            if i % HOT_SHARE == 0:
                at = line.index(mark) + len(mark)
                line = line[:at] + HOT_NUMBER + line[line.index('"', at) :]
            out.write(line)
    part.rename(path)
    return path


def account_stream(bench, count):
    """The same stream with three of ten calls made for one and the same account; their numbers stay."""
    path = bench.folder / f"account-{count}.jsonl"
    if path.exists():
        return path
    part = path.with_suffix(".part")
    mark = '"account_id":"'
    with open(stream(bench, count), encoding="ascii") as source, open(part, "w", encoding="ascii") as out:
        for i, line in enumerate(source):
            if i % 10 < ACCOUNT_TENTHS:
                at = line.index(mark) + len(mark)
                line = line[:at] + "A999999" + line[line.index('"', at) :]
            out.write(line)
    part.rename(path)
    return path


def bench_app_generate_file(bench):
    """Times `ringfence generate` from start to end, to a file of the page cache, on one core: rates over runs, wall time. `plain` is the stream of the
    benches, `mix` the default mix of callers. Not timed: writing back to disk."""
    count = 1_000_000 if bench.quick else 5_000_000
    for shape, options in (("plain", ["--plain", "--numbers", NUMBERS]), ("mix", [])):
        out = bench.folder / "generated.jsonl"
        runs = [timed([bench.ringfence, "generate", "--count", count, *options, "--out", out], bench.core) for _ in range(_runs(bench))]
        yield of_rates(f"bench_app_generate_file_{shape}", [count / r.wall_s for r in runs], "cdr/s", "wall time")
        yield of_rates(f"bench_app_generate_file_{shape}_cpu", [count / r.cpu_s for r in runs], "cdr/cpu_s", "CPU time of the program")
        for left in bench.folder.glob("generated.jsonl*"):
            left.unlink()


def _replay(bench, path, rule_file, count, config=None):
    args = [bench.ringfence, "replay", *(["-c", config] if config else []), *(["--rules", rule_file] if rule_file else []), path]
    r = timed(args, bench.core)
    summary = json.loads(r.out)
    if summary["applied"] != count or summary["dead_letters"]:
        raise BenchError(f"replay of {path}: {summary['applied']} of {count} applied, {summary['dead_letters']} dead letters")
    return r


def bench_app_replay_json(bench):
    """Times `ringfence replay` from start to end on one core: reading a JSON file out of the page cache, decoding, windows, rules, state in
    memory; 1 M numbers, Zipf 0.99, events counted and not written, no copies (bench_app_replay_relay has those). With no rule, one rule, and 20 rules over six windows; with one rule and every
    tenth call made by one number. The four in turn within a round; ratios are of the medians of CPU time. Not timed: making the file."""
    count = 1_000_000 if bench.quick else 5_000_000
    plain, hot = stream(bench, count), hot_stream(bench, count)
    one, twenty = rules.write(bench.folder, 1), rules.write(bench.folder, 20)
    shapes = {"norule": (plain, None), "rule1": (plain, one), "rule20": (plain, twenty), "hot": (hot, one)}
    alone = rules.write_relay(bench.folder, "none", "off", False)
    runs = {s: [] for s in shapes}
    plain.read_bytes()  # into the page cache
    hot.read_bytes()
    for _ in range(_runs(bench)):
        for shape, (path, rule_file) in shapes.items():
            runs[shape].append(_replay(bench, path, rule_file, count, alone))
    cpu = {s: percentile([r.cpu_s for r in rs], 50) for s, rs in runs.items()}
    for shape, rs in runs.items():
        yield of_rates(f"bench_app_replay_json_{shape}", [count / r.wall_s for r in rs], "cdr/s", f"wall time, {count} CDRs")
        yield of_rates(f"bench_app_replay_json_{shape}_cpu", [count / r.cpu_s for r in rs], "cdr/cpu_s", "CPU time of the program")
    yield Figure("bench_app_replay_json_rss", max(r.rss_mib for r in runs["rule1"]), "MiB", remark="largest resident size, rule1")
    yield Figure("bench_app_replay_json_rule20_ratio", cpu["rule20"] / cpu["rule1"], "times", remark="20 rules / 1 rule")
    # a share h of the calls costs x, the others what a call costs without it: T(hot)/T(plain) = (1 - h) + h x
    share = 1 / HOT_SHARE
    call = (cpu["hot"] / cpu["rule1"] - (1 - share)) / share
    yield Figure("bench_app_replay_json_hot_ratio", max(call, 0.01), "times", remark="a call of the hot dialler / the average call without it")


def bench_app_replay_relay(bench):
    """Times `ringfence replay` from start to end on one core, as bench_app_replay_json with one rule (calls["1h"] > 100): relay off, copies for called
    numbers alone, and all kinds, which is the default: up to five more subjects a CDR. The three in turn within a round; ratios are of the medians
    of CPU time, user and system. Not timed: making the file."""
    count = 1_000_000 if bench.quick else 3_000_000
    path, rule_file = stream(bench, count), rules.write_busy(bench.folder)
    shapes = {"none": ("off", False), "called": ("managed", False), "all": ("managed", True)}
    configs = {s: rules.write_relay(bench.folder, s, *kinds) for s, kinds in shapes.items()}
    runs = {s: [] for s in shapes}
    path.read_bytes()  # into the page cache
    for _ in range(_runs(bench)):
        for shape, config in configs.items():
            runs[shape].append(_replay(bench, path, rule_file, count, config))
    cpu = {s: percentile([r.cpu_s for r in rs], 50) for s, rs in runs.items()}
    for shape, rs in runs.items():
        yield of_rates(f"bench_app_replay_relay_{shape}_cpu", [count / r.cpu_s for r in rs], "cdr/cpu_s", f"CPU time of the program, {count} CDRs")
        yield Figure(f"bench_app_replay_relay_{shape}_rss", max(r.rss_mib for r in rs), "MiB", remark="largest resident size")
    for shape in ("called", "all"):
        yield Figure(f"bench_app_replay_relay_{shape}_ratio", cpu[shape] / cpu["none"], "times", remark=f"relay {shape} / none")


def bench_app_replay_account(bench):
    """Times `ringfence replay` as bench_app_replay_relay with copies for accounts alone: the stream as it is, and with three of ten calls made for one
    account. What a call of that account costs besides, against a call of any other: more than 1 is what the rest of its shard waits beyond its share.
    The three in turn within a round; ratios are of the medians of CPU time, user and system."""
    count = 1_000_000 if bench.quick else 3_000_000
    spread, heavy, rule_file = stream(bench, count), account_stream(bench, count), rules.write_busy(bench.folder)
    alone, accounts = rules.write_relay(bench.folder, "none", "off", False), rules.write_relay(bench.folder, "accounts", "off", False, account=True)
    shapes = {"none": (spread, alone), "spread": (spread, accounts), "heavy": (heavy, accounts)}
    runs = {s: [] for s in shapes}
    for path in (spread, heavy):
        path.read_bytes()  # into the page cache
    for _ in range(_runs(bench)):
        for shape, (path, config) in shapes.items():
            runs[shape].append(_replay(bench, path, rule_file, count, config))
    cpu = {s: percentile([r.cpu_s for r in rs], 50) for s, rs in runs.items()}
    for shape, rs in runs.items():
        yield of_rates(f"bench_app_replay_account_{shape}_cpu", [count / r.cpu_s for r in rs], "cdr/cpu_s", f"CPU time of the program, {count} CDRs")
    # copies cost s in the one stream and h in the other: h = (1 - share) s + share x s
    share = ACCOUNT_TENTHS / 10
    copy, heavy_copy = cpu["spread"] - cpu["none"], cpu["heavy"] - cpu["none"]
    yield Figure("bench_app_replay_account_ratio", max((heavy_copy / copy - (1 - share)) / share, 0.01), "times",
                 remark="a copy for the account of 30 % of all calls / the average copy")


def _program(bench, name, *args):
    return parse_lines(timed([bench.build / name, *args], bench.core).out)


def bench_ingest_decode_json(bench):
    """Times decoding one JSON CDR from memory into the normalised struct: the flat scanner beside cJSON, same records, same batches. bench_ingest_decode_json.c."""
    yield from _program(bench, "bench_ingest_decode_json", 50 if bench.quick else 500)


def bench_rules_eval_20(bench):
    """Times evaluating 20 rules of 3 conditions over ready figures: the chain of a set, one rule after the other, and a C switch written by hand, in three
    shapes: the first condition false, about half of them true, all true. Ratio: the C switch / the chain. bench_rules_eval_20.c."""
    found = {}
    for f in _program(bench, "bench_rules_eval_20"):
        found[f.name] = f.value
        yield f
    for shape in ("first", "mixed", "true"):
        name = f"bench_rules_eval_20_{shape}"
        yield Figure(f"{name}_switch_ratio", found[f"{name}_switch"] / found[name], "times", remark="C switch / ours")


def bench_rules_eval_1000(bench):
    """Times evaluating 1,000 rules, 20 for each of 50 customers with thresholds of their own, over ready figures, beside the 20 of one: asked of every
    number, behind `account == "..."`, and one by one, which shares nothing; in the same three shapes. Ratios are of the time. bench_rules_eval_1000.c."""
    yield from _program(bench, "bench_rules_eval_1000")


def _cel_go(bench):
    """The program of bench/cel_go, built in the work folder."""
    go, source, program = shutil.which("go"), Path(__file__).parent / "cel_go", bench.folder / "cel_go"
    if not go:
        raise BenchSkipped("there is no go in PATH: install Go 1.23 or newer (Debian: golang-go of backports)")
    built = subprocess.run([go, "build", "-o", program, "."], cwd=source, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise BenchSkipped(f"go build in {source}: {built.stderr[-800:].strip()}")
    return program


def bench_rules_cel_go(bench):
    """Times the rules of bench_rules_eval_20 in cel-go (programs checked and optimised, figures bound beforehand, one core), with figures as maps, as rules
    have them (`map`), and as variables of their own (`flat`). Ratios: the chain of bench_rules_eval_20 / cel-go, rates side by side in one run. Both count the same true
    conditions. bench/cel_go/main.go."""
    program, dump = _cel_go(bench), bench.folder / "figures.jsonl"
    dump.write_text(timed([bench.build / "bench_rules_eval_20", "--dump"]).out)
    ours = {f.name: f.value for f in _program(bench, "bench_rules_eval_20")}
    for f in parse_lines(timed([program, dump], bench.core).out):
        yield f
        shape, way = f.name.removeprefix("bench_rules_cel_go_").split("_")
        yield Figure(f"{f.name}_ratio", ours[f"bench_rules_eval_20_{shape}"] / f.value, "times", remark=f"ours / cel-go, {way}")


def bench_scoring_update(bench):
    """Times a call applied and the 60 figures of 20 rules over six windows read after it: 10 k, 1 M, 10 M numbers by Zipf 0.99, 5 % late calls, a hot
    dialler; and the memory of numbers with ten calls each. bench_scoring_update.c."""
    quick = ["--quick"] if bench.quick else []
    found = {}
    for f in _program(bench, "bench_scoring_update", *quick):
        found[f.name.removeprefix("bench_scoring_update_")] = f.value
        yield f
    yield Figure("bench_scoring_update_spread_ratio", found["10M"] / found["10k"], "times", remark="10 M numbers / 10 k")
    yield Figure("bench_scoring_update_late_ratio", found["1M_late"] / found["1M"], "times", remark="5 % late / none")
    yield from _program(bench, "bench_scoring_update", *quick, "memory")


def bench_scoring_windows(bench):
    """Times 18 figures over six windows in three ways, with their errors: a list of all calls, rings of buckets, ours. bench_scoring_windows.c."""
    yield from _program(bench, "bench_scoring_windows", *(["--quick"] if bench.quick else []))


def bench_rules_pack(bench):
    """Times the default pack whole (all shipped rules for all traffic) on one core, over ordinary callers and over a mix of all kinds: the rules alone
    over figures that are filled, and what figures and rules together add to applying a call. bench_rules_pack.c."""
    yield from _program(bench, "bench_rules_pack", *(["--quick"] if bench.quick else []))


def bench_store_commit(bench):
    """Times a commit of 5,000 records of 640 bytes from begin to answer, nothing overlapping: memory, embedded (LMDB), Redis with AOF off and
    everysec, each on the core of the bench with Redis on whichever is free. bench_store_commit.c."""
    yield from _program(bench, "bench_store_commit", "memory")
    file = bench.folder / "commit.lmdb"
    yield from _program(bench, "bench_store_commit", "embedded", file)
    for left in bench.folder.glob("commit.lmdb*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for policy in (None, "everysec"):
        redis = bench.redis(policy)
        try:
            for f in _program(bench, "bench_store_commit", "redis", redis.url()):
                f.name += "_everysec" if policy else "_aofoff"
                yield f
        finally:
            redis.stop()
