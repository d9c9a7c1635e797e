#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the integration tests against a real Kafka and real Redis servers.

    tests/integration/run.py [-k WORD]... [--ringfence PATH] [--list]

One broker serves all tests; each has topics, a folder (build/it-<test>) and Redis servers of its own. A good test's folder is removed, a bad
one's stays, and the ends of its logs are printed. The last line is "N passed, N failed", with ", N skipped" if so. Exit 0: all passed.

Needs Java 17+ and Maven (for Kafka), redis-server, and confluent-kafka, which is put into build/venv at the first run."""
import argparse
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REQUIREMENTS = HERE / "requirements.txt"
MODULES = ("test_run", "test_disputes", "test_copenhagen", "test_matrix", "test_failures", "test_positions", "test_life", "test_webhook", "test_rollback", "test_group", "test_crash")


def ensure_packages(program=__file__):
    """`program` goes on inside build/venv, made here if it is not there or was made for other requirements."""
    venv = ROOT / "build" / "venv"
    if Path(sys.prefix).resolve() == venv.resolve():
        return
    stamp, digest = venv / "requirements.sha256", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == digest):
        print(f"making {venv.relative_to(ROOT)} with pip: {REQUIREMENTS.read_text().split(chr(10), 1)[1].strip()}", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", str(venv)], check=False)
        if made.returncode != 0:
            sys.exit("run.py: python3 -m venv failed: apt-get install python3-venv")
        subprocess.run([venv / "bin" / "pip", "-q", "--disable-pip-version-check", "install", "-r", str(REQUIREMENTS)], check=True)
        stamp.write_text(digest)
    python = str(venv / "bin" / "python")
    os.execv(python, [python, str(Path(program).resolve()), *sys.argv[1:]])


def find_binary(given):
    tried = [given or os.environ.get("RINGFENCE")]
    if not tried[0]:
        tried = [ROOT / "build" / d / "ringfence" for d in ("tests", "asan", "release", ".")]
    for path in tried:
        if Path(path).is_file():
            return Path(path).resolve()
    sys.exit(f"run.py: no program ringfence at {', '.join(map(str, tried))}: build it first, or say where with --ringfence")


def collect(words):
    tests = []
    for name in MODULES:
        if not (HERE / f"{name}.py").exists():
            sys.exit(f"run.py: {name}.py is missing")
        module = importlib.import_module(name)
        tests += [(n, f) for n, f in vars(module).items() if n.startswith("test_") and callable(f)]
    return [t for t in tests if not words or any(w in t[0] for w in words)]


def run_one(harness, name, test, binary, kafka):
    """(outcome, text)"""
    folder = ROOT / "build" / f"it-{name.removeprefix('test_')}"
    shutil.rmtree(folder, ignore_errors=True)
    env = harness.Env(name, folder, binary, kafka)
    text = None
    try:
        test(env)
    except harness.Skipped as e:
        shutil.rmtree(folder, ignore_errors=True)
        return "skipped", str(e)
    except harness.Failed as e:
        text = str(e)
    except Exception:  # noqa: BLE001 (any failure of a test is that test's)
        text = traceback.format_exc()
    finally:
        env.close()
    report = env.sanitizer_report()
    if report:
        text = (text + "\n" if text else "") + f"a sanitizer reports in {report}"
    if text is None:
        shutil.rmtree(folder, ignore_errors=True)
        return "passed", ""
    logs = "\n".join(f"    -- end of {log} --\n{harness.tail(log)}" for log in env.logs[-4:])
    return "failed", f"{text}\n{logs}"


def run_all(harness, tests, binary):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    folder = ROOT / "build" / "it-kafka"
    harness.broker.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    kafka = harness.Kafka(folder)
    try:
        for name, test in tests:
            began = time.monotonic()
            print(f"RUN   {name}", flush=True)
            outcome, text = run_one(harness, name, test, binary, kafka)
            counts[outcome] += 1
            word = {"passed": "OK", "failed": "FAIL", "skipped": "SKIP"}[outcome]
            print(f"{word:5s} {name} ({time.monotonic() - began:.1f} s)" + (f"\n{text}" if text else ""), flush=True)
    finally:
        kafka.stop()
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", action="append", default=[], metavar="WORD", help="only tests whose name holds this; may be given often")
    parser.add_argument("--ringfence", metavar="PATH", help="the program (default: $RINGFENCE, else what is found under build/)")
    parser.add_argument("--list", action="store_true", help="names of the tests, nothing else")
    options = parser.parse_args()
    ensure_packages()
    sys.path.insert(0, str(HERE))
    import harness  # noqa: E402 (inside the venv only)

    tests = collect(options.k)
    if options.list:
        print("\n".join(name for name, _ in tests))
        return 0
    if not tests:
        sys.exit(f"run.py: no test matches {options.k}")
    counts = run_all(harness, tests, find_binary(options.ringfence))
    print(f"{counts['passed']} passed, {counts['failed']} failed" + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
