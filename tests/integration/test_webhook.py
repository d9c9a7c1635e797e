# SPDX-License-Identifier: Apache-2.0
"""Webhooks: what arrives is signed and complete; a receiver that hangs, fails or is not there delays no commit."""
import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cdrs import Stream
from harness import PARTITIONS, broker, compare, expect, expect_equal_ends, wait_until

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver:
    """An HTTP server that keeps what it gets. `plan`: the answers to the first requests; afterwards `status`."""

    def __init__(self, status=200, plan=(), port=0):
        self.got, self.status, self.plan = [], status, list(plan)
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802 (the name is the library's)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    status = outer.plan.pop(0) if outer.plan else outer.status
                    outer.got.append((status, time.time(), dict(self.headers.items()), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def accepted(self):
        with self.lock:
            return [g for g in self.got if g[0] == 200]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Hanging:
    """Takes connections and never answers."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.held = []
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/hook"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                self.held.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        self.listener.close()
        for s in self.held:
            s.close()


def sink(name, url, more=""):
    return (f"  - {{name: {name}, kind: webhook, preset: standard-webhooks, url: \"{url}\", secret_file: secret.txt, allow_private: true, "
            f"retry_first: 100ms{more}}}\n")


def start(env, config, log=None):
    r = env.run(config, log=log)
    r.wait_line("took partition", 30, PARTITIONS)
    return r


def header(headers, name):
    return next((v for k, v in headers.items() if k.lower() == name), None)


def check_request(got):
    """Signature, headers and body; gives the event as the harness knows it."""
    _, when, headers, body = got
    ident, stamp = header(headers, "webhook-id"), header(headers, "webhook-timestamp")
    expect(ident and stamp and stamp.isdigit(), f"webhook-id or webhook-timestamp is missing: {headers}")
    expect(abs(int(stamp) - when) < 300, f"webhook-timestamp {stamp} is not the time of the attempt")
    mac = hmac.new(KEY, f"{ident}.{stamp}.".encode() + body, hashlib.sha256).digest()
    expect("v1," + base64.b64encode(mac).decode() in header(headers, "webhook-signature").split(" "), "the signature does not fit")
    expect(header(headers, "content-type").lower().startswith("application/cloudevents+json"), f"content type: {headers}")
    o = json.loads(body)
    expect(o["id"] == ident and o["specversion"] == "1.0", f"webhook-id {ident} is not the event's id {o['id']}")
    return {"id": o["id"], "source": o["source"], "type": o["type"], "subject": o["subject"], "time": o["time"],
            "sequence": str(o["sequence"]), "data": o["data"]}


def wanted(config):
    """Alerts and transitions of the topics, as a webhook is to send them."""
    return {i: {k: v for k, v in e.items() if k != "topic"} for i, e in config.events().items() if e["topic"] in ("alerts", "transitions")}


def expect_all_arrived(config, receiver, timeout_s=60):
    events = wanted(config)
    expect(len(events) > 20, f"only {len(events)} events: the test shows nothing")
    wait_until(lambda: f"{len(events)} events arrived (now {len(receiver.accepted())})", lambda: len(receiver.accepted()) >= len(events),
               timeout_s)
    arrived, last = {}, {}
    for got in receiver.accepted():
        e = check_request(got)
        before = arrived.setdefault(e["id"], e)
        expect(before == e, f"two contents under the id {e['id']}")
        if before is e:  # the first time: one number's events of one topic come in order
            key = (e["subject"], "alert" in e["type"])
            expect(int(e["sequence"]) > last.get(key, -1), f"the events of {e['subject']} arrive out of order")
            last[key] = int(e["sequence"])
    compare("events at the webhook against the topics", arrived, events)


def test_webhook_signed_events(env):
    receiver = Receiver(plan=[500, 503, 429, 200, 500])
    env.to_end.append(receiver.close)
    env.write("secret.txt", SECRET + "\n")
    env.kafka.create(env.cdr)
    config = env.config("live", env.redis(), sinks=sink("oncall", receiver.url))
    r = start(env, config)
    env.kafka.produce(env.cdr, Stream(30, 15_000).records)
    config.wait_read(60, r)
    config.wait_said()
    expect_all_arrived(config, receiver)
    first = [g for g in receiver.got[:4]]
    ids = {header(g[2], "webhook-id") for g in first}
    expect([g[0] for g in first] == [500, 503, 429, 200] and len(ids) == 1, f"a failed event is tried again with its id: {ids}")
    expect(len({g[3] for g in first}) == 1, "the body changed between the tries")
    r.terminate()


def test_webhook_dead_receivers_delay_nobody(env):
    """One hangs, one answers 500, one is not there."""
    stream = Stream(31, 60_000)
    hanging, failing = Hanging(), Receiver(status=500)
    env.to_end += [hanging.close, failing.close]
    env.write("secret.txt", SECRET + "\n")
    env.kafka.create(env.cdr)
    env.kafka.produce(env.cdr, stream.records)
    took, configs = {}, {}
    nobody = f"http://127.0.0.1:{broker.free_ports(1)[0]}/hook"
    dead = sink("hanging", hanging.url) + sink("failing", failing.url) + sink("nobody", nobody)
    for name, sinks in (("calm", ""), ("dead", dead)):
        configs[name] = env.config(name, env.redis(), sinks=sinks, more="run: {status: 200ms, drain: 4s}\n")
        r = start(env, configs[name])
        began = time.monotonic()
        configs[name].wait_read(90, r)
        took[name] = time.monotonic() - began
        if sinks:
            wait_until("a request hangs", lambda: hanging.held, 20)
            wait_until("the failing one is asked", lambda: failing.got, 20)
            expect(len(r.lines("webhook (hanging|failing|nobody).*(tried again|wait)")) <= 3, "a dead receiver is said once")
        ending = time.monotonic()
        r.terminate(20)
        expect(time.monotonic() - ending < 4 + 3, f"{name}: it took {time.monotonic() - ending:.1f} s to end, the drain limit is 4 s")
    env.say(f"{len(stream.records)} CDRs in {took['calm']:.1f} s without webhooks, {took['dead']:.1f} s with three dead ones")
    expect(took["dead"] < 2 * took["calm"] + 2, f"dead receivers slowed it down: {took}")
    expect_equal_ends(configs["dead"], configs["calm"])


def test_webhook_receiver_returns(env):
    """What was said while the receiver was away arrives when it is back, over a restart too."""
    port = broker.free_ports(1)[0]
    env.write("secret.txt", SECRET + "\n")
    env.kafka.create(env.cdr)
    stream = Stream(32, 16_000)
    config = env.config("live", env.redis(), sinks=sink("oncall", f"http://127.0.0.1:{port}/hook", ", retry_most: 500ms"))
    r = start(env, config)
    env.kafka.produce(env.cdr, stream.records[:8000])
    config.wait_read(60, r)
    r.wait_line("webhook oncall", 20)
    r.terminate()
    r = start(env, config)
    env.kafka.produce(env.cdr, stream.records[8000:])
    config.wait_read(60, r)
    config.wait_said()
    receiver = Receiver(port=port)
    env.to_end.append(receiver.close)
    expect_all_arrived(config, receiver)
    r.terminate()
