# SPDX-License-Identifier: Apache-2.0
"""A number flagged by Hiya on one carrier: its dispute steps, as a person with the command line walks through them."""
import csv
import io
import json

from cdrs import now_ms
from harness import expect, wait_until
from test_failures import spam, start
from test_run import events_about

PROVIDERS = """\
providers:
  - {id: hiya, name: Hiya, kind: analytics, day: 0, follow_up: 7, form: "https://hiya.example/form"}
  - {id: att, name: AT&T, kind: carrier, day: 2, contact: "ask for the label team, twice; äöü"}
  - {id: fcc, name: FCC, kind: regulator, day: 30}
flags:
  - {label: "Scam*", policy: SCAM, steps: [provider]}
  - {policy: dispute, steps: [provider, carrier]}
"""


def calendar_of(env, config, number):
    import icalendar
    text = env.verb("disputes", "ics", "-c", config.path, "--number", number)
    found = icalendar.Calendar.from_ical(text)
    expect(not found.errors and all(not e.errors for e in found.walk()), f"the calendar has errors: {found.errors}")
    return {str(e["UID"]): e for e in found.walk("VEVENT")}


def steps_of(env, config, *args):
    lines = env.verb("disputes", "list", "-c", config.path, "--format", "json", *args).splitlines()
    return {(o["number"], o["step"]): o for o in map(json.loads, lines)}


def test_disputes_walk_through(env):
    env.kafka.create(env.cdr)
    table = env.write("providers.yaml", PROVIDERS.replace("SCAM", "dispute"))
    config = env.config("live", env.redis(), more="disputes: {file: providers.yaml}\n")
    r = start(env, config)
    number, other, start_ms = "+12125550100", "+12125550101", now_ms() - 1800_000
    env.kafka.produce(env.cdr, spam(number, 5, start_ms) + spam(other, 5, start_ms))
    config.wait_applied(10)
    flag = ("number", "flag", "-c", config.path, "--provider", "Hiya", "--carrier", "AT&T", "--by", "ann", "--source", "a test call")
    expect("applied" in env.verb(*flag, "--label", "Spam Risk", "--id", "flag-1", number), "the flag is applied")
    env.verb("number", "check", "-c", config.path, "--carrier", "AT&T", "--device", "iPhone", "--result", "Spam Risk", number)
    env.verb("number", "note", "-c", config.path, "--note", "the clinic", number)
    steps = steps_of(env, config)
    expect({k[1]: o["state"] for k, o in steps.items()} == {"hiya": "due", "att": "planned"}, f"a flag on one carrier opens {steps}")
    first = calendar_of(env, config, number)
    expect(len(first) == 2, f"calendar {first}")

    for _ in range(2):  # the second with the same id changes nothing
        env.verb("disputes", "sent", "-c", config.path, "--note", "ticket 1", "--id", "sent-1", number, "hiya")
    steps = steps_of(env, config, "--number", number, "--state", "sent")
    expect(list(steps) == [(number, "hiya")] and steps[(number, "hiya")]["due"], f"sent: {steps}")
    second = calendar_of(env, config, number)
    expect(set(second) == set(first), "the events of a later calendar are those of an earlier one")
    uid = next(u for u in second if "hiya" in u)
    expect(int(second[uid]["SEQUENCE"]) == int(first[uid]["SEQUENCE"]) + 1, "SEQUENCE went up by one")
    expect((second[uid]["DTSTART"].dt - second[uid]["DTSTAMP"].dt).days in (6, 7), "asked again in 7 days")

    env.verb("disputes", "reply", "-c", config.path, "--outcome", "accepted", "--note", "label removed", number, "hiya")
    env.verb("disputes", "sent", "-c", config.path, number, "fcc")  # it has no such step: a dead letter
    env.verb("number", "clear", "-c", config.path, "--provider", "Hiya", number)
    config.wait_said()
    said = [(e["data"]["step"], e["data"]["state"]) for e in events_about(config, number) if e["topic"] == "disputes"]
    expect(said == [("hiya", "due"), ("hiya", "sent"), ("hiya", "answered"), ("att", "closed")], f"said: {said}")
    letters = [m for place, ms in config.dead_letters().items() for m in ms if place[0] == config.control]
    expect(len(letters) == 1 and b"fcc" in letters[0].value(), f"dead letters {letters}")
    expect(steps_of(env, config, "--number", number) == {}, "nothing is open any more")
    rows = list(csv.DictReader(io.StringIO(env.verb("disputes", "list", "-c", config.path, "--state", "answered", "--format", "csv"))))
    expect([(o["number"], o["step"], o["outcome"]) for o in rows] == [(number, "hiya", "accepted")], f"answered: {rows}")
    shown = json.loads(env.verb("number", "show", "-c", config.path, number))
    expect(shown["checks"][0]["result"] == "Spam Risk" and len(shown["disputes"]) == 2, f"number show: {shown}")

    # the table is read again when it changes: now a scam label quarantines, and opens its own step alone
    table.write_text(PROVIDERS.replace("SCAM", "quarantine"))
    r.wait_line("reloaded", 20)
    env.verb(*flag, "--label", "Scam Likely", other)
    found = wait_until("the flag quarantines", lambda: [e for e in events_about(config, other) if e["topic"] == "transitions"], 20)[0]
    expect((found["data"]["to"], found["data"]["reason"], found["data"]["detail"]) == ("rest", "command", "Hiya, AT&T: Scam Likely"), f"{found}")
    expect({k[1] for k in steps_of(env, config, "--number", other)} == {"hiya"}, "a quarantine by a flag opens its steps alone")
    r.terminate()
