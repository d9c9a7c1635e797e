# SPDX-License-Identifier: Apache-2.0
"""The rule files of the benches."""

WINDOWS = ("5m", "1h", "6h", "24h", "7d", "30d")

ONE = """\
groups:
  - name: bench
    rules:
      - alert: MostlyShortCalls
        expr: calls["1h"] >= 100 && short6_ratio["1h"] > 0.5
        mode: enforce
        action: alert
"""

# fires for busy numbers: with the relay on, that one began to fire is told to its cohorts
BUSY = """\
groups:
  - name: bench
    rules:
      - alert: Busy
        expr: calls["1h"] > 100
        mode: enforce
        action: alert
"""

# what the last condition of a rule asks; none is ever true, so all that is timed is the asking
NEVER = ("short6_ratio > 1.5", "answer_ratio > 1.5", "callee_ratio > 1.5", "avg_talk_s > 100000")
# true of every call
ALWAYS = ("calls >= 1", "callees >= 1", "talk_s >= 0", "answered >= 0", "short6 >= 0")


def _over(condition, window):
    name, rest = condition.split(" ", 1)
    return f'{name}["{window}"] {rest}'


def twenty():
    """Twenty rules of three conditions over six windows. The first two conditions hold for every call and the third for none: each rule is evaluated
    to its end and says nothing, as the rules of a quiet day do but without their short cuts."""
    text = "groups:\n  - name: bench\n    rules:\n"
    for i in range(20):
        w = [WINDOWS[(i + k) % len(WINDOWS)] for k in range(3)]
        expr = " && ".join((_over(ALWAYS[i % 5], w[0]), _over(ALWAYS[(i + 2) % 5], w[1]), _over(NEVER[i % 4], w[2])))
        text += f"      - alert: Quiet{i:02d}\n        expr: {expr}\n        mode: enforce\n        action: alert\n"
    return text


def write(folder, count):
    path = folder / f"rules{count}.yaml"
    path.write_text(ONE if count == 1 else twenty())
    return path


def write_busy(folder):
    path = folder / "busy.yaml"
    path.write_text(BUSY)
    return path


def write_relay(folder, name, called, cohorts, account=False):
    """A configuration: copies for called numbers (off, managed, all), for accounts, trunks and blocks (true, false), for accounts alone."""
    path = folder / f"relay-{name}.yaml"
    on = str(cohorts).lower()
    path.write_text(f"relay:\n  called: {called}\n  account: {str(cohorts or account).lower()}\n  trunk: {on}\n  block: {on}\n")
    return path
