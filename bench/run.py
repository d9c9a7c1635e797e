#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the benches of bench/, on a release build.

    bench/run.py [--quick] [--json FILE] [--check] [--build DIR] [--list] [WORD]...

WORD: only benches whose name holds one of the words. Output, one line a figure: name value unit p50 V p99 V n N (remark). Lines with `#` say what is
timed, where and when. --json adds one JSON object a figure to FILE (`-`: standard output in place of the text). --check compares with bench/floors.txt:
exit 1 if a figure is missed.

The release build is made with: cmake --preset release && cmake --build --preset release. Everything runs on the last two cores that this process may use,
single-threaded benches on the last one. Broker and Redis are started on the loopback, on free ports, and stopped by their process ids. Needs what
tests/integration/run.py needs; bench_rules_cel_go also Go, without which it says so and is left out."""
import argparse
import contextlib
import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TESTS = ROOT / "tests" / "integration"
sys.path[:0] = [str(HERE), str(TESTS)]

import files  # noqa: E402
import measure  # noqa: E402
import path  # noqa: E402


class Bench:
    """What a bench is given: the program, a work folder, one broker for all, Redis servers. `core`: the one core of single-threaded benches."""

    def __init__(self, build, quick):
        self.build, self.quick = build, quick
        self.ringfence = build / "ringfence"
        self.folder = ROOT / "build" / "bench"
        self.folder.mkdir(parents=True, exist_ok=True)
        two = set(sorted(os.sched_getaffinity(0))[-2:])
        os.sched_setaffinity(0, two)  # all that is started inherits it
        self.core = {max(two)}
        self._kafka = None
        self._redis_cnt = 0

    @property
    def kafka(self):
        if not self._kafka:
            import harness

            harness.broker.stop(self.folder / "kafka")
            shutil.rmtree(self.folder / "kafka", ignore_errors=True)
            self._kafka = harness.Kafka(self.folder / "kafka")
        return self._kafka

    def kafka_pid(self):
        return int((self.folder / "kafka" / "pid").read_text())

    def redis(self, policy=None):
        import harness

        self._redis_cnt += 1
        folder = self.folder / f"redis-{self._redis_cnt}"
        shutil.rmtree(folder, ignore_errors=True)
        return harness.Redis(folder, appendonly=policy)

    @contextlib.contextmanager
    def env(self, name):
        """Folder, Redis servers and processes of one run; all are ended, and the folder goes if it was a good run."""
        import harness

        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        env = harness.Env(name, folder, self.ringfence, self.kafka)
        try:
            yield env
        except harness.Failed as e:
            raise measure.BenchError(f"{name}: {e}") from e
        finally:
            env.close()
        shutil.rmtree(folder)

    def close(self):
        if self._kafka:
            self._kafka.stop()
            shutil.rmtree(self.folder / "kafka", ignore_errors=True)
        for left in self.folder.glob("redis-*"):
            shutil.rmtree(left)


def integration():
    """tests/integration/run.py, which knows how the Python packages come."""
    spec = importlib.util.spec_from_file_location("integration_run", TESTS / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def collect(words):
    found = {n: f for module in (files, path) for n, f in vars(module).items() if n.startswith("bench_")}
    return {n: f for n, f in found.items() if not words or any(w in n for w in words)}, len(found)


def find_build(given):
    build = Path(given or ROOT / "build" / "release").resolve()
    cache = build / "CMakeCache.txt"
    if not (build / "ringfence").is_file() or not cache.is_file():
        sys.exit(f"run.py: no program ringfence in {build}: cmake --preset release && cmake --build --preset release")
    kind = re.search(r"^CMAKE_BUILD_TYPE:\w+=(.*)$", cache.read_text(), re.MULTILINE)[1]
    if kind not in ("RelWithDebInfo", "Release"):
        sys.exit(f"run.py: {build} is a {kind} build: its figures would say nothing; cmake --preset release")
    return build


def run_all(bench, benches, tell):
    """Returns the figures and the names of the benches that failed."""
    figures, failed = [], []
    tell(f"# {measure.machine()}{', quick' if bench.quick else ''}")
    try:
        for name, run in benches.items():
            tell(f"# {name}: {' '.join(run.__doc__.split())}")
            try:
                for f in run(bench):
                    figures.append(f)
                    tell(f)
            except measure.BenchSkipped as e:
                tell(f"# {name}: NOT RUN: {e}")
                print(f"run.py: {name}: not run: {e}", file=sys.stderr, flush=True)
            except measure.BenchError as e:
                failed.append(name)
                print(f"run.py: {name}: {e}", file=sys.stderr, flush=True)
    finally:
        bench.close()
    tell(f"# {measure.machine()}")
    return figures, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer runs")
    parser.add_argument("--json", metavar="FILE", help="appends one JSON object a figure; -: to standard output, in place of the text")
    parser.add_argument("--check", action="store_true", help="compares with bench/floors.txt")
    parser.add_argument("--build", metavar="DIR", help="the release build (default: build/release)")
    parser.add_argument("--list", action="store_true", help="names of the benches and what they time, nothing else")
    options = parser.parse_args()
    benches, total = collect(options.words)
    if options.list:
        print("\n".join(f"{n}: {' '.join(f.__doc__.split())}" for n, f in benches.items()))
        return 0
    if not benches:
        sys.exit(f"run.py: no bench matches {options.words}")
    build = find_build(options.build)
    integration().ensure_packages(__file__)
    out = sys.stdout if options.json == "-" else open(options.json, "a", encoding="utf-8") if options.json else None

    def tell(what):
        is_figure = isinstance(what, measure.Figure)
        if options.json != "-":
            print(what.line() if is_figure else what, flush=True)
        if out and is_figure:
            print(what.json(), file=out, flush=True)

    figures, failed = run_all(Bench(build, options.quick), benches, tell)
    missed = measure.check_floors(figures, measure.read_floors(HERE / "floors.txt"), len(benches) == total and not failed) if options.check else []
    for text in missed:
        print(f"run.py: {text}", file=sys.stderr)
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
