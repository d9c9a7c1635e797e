# SPDX-License-Identifier: Apache-2.0
"""What the integration tests stand on: a real Kafka, private Redis servers, processes of ringfence, and ways to compare what came out.

A test is a function `test_<subject>_<condition>(env)`. It gets an `Env`: its own folder, its own topic names, and everything that it starts
through the Env is stopped, by process id, when it ends. A test fails by an exception (`Failed`, or an assert), and leaves its folder behind;
`Skipped` with a reason is counted apart, never as passed.

Reading order: Env, Ringfence, Topic (produce, read), Store comparisons at the end."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic, OffsetSpec

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "kafka"))
import broker  # noqa: E402

EVENT_TOPICS = ("alerts", "transitions", "advisories", "numbers", "disputes")
PARTITIONS = 4
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer")


class Failed(Exception):
    """An expectation is not met."""


class Skipped(Exception):
    """The test cannot be run here; the reason."""


def expect(condition, text):
    if not condition:
        raise Failed(text)


def wait_until(what, condition, timeout_s, pause_s=0.05):
    """Waits until condition() is true and returns what it gave. `what` says in the failure what was waited for; it may be a function."""
    until = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise Failed(f"not within {timeout_s} s: {what() if callable(what) else what}")
        time.sleep(pause_s)


def tail(path, lines=30):
    try:
        text = Path(path).read_text(errors="replace")
    except OSError as e:
        return f"({e})"
    return "\n".join("    " + line[:400] for line in text.splitlines()[-lines:])


# ---- Kafka ----


class Kafka:
    """One broker in a folder. It can be stopped and started again on the same port and data."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.brokers = broker.start(self.folder)
        self.admin = AdminClient({"bootstrap.servers": self.brokers, "log_level": 2})

    def start(self):
        broker.start(self.folder)

    def stop(self):
        broker.stop(self.folder)

    def _do(self, futures):
        for f in futures.values():
            f.result(timeout=30)

    def create(self, topic, partitions=PARTITIONS, **config):
        self._do(self.admin.create_topics([NewTopic(topic, partitions, 1, config={k.replace("_", "."): v for k, v in config.items()})]))

    def delete(self, topic):
        self._do(self.admin.delete_topics([topic]))

        def gone():
            return topic not in self.admin.list_topics(timeout=10).topics

        wait_until(f"topic {topic} is gone", gone, 20)

    def grow(self, topic, partitions):
        self._do(self.admin.create_partitions([NewPartitions(topic, partitions)]))

    def partitions(self, topic):
        """The count of partitions; 0: there is no such topic."""
        found = self.admin.list_topics(timeout=20).topics.get(topic)
        return len(found.partitions) if found and not found.error else 0

    def remove_before(self, topic, offsets):
        """As retention does: records before `offsets` (partition -> offset) are gone."""
        self._do(self.admin.delete_records([TopicPartition(topic, p, o) for p, o in offsets.items()]))

    def _offsets(self, topic, spec):
        asked = {TopicPartition(topic, p): spec for p in range(self.partitions(topic))}
        return {tp.partition: f.result(timeout=20).offset for tp, f in self.admin.list_offsets(asked).items()} if asked else {}

    def ends(self, topic):
        return self._offsets(topic, OffsetSpec.latest())

    def begins(self, topic):
        return self._offsets(topic, OffsetSpec.earliest())

    def members(self, group):
        found = self.admin.describe_consumer_groups([group])[group].result(timeout=20)
        return len(found.members)

    def committed(self, group, topic):
        """What the group has committed to Kafka: partition -> offset; a partition without one is left out."""
        c = Consumer({"bootstrap.servers": self.brokers, "group.id": group, "log_level": 2})
        got = c.committed([TopicPartition(topic, p) for p in range(self.partitions(topic))], timeout=20)
        c.close()
        return {tp.partition: tp.offset for tp in got if tp.offset >= 0}

    # -- producing and reading --

    def producer(self):
        return Producer({"bootstrap.servers": self.brokers, "partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 5,
                         "compression.type": "lz4", "queue.buffering.max.messages": 1000000, "log_level": 2})

    def produce(self, topic, records, producer=None):
        """Sends (key, value[, headers[, timestamp in ms]]) in order and waits until all are acknowledged."""
        p = producer or self.producer()
        failures = []

        def delivered(error, _message):
            if error:
                failures.append(str(error))

        for r in records:
            while True:
                try:
                    p.produce(topic, key=r[0], value=r[1], headers=r[2] if len(r) > 2 else None,
                              timestamp=r[3] if len(r) > 3 else 0, on_delivery=delivered)
                    break
                except BufferError:
                    p.poll(0.1)
            p.poll(0)
        left = p.flush(60)
        expect(left == 0 and not failures, f"producing into {topic}: {left} not sent, {len(failures)} failed: {failures[:1]}")

    def read(self, topic):
        """All records that the topic holds now, partition by partition in order; an absent topic is an empty one."""
        ends, begins = self.ends(topic), self.begins(topic)
        open_parts = {p for p in ends if ends[p] > begins[p]}
        if not open_parts:
            return []
        c = Consumer({"bootstrap.servers": self.brokers, "group.id": "reader", "enable.auto.commit": False, "log_level": 2,
                      "auto.offset.reset": "earliest", "enable.partition.eof": True})
        c.assign([TopicPartition(topic, p, begins[p]) for p in open_parts])
        found, until = [], time.monotonic() + 60
        try:
            while open_parts:
                expect(time.monotonic() < until, f"reading {topic}: no end within 60 s")
                for m in c.consume(5000, timeout=1.0):
                    if not m.error():
                        found.append(m)
                    elif m.error().code() == -191:  # the end of a partition
                        open_parts.discard(m.partition())
                    else:
                        raise KafkaException(m.error())
        finally:
            c.close()
        return sorted(found, key=lambda m: (m.partition(), m.offset()))


# ---- Redis ----


class Redis:
    """A private redis-server. `appendonly`: None (off) or an appendfsync policy. Its data folder outlives a stop."""

    def __init__(self, folder, appendonly=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.port = broker.free_ports(1)[0]
        self.appendonly = appendonly
        self.process = None
        self.start()

    def url(self, db=0):
        return f"redis://127.0.0.1:{self.port}/{db}"

    def cli(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=20, check=False)
        return done.stdout.strip()

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
                   "--appendonly", "yes" if self.appendonly else "no", "--maxmemory-policy", "noeviction", "--enable-debug-command", "local"]
        if self.appendonly:
            command += ["--appendfsync", self.appendonly]
        with open(self.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def ready():
            expect(self.process.poll() is None, f"redis-server ended:\n{tail(self.folder / 'redis.log')}")
            return self.cli("PING") == "PONG"

        wait_until(f"redis-server on port {self.port} answers", ready, 10)

    def stop(self, save=False):
        """Without `save` as a crash: what is not on disk is lost."""
        if self.process and self.process.poll() is None:
            if save:
                self.cli("SHUTDOWN", "SAVE")
            else:
                self.process.kill()
            self.process.wait(20)

    def snapshot(self, name):
        """Keeps the state of this moment under a name, for restore()."""
        expect(self.cli("SAVE") == "OK", "redis SAVE failed")
        shutil.copy(self.folder / "dump.rdb", self.folder / name)

    def restore(self, name):
        """Restarts from an earlier snapshot, as a replica that lags would take over."""
        self.stop()
        shutil.copy(self.folder / name, self.folder / "dump.rdb")
        self.start()

    def reload(self, name):
        """Goes back to an earlier snapshot while clients stay connected: they cannot tell by their connection."""
        shutil.copy(self.folder / name, self.folder / "dump.rdb")
        said = self.cli("DEBUG", "RELOAD", "NOSAVE")
        expect(said == "OK", f"redis DEBUG RELOAD: {said}")


# ---- ringfence ----


class Ringfence:
    """One process of `ringfence run`. Its output is in a log of its own; `lines` reads it so far."""

    def __init__(self, binary, config, log, args=()):
        self.log = Path(log)
        self.config = config
        environment = dict(os.environ, ASAN_OPTIONS="abort_on_error=0:exitcode=66:detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1")
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([str(binary), "run", "-c", str(config), *args], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, env=environment)
        self.stopped = False

    def text(self):
        return self.log.read_text(errors="replace")

    def lines(self, pattern):
        return [line for line in self.text().splitlines() if re.search(pattern, line)]

    def alive(self):
        return self.process.poll() is None

    def wait_line(self, pattern, timeout_s=30, count=1):
        """Waits until that many lines match. Fails at once if the process has ended without them."""

        def seen():
            dead = not self.alive()
            found = self.lines(pattern)
            expect(len(found) >= count or not dead, f"ringfence ended with {self.process.poll()} before it said /{pattern}/")
            return found if len(found) >= count else None

        return wait_until(lambda: f"{count} lines /{pattern}/ in {self.log}", seen, timeout_s)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(20)

    def freeze(self):
        self.signal(signal.SIGSTOP)
        self.stopped = True

    def thaw(self):
        self.signal(signal.SIGCONT)
        self.stopped = False

    def wait_exit(self, timeout_s):
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"ringfence (log {self.log}) has not ended within {timeout_s} s") from None

    def terminate(self, timeout_s=30):
        """SIGTERM; must end in good order with 0."""
        self.signal(signal.SIGTERM)
        code = self.wait_exit(timeout_s)
        expect(code == 0, f"ringfence ended with {code} after SIGTERM, not with 0")

    def refused(self, timeout_s=30):
        """Waits for a start that is refused: (exit code, what was said). A process that goes on is a failure."""
        code = self.wait_exit(timeout_s)
        expect(code not in (0, 66) and code > 0, f"exit code {code} where a refusal was expected")
        return code, self.text()

    def rss_kib(self):
        match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(match.group(1)) if match else 0

    def status(self, name):
        """The newest value of a figure of the status line, as text; None before the first."""
        found = re.findall(rf"\b{name}=(\S+?)[\s\"]", "\n".join(self.lines("msg=\"status ")))
        return found[-1] if found else None

    def end(self):
        if self.alive():
            if self.stopped:
                self.thaw()
            self.kill()


# ---- one test's surroundings ----


RULES = """\
groups:
  - name: spam
    interval: 5m
    rules:
      - alert: MostlyShortCalls
        expr: calls["1h"] >= 20 && short6_ratio["1h"] > 0.5
        action: quarantine
        mode: enforce
        labels: {severity: critical}
      - alert: ManyCallees
        expr: callees["24h"] >= 40 && answer_ratio["24h"] < 0.3
        action: alert
        mode: enforce
        labels: {severity: warning}
"""


class Env:
    """Folder, names and processes of one test."""

    def __init__(self, name, folder, binary, kafka):
        self.name, self.folder, self.binary, self.kafka = name, Path(folder), Path(binary), kafka
        self.folder.mkdir(parents=True)
        self.to_end = []
        self.logs = []
        self.number = 0
        self.cdr = f"{name.removeprefix('test_')}.cdr"
        self.rules_file = self.write("rules.yaml", RULES)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def say(self, text):
        """A remark that is worth reading in a good run too."""
        print(f"      {text}", flush=True)

    def own_kafka(self):
        """A broker of this test's own, to be stopped and started."""
        k = Kafka(self.folder / "kafka")
        self.to_end.append(k.stop)
        self.kafka = k
        return k

    def redis(self, **options):
        self.number += 1
        r = Redis(self.folder / f"redis-{self.number}", **options)
        self.to_end.append(r.stop)
        return r

    # -- configurations --

    def config(self, name, store, deployment="test", group=None, cdr=None, out=None, properties=None, rules=None, sinks="", more="",
               redis_timeout="5s"):
        """Writes a configuration. `store`: a Redis, (Redis, db), the word memory, or a file name for the embedded one. Topics of its own are
        called <test>.<out>.<topic>."""
        if isinstance(store, Redis):
            store = (store, 0)
        if isinstance(store, tuple):
            state = f"{{store: redis, redis: {{url: \"{store[0].url(store[1])}\", timeout: {redis_timeout}}}}}"
        elif store == "memory":
            state = "{store: memory}"
        else:
            state = f"{{store: embedded, embedded: {{path: {store}, map_bytes: 1GiB}}}}"
        prefix = f"{self.name.removeprefix('test_')}.{out or name}"
        topics = [f"cdr: {cdr or self.cdr}", f"control: {prefix}.control", f"relay: {prefix}.relay", f"dead_letters: {prefix}.dead-letters"]
        topics += [f"{t}: {prefix}.{t}" for t in EVENT_TOPICS]
        settings = {"session.timeout.ms": "1500", "heartbeat.interval.ms": "300"} | (properties or {})
        text = f"deployment: {deployment}\nkafka:\n  brokers: {self.kafka.brokers}\n"
        text += f"  group: {group or self.name + '-' + name}\n  properties:\n"
        text += "".join(f"    {k}: \"{v}\"\n" for k, v in settings.items())
        text += f"topics: {{{', '.join(topics)}}}\ninput: {{format: json, max_record_bytes: 4KiB}}\nstate: {state}\n"
        text += f"rules: {{files: [{rules or self.rules_file.name}]}}\n"
        text += "sinks:\n" + sinks if sinks else ""
        if "time:" not in more:
            more += "time: {idle: \"off\"}\n"
        if "run:" not in more:
            more += "run: {status: 500ms}\n"
        path = self.write(f"{name}.yaml", text + more)
        return Config(path, self, prefix, group or f"{self.name}-{name}", cdr or self.cdr)

    # -- processes --

    def run(self, config, *args, log=None):
        self.number += 1
        path = self.folder / (log or f"{config.path.stem}-{self.number}.log")
        r = Ringfence(self.binary, config.path, path, args)
        self.to_end.append(r.end)
        self.logs.append(path)
        return r

    def verb(self, *args, code=0, timeout_s=120):
        """Runs another verb to its end; returns its standard output."""
        done = subprocess.run([str(self.binary), *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout_s, check=False)
        expect(done.returncode == code, f"ringfence {' '.join(map(str, args))}: exit {done.returncode}, not {code}: {done.stderr[-2000:]}")
        return done.stdout

    def close(self):
        for end in reversed(self.to_end):
            end()

    def sanitizer_report(self):
        """What a sanitizer said in any log of this test, or None."""
        for log in self.logs:
            text = log.read_text(errors="replace")
            match = SANITIZER.search(text)
            if match:
                return f"{log}:\n{text[match.start():match.start() + 3000]}"
        return None


class Config:
    """A written configuration, and the ways to look at what stands behind it."""

    def __init__(self, path, env, prefix, group, cdr):
        self.path, self.env, self.prefix, self.group, self.cdr = path, env, prefix, group, cdr
        self.control, self.relay = f"{prefix}.control", f"{prefix}.relay"

    def topic(self, short):
        return f"{self.prefix}.{short}"

    # -- state --

    def dump(self):
        """`state dump`: (shards: name -> object, subjects: key -> object)."""
        shards, subjects = {}, {}
        for line in self.env.verb("state", "dump", "-c", self.path).splitlines():
            o = json.loads(line)
            if "shard" in o:
                shards[o["shard"]] = o
            else:
                subjects[o["subject"]] = o
        return shards, subjects

    def shards(self):
        found = (json.loads(line) for line in self.env.verb("state", "positions", "-c", self.path).splitlines())
        return {o["shard"]: o for o in found}

    def applied(self):
        return sum(s["applied"] for s in self.shards().values())

    def positions(self):
        """CDR partition -> stored position."""
        return {int(name.rpartition(":")[2]): s["positions"][self.cdr] for name, s in self.shards().items()}

    def wait_applied(self, n, timeout_s=60):
        """Waits until exactly n CDRs are applied; more is a failure at once."""
        seen = [0]

        def reached():
            seen[0] = self.applied()
            expect(seen[0] <= n, f"{seen[0]} CDRs applied, but only {n} were to be: counted twice")
            return seen[0] == n

        wait_until(lambda: f"{n} CDRs applied (now {seen[0]})", reached, timeout_s, 0.1)

    def wait_read(self, timeout_s=60, process=None):
        """Waits until the stored positions are the ends of the CDR topic, and then of the relay topic."""
        ends = self.env.kafka.ends(self.cdr)
        seen = [None]

        def relayed():
            mine = {int(name.rpartition(":")[2]): s["positions"][self.relay] for name, s in self.shards().items()}
            return mine == self.env.kafka.ends(self.relay)

        def reached():
            expect(process is None or process.alive(), f"ringfence ended with {process.process.poll() if process else ''} in mid-stream")
            seen[0] = self.positions()
            return seen[0] == ends

        wait_until(lambda: f"{self.cdr} is read to its ends {ends} (now {seen[0]})", reached, timeout_s, 0.1)
        wait_until(f"{self.relay} is read to its ends", relayed, timeout_s, 0.1)

    # -- what was said --

    def wait_said(self, timeout_s=20):
        """Waits until every event that was decided is on its topic."""

        def said():
            decided = sum(s["events"] for s in self.shards().values())
            return len(self.events()) == decided

        wait_until("all events are on their topics", said, timeout_s, 0.2)

    def events(self, again=False):
        """All events of the topics: id -> content, once. Two contents under one id are a failure. `again`: what owners said again after a takeover, which
        is left out otherwise."""
        found = {}
        for short in EVENT_TOPICS:
            for m in self.env.kafka.read(self.topic(short)):
                event = event_of(m, short)
                if again == (((event["data"] or {}).get("cause") or {}).get("timer") == "takeover"):
                    add_event(found, event)
        return found

    def dead_letters(self):
        """(original topic, partition, offset) -> [message]."""
        found = {}
        for m in self.env.kafka.read(self.topic("dead-letters")):
            h = headers_of(m)
            place = (h["__connect.errors.topic"], int(h["__connect.errors.partition"]), int(h["__connect.errors.offset"]))
            found.setdefault(place, []).append(m)
        return found


def headers_of(m):
    return {name: (value or b"").decode("utf-8", "replace") for name, value in (m.headers() or [])}


def event_of(m, short):
    """A CloudEvent in binary mode -> a plain dict; what DESIGN section 10 says of its envelope is checked here."""
    h = headers_of(m)
    where = f"{m.topic()}:{m.partition()}:{m.offset()}"
    for name in ("ce_id", "ce_source", "ce_type", "ce_specversion", "ce_subject", "ce_time", "ce_sequence", "content-type"):
        expect(h.get(name), f"{where}: header {name} is missing: {h}")
    expect(h["ce_specversion"] == "1.0" and h["content-type"] == "application/json", f"{where}: {h}")
    expect(re.fullmatch(r"[!-\-/-~]+", h["ce_id"]), f"{where}: an id holds no '.', space or non-ASCII character: {h['ce_id']}")
    expect(re.fullmatch(r"dev\.ringfence\.[a-z_.]+\.v1", h["ce_type"]), f"{where}: type {h['ce_type']}")
    expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", h["ce_time"]), f"{where}: time {h['ce_time']}")
    expect((m.key() or b"").decode() == h["ce_subject"], f"{where}: the key {m.key()} is not the subject {h['ce_subject']}")
    return {"id": h["ce_id"], "topic": short, "source": h["ce_source"], "type": h["ce_type"], "subject": h["ce_subject"],
            "time": h["ce_time"], "sequence": h["ce_sequence"], "data": json.loads(m.value()) if m.value() else None}


def structured_event(o, short):
    """A line of `replay --out`, as event_of() gives a Kafka record."""
    return {"id": o["id"], "topic": short, "source": o["source"], "type": o["type"], "subject": o["subject"], "time": o["time"],
            "sequence": str(o["sequence"]), "data": o.get("data")}


def add_event(found, event):
    """Every id has one content, however often it was sent."""
    before = found.setdefault(event["id"], event)
    expect(before == event, f"two contents under the id {event['id']}:\n  {json.dumps(before)}\n  {json.dumps(event)}")


def replay_events(folder):
    found = {}
    for short in EVENT_TOPICS:
        path = Path(folder) / f"{short}.jsonl"
        expect(path.exists(), f"replay left no {path.name}")
        for line in path.read_text().splitlines():
            add_event(found, structured_event(json.loads(line), short))
    return found


# ---- comparing ----


def compare(name, mine, theirs):
    """Two dicts that must be equal; says the first differences."""
    if mine == theirs:
        return
    missing, extra = [k for k in theirs if k not in mine], [k for k in mine if k not in theirs]
    differ = [k for k in theirs if k in mine and mine[k] != theirs[k]]
    text = [f"{name}: {len(missing)} missing, {len(extra)} too many, {len(differ)} different of {len(theirs)}"]
    text += [f"  missing {k}: {theirs[k]}" for k in missing[:2]] + [f"  too many {k}: {mine[k]}" for k in extra[:2]]
    text += [f"  {k}: {mine[k]}\n   expected {theirs[k]}" for k in differ[:2]]
    raise Failed("\n".join(text))


def latest_numbers(events):
    """The compacted view of ringfence.numbers: number -> data of its newest event. A takeover may say a number again, so here the ids do not count."""
    found = {}
    for e in events.values():
        if e["topic"] == "numbers" and int(e["sequence"]) >= int(found.get(e["subject"], {"sequence": -1})["sequence"]):
            found[e["subject"]] = e
    return {k: {name: v for name, v in (e["data"] or {}).items() if name != "cause"} for k, e in found.items()}


def without_numbers(events):
    return {k: e for k, e in events.items() if e["topic"] != "numbers"}


def dead_places(config):
    """place -> (code, key, value). The same place said twice must be the same."""
    found = {}
    for place, messages in config.dead_letters().items():
        all_of = {(headers_of(m)["ringfence.error.code"], m.key(), m.value()) for m in messages}
        expect(len(all_of) == 1, f"dead letter {place} with {len(all_of)} contents")
        found[place] = all_of.pop()
    return found


def expect_equal_ends(mine, theirs):
    """The end state of two configurations over the same CDR topic: applied, every subject's lifetime and phase, events by id, dead letters."""
    (shards, subjects), (other_shards, other_subjects) = mine.dump(), theirs.dump()
    counts = ("applied", "positions", "duplicates", "partial", "withheld", "late", "late_kept")

    def plain(all_shards, config):
        found = {}
        for name, s in all_shards.items():
            found[name] = {c: s.get(c) for c in counts}
            found[name]["positions"] = {t.replace(config.control, "control"): o for t, o in s["positions"].items() if not t.endswith(".relay")}
        return found

    compare("shards (applied, positions, counts)", plain(shards, mine), plain(other_shards, theirs))
    compare("lifetime of subjects", {k: s["lifetime"] for k, s in subjects.items()}, {k: s["lifetime"] for k, s in other_subjects.items()})
    compare("subjects", subjects, other_subjects)
    events, other_events = mine.events(), theirs.events()
    compare("events (id -> content)", without_numbers(events), without_numbers(other_events))
    compare("numbers (newest of each)", latest_numbers(events), latest_numbers(other_events))
    compare("dead letters", dead_places(mine), dead_places(theirs))
    return shards, subjects, events


def expect_oracle(stream, shards, subjects):
    """The state against what was counted while the stream was made."""
    counts = {c: sum(s[c] for s in shards.values()) for c in ("applied", "duplicates", "partial", "withheld")}
    compare("counts against the stream's own", counts, {c: getattr(stream, c) for c in counts})
    compare("lifetime against the stream's own", {k: s["lifetime"] for k, s in subjects.items() if s["kind"] == "number" and s["lifetime"]["calls"]}, stream.lifetime)


# ---- feeding ----


class Feeder(threading.Thread):
    """Produces records at about `rate` a second in a thread of its own, so that things can happen in mid-stream."""

    def __init__(self, kafka, topic, records, rate):
        super().__init__(daemon=True)
        self.kafka, self.topic, self.records, self.rate = kafka, topic, records, rate
        self.sent = 0
        self.error = None
        self.start()

    def run(self):
        step = max(1, self.rate // 20)
        producer = self.kafka.producer()
        try:
            while self.sent < len(self.records):
                began = time.monotonic()
                self.kafka.produce(self.topic, self.records[self.sent : self.sent + step], producer)
                self.sent += step
                time.sleep(max(0.0, step / self.rate - (time.monotonic() - began)))
        except Exception as e:  # noqa: BLE001 (told by finish())
            self.error = e

    def expect_running(self, what):
        expect(self.is_alive(), f"the stream had ended before {what}: the test shows nothing")

    def wait_sent(self, share):
        wait_until(f"{share:.0%} of the stream sent", lambda: self.sent >= share * len(self.records) or self.error, 120)

    def finish(self, timeout_s=120):
        self.join(timeout_s)
        expect(not self.is_alive() and not self.error, f"the feeder failed: {self.error or 'not at its end'}")
