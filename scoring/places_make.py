#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes scoring/places_table.c and tests/unit/scoring/places_expected.h from published data.

Sources, pinned, so that the output is the same byte for byte:
  phonenumbers 9.0.43  (a port of libphonenumber, Apache-2.0): country codes, prefix to time zones
  tzdata 2026.6        (the IANA time zone database, public domain)

  python3 -m venv build/venv-places
  build/venv-places/bin/pip install phonenumbers==9.0.43 tzdata==2026.6
  build/venv-places/bin/python scoring/places_make.py
"""
import importlib.metadata
import importlib.resources
import os
import random
import re
import struct
import datetime
import zoneinfo

PINS = {"phonenumbers": "9.0.43", "tzdata": "2026.6"}
for package, version in PINS.items():
    found = importlib.metadata.version(package)
    if found != version:
        raise SystemExit(f"{package} {version} is wanted, {found} is installed")

import phonenumbers  # noqa: E402
from phonenumbers.tzdata import TIMEZONE_DATA  # noqa: E402

zoneinfo.reset_tzpath(to=[])  # the package, never the system's files
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
END = 2**32 - 1


# ---- the tz database ----

def read_tzif(name):
    """[(utc second, offset)], the state of 1970 first, and the POSIX footer."""
    data = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()

    def header(at):
        return struct.unpack(">4sc15x6l", data[at:at + 44])

    _, version, isut, isstd, leap, times, types, chars = header(0)
    assert version >= b"2"
    at = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    _, _, isut, isstd, leap, times, types, chars = header(at)
    at += 44
    when = struct.unpack(f">{times}q", data[at:at + 8 * times])
    at += 8 * times
    kinds = data[at:at + times]
    at += times
    infos = [struct.unpack(">lbB", data[at + 6 * i:at + 6 * i + 6]) for i in range(types)]
    at += 6 * types + chars + leap * 12 + isstd + isut
    footer = data[at:].strip(b"\n").decode()
    offset, out = infos[0][0], []
    for t, k in zip(when, kinds):
        if t <= 0:
            offset = infos[k][0]
        else:
            out.append((t, infos[k][0]))
    return [(0, offset)] + out, footer


def parse_footer(text):
    """(standard, daylight, change, change); a change is (month, week, weekday, seconds)."""
    name = r"(?:<[^>]+>|[A-Za-z]+)"
    time = r"([+-]?\d+(?::\d+)?(?::\d+)?)"
    m = re.fullmatch(f"{name}{time}(?:{name}{time}?,(.+),(.+))?", text)
    assert m, text

    def seconds(t):
        sign = -1 if t.startswith("-") else 1
        parts = [int(p) for p in t.lstrip("+-").split(":")] + [0, 0]
        return sign * (parts[0] * 3600 + parts[1] * 60 + parts[2])

    standard = -seconds(m[1])
    if not m[3]:
        return (standard, standard, (0, 0, 0, 0), (0, 0, 0, 0))
    daylight = -seconds(m[2]) if m[2] else standard + 3600

    def change(t):
        c = re.fullmatch(rf"M(\d+)\.(\d+)\.(\d+)(?:/{time})?", t)
        assert c, t
        return (int(c[1]), int(c[2]), int(c[3]), seconds(c[4]) if c[4] else 7200)

    return (standard, daylight, change(m[3]), change(m[4]))


def change_at(change, year, offset_before):
    month, week, weekday, at = change
    first = datetime.date(year, month, 1)
    day = 1 + (weekday - (first.isoweekday() % 7)) % 7 + 7 * (week - 1)
    length = ((datetime.date(year + month // 12, month % 12 + 1, 1)) - first).days
    while day > length:
        day -= 7
    days = (datetime.date(year, month, day) - datetime.date(1970, 1, 1)).days
    return days * 86400 + at - offset_before


def by_rule(rule, year):
    standard, daylight, to_daylight, to_standard = rule
    if standard == daylight:
        return []
    return sorted([(change_at(to_daylight, year, standard), daylight), (change_at(to_standard, year, daylight), standard)])


def merged(times):
    out = [times[0]]
    for t, o in times[1:]:
        if o != out[-1][1]:
            out.append((t, o))
    return out


def zone_form(name):
    """(transitions, rule) in one normal form: equal local time since 1970 gives equal forms."""
    times, footer = read_tzif(name)
    rule = parse_footer(footer)
    full = [t for t in times]
    last = datetime.datetime.fromtimestamp(max(full[-1][0], 0), datetime.timezone.utc).year
    for year in range(last, 2100):
        full += [(t, o) for t, o in by_rule(rule, year) if t > full[-1][0]]
    full = merged(full)
    # what the rule says anyway, from the end backwards, need not be listed
    ruled = set()
    for year in range(1970, 2101):
        ruled.update(by_rule(rule, year))
    keep = len(full)
    while keep > 1 and full[keep - 1] in ruled:
        keep -= 1
    # a change that the rule would make but the list does not have must lie before the last listed one
    listed = full[:keep]
    while keep < len(full) and any(t > listed[-1][0] and t < full[keep][0] for t, o in ruled):
        keep += 1
        listed = full[:keep]
    if rule[0] == rule[1]:
        listed = full
    return tuple(listed), rule


def all_names():
    text = importlib.resources.files("tzdata").joinpath("zones").read_text()
    return sorted(n for n in text.split() if n not in ("posixrules", "Factory", "localtime"))


# ---- numbers ----

def country_of(digits, codes):
    for n in (1, 2, 3):
        if len(digits) >= n and int(digits[:n]) in codes:
            return digits[:n]
    return None


def main():
    names = all_names()
    forms, classes, members = {}, {}, {}
    for n in names:
        forms[n] = zone_form(n)
        members.setdefault(forms[n], []).append(n)
    used = {z for zs in TIMEZONE_DATA.values() for z in zs}

    def best(ns):  # a name that numbering data use, with a place in it, before others
        return sorted(ns, key=lambda n: (n not in used, "/" not in n, n.startswith("Etc/"), n))[0]

    order = sorted(members.values(), key=best)
    for i, ns in enumerate(order):
        for n in ns:
            classes[n] = i + 1

    def one_class(zones):
        ids = {classes[z] for z in zones}
        return ids.pop() if len(ids) == 1 else 0

    codes = set(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
    country_digits = [0] * 1000
    for i in range(1000):
        c = country_of(f"{i:03d}", codes)
        if c and not c.startswith("0"):
            country_digits[i] = len(c)
    area_zones = [0] * 1000
    for npa in range(200, 1000):
        entries = [z for p, z in TIMEZONE_DATA.items() if p.startswith(f"1{npa}")]
        # the area code itself, or each of the digits that may follow it (+1 310)
        whole = f"1{npa}" in TIMEZONE_DATA or all(f"1{npa}{d}" in TIMEZONE_DATA for d in range(2, 10))
        if whole and entries:
            area_zones[npa] = one_class({z for zs in entries for z in zs})
    country_zones, prefixes, prefixed = [0] * 1000, {}, [0] * 1000
    for p, zones in TIMEZONE_DATA.items():
        c = country_of(p, codes)
        if c is None or c == "1" or (zones and zones[0] == "Etc/Unknown"):
            continue
        if p == c:
            country_zones[int(c)] = one_class(zones)
    for p, zones in TIMEZONE_DATA.items():
        c = country_of(p, codes)
        if c is None or c == "1" or p == c:
            continue
        if all(one_class(z) == country_zones[int(c)] for q, z in TIMEZONE_DATA.items() if q.startswith(c)):
            continue
        prefixes[p] = one_class(zones) if zones[0] != "Etc/Unknown" else 0
        prefixed[int(c)] = max(prefixed[int(c)], len(p))

    write_table(order, best, forms, classes, country_digits, country_zones, area_zones, prefixes, prefixed)
    write_expected(order, best)


def rows(values, per_line=16):
    out = []
    for i in range(0, len(values), per_line):
        out.append("\t" + ", ".join(str(v) for v in values[i:i + per_line]) + ",")
    return "\n".join(out)


def write_table(order, best, forms, classes, country_digits, country_zones, area_zones, prefixes, prefixed):
    rules, offsets, times, kinds, infos = [], [], [], [], []
    for ns in order:
        listed, rule = forms[ns[0]]
        if rule not in rules:
            rules.append(rule)
        first = len(times)
        for t, o in listed:
            if o not in offsets:
                offsets.append(o)
            times.append(t)
            kinds.append(offsets.index(o))
        infos.append((best(ns), first, len(listed), rules.index(rule)))
    assert len(rules) < 256 and len(offsets) < 256 and len(times) < 65536 and max(times) < END
    by_length = sorted(prefixes.items(), key=lambda p: (len(p[0]), int(p[0])))
    firsts = [sum(1 for p, _ in by_length if len(p) < n) for n in range(11)]
    with open(os.path.join(TOP, "scoring/places_table.c"), "w") as f:
        w = f.write
        w("/* SPDX-License-Identifier: Apache-2.0 */\n")
        w("/* Made by places_make.py; do not edit. Sources: phonenumbers 9.0.43 (libphonenumber's metadata, Apache-2.0), tzdata 2026.6 (IANA time\n")
        w(" * zone database, public domain), both taken in November 2026. */\n")
        w("/* clang-format off */\n#include \"scoring/places_table.h\"\n\n")
        w("const struct zone_info zone_infos[] = {\n\t{\"\", 0, 0, 0},\n")
        for n, first, cnt, rule in infos:
            w(f"\t{{\"{n}\", {first}, {cnt}, {rule}}},\n")
        w(f"}};\nconst uint16_t zone_info_cnt = {len(infos) + 1};\n\n")
        w("const uint32_t zone_times[] = {\n" + rows([f"{t}u" for t in times], 12) + "\n};\n\n")
        w("const uint8_t zone_offsets[] = {\n" + rows(kinds, 32) + "\n};\n\n")
        w("const int32_t zone_offset_values[] = {\n" + rows(offsets) + "\n};\n\n")
        w("const struct zone_rule zone_rules[] = {\n")
        for s, d, a, b in rules:
            w(f"\t{{{s}, {d}, {{{a[0]}, {a[1]}, {a[2]}, {a[3]}}}, {{{b[0]}, {b[1]}, {b[2]}, {b[3]}}}}},\n")
        w("};\n\n")
        w("const struct zone_alias zone_aliases[] = {\n")
        for n in sorted(classes):
            w(f"\t{{\"{n}\", {classes[n]}}},\n")
        w(f"}};\nconst uint16_t zone_alias_cnt = {len(classes)};\n\n")
        w("const uint8_t country_digits[1000] = {\n" + rows(country_digits, 50) + "\n};\n\n")
        w("const uint16_t country_zones[1000] = {\n" + rows(country_zones, 25) + "\n};\n\n")
        w("const uint16_t area_zones[1000] = {\n" + rows(area_zones, 25) + "\n};\n\n")
        w("const uint8_t country_prefixed[1000] = {\n" + rows(prefixed, 50) + "\n};\n\n")
        w("const uint16_t zone_prefix_first[PREFIX_DIGITS_MAX + 2] = {" + ", ".join(map(str, firsts)) + "};\n\n")
        w("const struct zone_prefix zone_prefixes[] = {\n")
        w(rows([f"{{{p}u, {z}}}" for p, z in by_length], 8) + "\n};\n")


def write_expected(order, best):
    """Samples by Python's own zoneinfo, so that our reading of the rules has an independent witness."""
    rng = random.Random(20261125)
    out = []
    for ns in order:
        for n in [best(ns)] + (rng.sample(ns, 1) if len(ns) > 1 else []):
            zone = zoneinfo.ZoneInfo(n)
            times, _ = read_tzif(n)
            instants = [rng.randrange(0, 2_100_000_000) for _ in range(6)] + [rng.randrange(2_145_916_800, 4_000_000_000)]
            for t, _ in rng.sample(times[1:], min(2, len(times) - 1)):
                instants += [t - 1, t]
            for t in instants:
                local = datetime.datetime.fromtimestamp(t, datetime.timezone.utc).astimezone(zone)
                out.append((n, t, int(local.utcoffset().total_seconds())))
    path = os.path.join(TOP, "tests/unit/scoring/places_expected.h")
    with open(path, "w") as f:
        f.write("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by scoring/places_make.py with Python's zoneinfo; do not edit. */\n/* clang-format off */\n")
        f.write("static const struct {\n\tconst char *zone;\n\tint64_t utc_s;\n\tint32_t offset_s;\n} expected[] = {\n")
        for n, t, o in out:
            f.write(f"\t{{\"{n}\", {t}, {o}}},\n")
        f.write("};\n")


main()
