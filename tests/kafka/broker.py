#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Apache Kafka broker from jars of Maven Central, for tests and benchmarks. Python 3 and its standard library only.

    tests/kafka/broker.py start DIR      makes DIR if need be, starts (or starts again) the broker there, waits until it serves;
                                         prints its address. The ports are free ones of the loopback, chosen at the first start
    tests/kafka/broker.py stop DIR       stops it by its process id, politely first
    tests/kafka/broker.py classpath      only fetches the jars

One combined KRaft node. The class path is kept in build/kafka/classpath.txt and resolved again when pom.xml has changed. Needs Java 17
or newer and Maven (Debian: default-jre-headless, maven); a JAVA in the environment wins over the one on the path.
"""
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "kafka"
READY_S = 60
STOP_S = 20

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# members that die are to be missed within a second, not within 45
group.min.session.timeout.ms=500
auto.create.topics.enable=false
delete.topic.enable=true
log.cleaner.dedupe.buffer.size=1048577
# a deleted topic's name is free again at once, and deleted records are gone at once
log.segment.delete.delay.ms=0
"""


class BrokerError(Exception):
    """What went wrong and what to do about it."""


def _tool(name, package):
    path = os.environ.get(name.upper()) or shutil.which(name)
    if not path:
        raise BrokerError(f"{name} is missing: apt-get install {package}")
    return path


def _cached(stamp, digest, out):
    """The class path of an earlier run, if it is still that of this pom.xml and all its jars are there."""
    if not (out.exists() and stamp.exists() and stamp.read_text() == digest):
        return None
    found = out.read_text().strip()
    return found if found and all(os.path.exists(jar) for jar in found.split(":")) else None


def classpath():
    BUILD.mkdir(parents=True, exist_ok=True)
    pom = HERE / "pom.xml"
    out, stamp = BUILD / "classpath.txt", BUILD / "classpath.sha256"
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()
    found = _cached(stamp, digest, out)
    if found:
        return found
    fresh = BUILD / f"classpath.{os.getpid()}"
    command = [_tool("mvn", "maven"), "-q", "-B", "-f", str(pom), "dependency:build-classpath", f"-Dmdep.outputFile={fresh}",
               "-Dmdep.includeScope=runtime"]
    if not os.access(pwd.getpwuid(os.getuid()).pw_dir, os.W_OK):  # Maven does not ask HOME
        command.append(f"-Dmaven.repo.local={BUILD / 'm2'}")
    print("fetching Kafka's jars with Maven (about 50 MB the first time)", file=sys.stderr)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0 or not fresh.exists():
        raise BrokerError(f"Maven could not fetch Kafka's jars (is Maven Central within reach?):\n{done.stdout[-3000:]}")
    os.replace(fresh, out)
    stamp.write_text(digest)
    return out.read_text().strip()


def free_ports(n):
    """n ports of the loopback that nobody uses at this moment."""
    held = []
    for _ in range(n):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        held.append(s)
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def _format(java, cp, where):
    port, controller = free_ports(2)
    properties = where / "server.properties"
    properties.write_text(PROPERTIES.format(port=port, controller=controller, data=(where / "data").resolve()))
    tool = [java, "-Xmx256m", "-cp", cp, "kafka.tools.StorageTool"]
    cluster = subprocess.run(tool + ["random-uuid"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.strip()
    done = subprocess.run(tool + ["format", "-t", cluster, "-c", str(properties)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode != 0:
        raise BrokerError(f"Kafka could not format {where / 'data'}:\n{done.stdout[-3000:]}")
    (where / "address").write_text(f"127.0.0.1:{port}\n")


def _pid(where):
    """The process id of the broker that runs there, None if there is none. A pid that means another process by now is not ours."""
    try:
        pid = int((where / "pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if str(where / "server.properties").encode() in command else None


def _wait_ready(process, log, where):
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        if b"Kafka Server started" in log.read_bytes():
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    state = f"ended with {process.returncode}" if process.poll() is not None else f"was not ready within {READY_S} s"
    stop(where)
    raise BrokerError(f"Kafka {state}; the end of {log}:\n{log.read_text(errors='replace')[-3000:]}")


def start(where):
    """Starts the broker of a folder; returns its address."""
    where = Path(where).resolve()
    where.mkdir(parents=True, exist_ok=True)
    if _pid(where):
        return (where / "address").read_text().strip()
    java, cp = _tool("java", "default-jre-headless"), classpath()
    if not (where / "address").exists():
        _format(java, cp, where)
    log = where / "kafka.log"
    command = [java, "-Xms128m", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
               "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info", "-cp", cp, "kafka.Kafka", str(where / "server.properties")]
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    (where / "pid").write_text(f"{process.pid}\n")
    _wait_ready(process, log, where)
    return (where / "address").read_text().strip()


def _gone(pid):
    try:
        os.waitpid(pid, os.WNOHANG)  # ours: do not leave it as a zombie
    except ChildProcessError:
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def stop(where):
    """Stops the broker of a folder, if it runs. Its data stay."""
    where = Path(where).resolve()
    pid = _pid(where)
    for number, patience in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, 5)):
        if not pid:
            break
        os.kill(pid, number)
        until = time.monotonic() + patience
        while not _gone(pid) and time.monotonic() < until:
            time.sleep(0.05)
        pid = _pid(where)
    (where / "pid").unlink(missing_ok=True)


def main(argv):
    try:
        if len(argv) == 3 and argv[1] == "start":
            print(start(argv[2]))
        elif len(argv) == 3 and argv[1] == "stop":
            stop(argv[2])
        elif len(argv) == 2 and argv[1] == "classpath":
            print(classpath())
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except BrokerError as e:
        print(f"broker.py: {e}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
