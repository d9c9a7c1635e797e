# SPDX-License-Identifier: Apache-2.0
"""What all benches share: figures and their form, percentiles, CPU time of processes, programs run under a stopwatch, floors."""
import json
import math
import os
import re
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

LINE = re.compile(r"^(bench_\w+) (\S+) (\S+) p50 (\S+) p99 (\S+) n (\d+)(?: \((.*)\))?$")
TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Why a bench could not be run to its end."""


class BenchSkipped(Exception):
    """Why a bench is left out here: what it compares with is not installed."""


@dataclass
class Figure:
    """One line of output. p50 and p99 are over n samples, None where there is only one; for a rate, p99 is the rate that 99 % of the samples
    reach, so that p99 is always the bad end."""

    name: str
    value: float
    unit: str
    p50: float | None = None
    p99: float | None = None
    n: int = 1
    remark: str = ""

    def line(self):
        text = f"{self.name} {short(self.value)} {self.unit} p50 {short(self.p50)} p99 {short(self.p99)} n {self.n}"
        return text + (f" ({self.remark})" if self.remark else "")

    def json(self):
        return json.dumps(asdict(self))


def short(v):
    if v is None:
        return "-"
    if v == 0 or abs(v) >= 1000:
        return f"{v:.0f}"
    return f"{v:.{max(0, 3 - math.floor(math.log10(abs(v))) - 1)}f}"


def parse_lines(text):
    """The figures that a bench program in C printed."""
    found = []
    for line in text.splitlines():
        m = LINE.match(line)
        if not m:
            continue
        p50, p99 = (None if m[i] == "-" else float(m[i]) for i in (4, 5))
        found.append(Figure(m[1], float(m[2]), m[3], p50, p99, int(m[6]), m[7] or ""))
    return found


def percentile(values, p):
    """Nearest rank: the smallest value that p per cent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(p / 100 * len(ordered)) - 1)]


def of_samples(name, values, unit, remark=""):
    return Figure(name, sum(values) / len(values), unit, percentile(values, 50), percentile(values, 99), len(values), remark)


def of_rates(name, values, unit, remark="", value=None):
    """The bad end of a rate is its low one. `value`: the rate over all; else the median."""
    p50 = percentile(values, 50)
    return Figure(name, p50 if value is None else value, unit, p50, percentile(values, 1), len(values), remark)


# ---- programs ----


@dataclass
class Timed:
    wall_s: float
    cpu_s: float
    rss_mib: float
    out: str


def timed(command, cpus=None):
    """Runs a program to its end. Wall time from before the fork to its end; CPU time, user and system, of it alone."""
    pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
    began = time.monotonic()
    p = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         preexec_fn=pin)
    out, err = p.stdout.read(), p.stderr.read()
    _, status, used = os.wait4(p.pid, 0)
    wall = time.monotonic() - began
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        raise BenchError(f"{' '.join(map(str, command))}: exit {p.returncode}: {err[-1500:]}")
    return Timed(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out)


def cpu_s(pid):
    """CPU seconds that a running process has used, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine():
    """One line on where and when, so that figures are not compared across machines unawares."""
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    steal = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    stolen = int(steal[8]) / max(1, sum(map(int, steal[1:9])))
    return (f"{time.strftime('%Y-%m-%d %H:%M')}, {model[1] if model else 'unknown CPU'}, {os.cpu_count()} cores, "
            f"load {os.getloadavg()[0]:.2f}, stolen {stolen:.1%}")


# ---- floors ----


def read_floors(path):
    """name -> (">=" or "<=", figure)."""
    floors = {}
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 3 or words[1] not in (">=", "<=") or words[0] in floors:
            raise BenchError(f"{path}:{number}: expected `name >= figure` or `name <= figure`, each name once: {line}")
        floors[words[0]] = (words[1], float(words[2]))
    return floors


def check_floors(figures, floors, complete):
    """What is missed, as texts. `complete`: all benches ran, so a floor without a figure is a mistake of the file."""
    values = {f.name: f.value for f in figures}
    missed = [f"{name} is {short(values[name])}, must be {sign} {short(bound)}" for name, (sign, bound) in floors.items()
              if name in values and not (values[name] >= bound if sign == ">=" else values[name] <= bound)]
    if complete:
        missed += [f"{name} has a floor, but no bench gave it" for name in floors if name not in values]
    return missed
