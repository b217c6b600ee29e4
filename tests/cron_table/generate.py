#!/usr/bin/env python3
"""Writes tests/cron_table/due.txt: due times by Debian cron's rules, found by a program that shares nothing with ours.

What it acts out
    cron(8) and crontab(5) of Debian (package cron 3.0pl1), minute by minute. There is no search in it: for every minute of
    a window it asks what the clock of the zone shows.
    - Where minute or hour begins with `*` (and for @hourly), a job is due at each minute at which the clock shows a time
      that it names.
    - Any other is due at the first minute at which the clock has reached or passed a time that it names: what the clock
      leaps over is due at once, what it shows again is not due again.
    - If day of month or day of week begins with `*`, both must match; else one of them is enough.
    Two of our decisions go beyond cron(8), and the table has them as docs/concepts/schedules.md does: several times within
    one gap are one due time (Debian starts the job for each of them, one after another), and a change of three hours or
    more is a gap or a fold like any other (Debian takes it for a correction of the clock).

Zones
    Every canonical zone (a `Z` line in tzdata.zi, so no links) whose offset changed at least once in the years FIRST_YEAR
    to LAST_YEAR. These are past and settled, so that newer zone data does not change a row. EXCLUDED has the zones in which
    the data that made the table and the data in the binary differ for these years, each with the reason.

How rows are drawn
    From SEED alone, ROWS_PER_ZONE for each zone. For most rows a change of the clock is taken in turn, and the start is put up
    to two days before it, at its edges or within the stretch that it repeats; for one in ten it is anywhere. Expressions are
    aimed at the times around the change in half of the rows, drawn field by field in most others, and @ names in the rest.
    They are drawn as sets of values together with their text, so nothing here reads cron either.

A row
    A line `= ZONE` opens the rows of a zone. Each of them is EXPRESSION|FROM|MINUTES: an expression, an instant in UTC, and
    its next due times after that as minutes since FROM: at most N_DUE of them, and all there are in WINDOW_DAYS days if
    they are fewer.

Usage
    tests/cron_table/generate.py [FOLDER]     (with zone data that has tzdata.zi; default /usr/share/zoneinfo)
    The table that is committed was made from tz data 2026e, the version in the binary at that time. Python 3.9 or newer, its
    standard library only.
"""

import datetime
import pathlib
import sys
import zoneinfo

SEED = 20_270_328
FIRST_YEAR, LAST_YEAR = 2000, 2024
ROWS_PER_ZONE = 104
N_DUE = 5
WINDOW_DAYS = 14
LOOK_BACK = 2 * 1_440
EXCLUDED: dict[str, str] = {}

DAY = 1_440
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


class Chance:
    """SplitMix64, so that a row does not depend on the version of Python."""

    MASK = (1 << 64) - 1

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & self.MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & self.MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & self.MASK
        return (z ^ (z >> 31)) % n

    def within(self, low, high):
        return low + self.below(high - low + 1)

    def one_of(self, things):
        return things[self.below(len(things))]


class Zone:
    """The offsets of a zone in minutes, and the minutes at which they change."""

    def __init__(self, name):
        self.name = name
        self.info = zoneinfo.ZoneInfo.no_cache(name)
        first, last = minute_of(FIRST_YEAR, 1, 1), minute_of(LAST_YEAR + 1, 1, 1)
        step = 360
        self.changes = []
        before = self.offset(first)
        for minute in range(first, last, step):
            after = self.offset(minute + step)
            if after != before:
                low, high = minute, minute + step
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if self.offset(middle) == before else (low, middle)
                self.changes.append((high, before, after))
            before = after

    def offset(self, minute):
        at = (EPOCH + datetime.timedelta(minutes=minute)).astimezone(self.info)
        seconds = int(at.utcoffset().total_seconds())
        assert seconds % 60 == 0, f"{self.name} has an offset with seconds"
        return seconds // 60

    def shown(self, first, last):
        """What the clock shows at each minute from first to last, as minutes since 1970 of its own reading."""
        edges = [minute for minute, _, _ in self.changes if first < minute <= last] + [last + 1]
        readings, start = [], first
        for edge in edges:
            offset = self.offset(start)
            readings.extend(range(start + offset, edge + offset))
            start = edge
        return readings


def minute_of(year, month, day):
    return (datetime.date(year, month, day) - datetime.date(1970, 1, 1)).days * DAY


def text_of(chance, value, low, names):
    if names and chance.below(2) == 0:
        name = names[(value - low) % len(names)]
        return name.upper() if chance.below(2) == 0 else name
    return str(value)


def field(chance, low, high, names=None, top=None):
    """A field as its text and its values. What `*` stands for goes up to `top`: 7 for weekdays, which is Sunday too."""
    top = high if top is None else top
    kind = chance.below(10)
    if kind < 3:
        return "*", set(range(low, top + 1))
    if kind == 3:
        step = chance.within(1, min(30, top - low + 1))
        return f"*/{step}", set(range(low, top + 1, step))
    if kind <= 5:
        value = chance.within(low, high)
        return text_of(chance, value, low, names), {value}
    if kind <= 7:
        values = [chance.within(low, high) for _ in range(chance.within(2, 4))]
        return ",".join(str(value) for value in values), set(values)
    first = chance.within(low, high)
    last = chance.within(first, high)
    if kind == 8:
        return f"{first}-{last}", set(range(first, last + 1))
    step = chance.within(1, 12)
    step = min(step, top - low + 1)
    return f"{first}-{last}/{step}", set(range(first, last + 1, step))


class Expression:
    """The text of an expression and what it names."""

    def __init__(self, fields, text=None, wildcard=None):
        (minute, minutes), (hour, hours), (day, days), (month, months), (weekday, weekdays) = fields
        self.text = text or " ".join([minute, hour, day, month, weekday])
        self.fixed = not (minute.startswith("*") or hour.startswith("*")) if wildcard is None else not wildcard
        self.both = day.startswith("*") or weekday.startswith("*")
        self.times = bytearray(DAY)
        for h in hours:
            for m in minutes:
                self.times[h * 60 + m] = 1
        self.days, self.months = days, months
        self.weekdays = {value % 7 for value in weekdays}
        self.known = {}

    def names(self, reading):
        return self.times[reading % DAY] and self.names_day(reading // DAY)

    def names_day(self, day):
        if day not in self.known:
            date = datetime.date(1970, 1, 1) + datetime.timedelta(days=day)
            by_month, by_week = date.day in self.days, date.isoweekday() % 7 in self.weekdays
            either = (by_month and by_week) if self.both else (by_month or by_week)
            self.known[day] = date.month in self.months and either
        return self.known[day]


ANY_DAY = ("*", set(range(1, 32)))
ANY_MONTH = ("*", set(range(1, 13)))
ANY_WEEKDAY = ("*", set(range(0, 8)))


def drawn(chance):
    months = ANY_MONTH if chance.below(6) else field(chance, 1, 12, MONTHS)
    days = ANY_DAY if chance.below(3) else field(chance, 1, 31)
    weekdays = ANY_WEEKDAY if chance.below(3) else field(chance, 0, 7, WEEKDAYS, 7)
    return Expression([field(chance, 0, 59), field(chance, 0, 23), days, months, weekdays])


def named(chance):
    zero, every_hour = ("0", {0}), ("*", set(range(24)))
    return chance.one_of([
        Expression([zero, every_hour, ANY_DAY, ANY_MONTH, ANY_WEEKDAY], "@hourly", True),
        Expression([zero, zero, ANY_DAY, ANY_MONTH, ANY_WEEKDAY], "@daily"),
        Expression([zero, zero, ANY_DAY, ANY_MONTH, ANY_WEEKDAY], "@midnight"),
        Expression([zero, zero, ANY_DAY, ANY_MONTH, ("0", {0})], "@weekly"),
        Expression([zero, zero, ("1", {1}), ANY_MONTH, ANY_WEEKDAY], "@monthly"),
    ])


def aimed(chance, change):
    """An expression whose times are near those that the clock leaves out or shows twice."""
    minute, before, after = change
    low, high = sorted([minute + before, minute + after])
    reading = chance.within(low - 70, high + 70)
    hour, of_hour = reading % DAY // 60, reading % 60
    other = chance.within(0, 59)
    until = min(23, hour + chance.within(1, 3))
    step = chance.one_of([2, 5, 7, 10, 15, 20, 25, 30, 35, 45])
    minutes = chance.one_of([
        (str(of_hour), {of_hour}),
        (str(of_hour), {of_hour}),
        (f"{of_hour},{other}", {of_hour, other}),
        (f"{min(of_hour, other)}-{max(of_hour, other)}", set(range(min(of_hour, other), max(of_hour, other) + 1))),
        (f"0-59/{step}", set(range(0, 60, step))),
        (f"*/{step}", set(range(0, 60, step))),
        ("*", set(range(60))),
        ("0", {0}),
    ])
    hours = chance.one_of([
        (str(hour), {hour}),
        (str(hour), {hour}),
        (str(hour), {hour}),
        (f"{hour},{(hour + 12) % 24}", {hour, (hour + 12) % 24}),
        (f"{hour}-{until}", set(range(hour, until + 1))),
        ("*", set(range(24))),
        ("*/2", set(range(0, 24, 2))),
        ("0-23", set(range(24))),
    ])
    date = datetime.date(1970, 1, 1) + datetime.timedelta(days=reading // DAY)
    weekday = date.isoweekday() % 7
    on_day, on_month = (str(date.day), {date.day}), (text_of(chance, date.month, 1, MONTHS), {date.month})
    on_weekday = ("7", {7}) if weekday == 0 and chance.below(2) else (text_of(chance, weekday, 0, WEEKDAYS), {weekday})
    days = chance.one_of([
        [ANY_DAY, ANY_MONTH, ANY_WEEKDAY],
        [ANY_DAY, ANY_MONTH, ANY_WEEKDAY],
        [ANY_DAY, ANY_MONTH, ANY_WEEKDAY],
        [on_day, on_month, ANY_WEEKDAY],
        [ANY_DAY, on_month, on_weekday],
        [on_day, ANY_MONTH, on_weekday],
        [("*/2", set(range(1, 32, 2))), ANY_MONTH, on_weekday],
    ])
    return Expression([minutes, hours, *days])


def due(zone, expression, start):
    """The minutes after `start` at which a daemon that has been running for two days starts the job."""
    first, last = start - LOOK_BACK, start + WINDOW_DAYS * DAY
    shown = zone.shown(first, last)
    reached, found = shown[0], []
    for index in range(1, len(shown)):
        reading, minute = shown[index], first + index
        if expression.fixed:
            is_due = any(expression.names(passed) for passed in range(reached + 1, reading + 1))
        else:
            is_due = expression.names(reading)
        reached = max(reached, reading)
        if is_due and minute > start:
            found.append(minute - start)
            if len(found) == N_DUE:
                break
    return found


def start_near(chance, change):
    minute, before, after = change
    return chance.one_of([
        minute - chance.within(1, 2 * DAY),
        minute - chance.within(1, 180),
        minute - chance.within(1, 20),
        minute + chance.within(-3, abs(after - before) + 3),
        minute + chance.within(-1, 1),
    ])


def rows(zone, chance):
    for turn in range(ROWS_PER_ZONE):
        change = zone.changes[(turn + chance.below(2)) % len(zone.changes)]
        if turn % 10 == 9:
            start = minute_of(chance.within(FIRST_YEAR, LAST_YEAR - 1), chance.within(1, 12), 1) + chance.below(28 * DAY)
        else:
            start = start_near(chance, change)
        kind = chance.below(20)
        expression = aimed(chance, change) if kind < 10 else drawn(chance) if kind < 18 else named(chance)
        found = due(zone, expression, start)
        at = (EPOCH + datetime.timedelta(minutes=start)).strftime("%Y-%m-%dT%H:%M")
        yield f"{expression.text}|{at}|{' '.join(str(minutes) for minutes in found)}"


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/zoneinfo").resolve()
    zoneinfo.reset_tzpath([str(folder)])
    lines = (folder / "tzdata.zi").read_text().splitlines()
    canonical = sorted(line.split()[1] for line in lines if line.startswith("Z "))
    chance = Chance(SEED)
    table, n_zones, n_rows = [], 0, 0
    for name in canonical:
        zone = Zone(name)
        if not zone.changes or name in EXCLUDED:
            continue
        table.append(f"= {name}")
        table.extend(rows(zone, chance))
        n_zones, n_rows = n_zones + 1, n_rows + ROWS_PER_ZONE
    head = [
        "# Due times by Debian cron's rules. Written by generate.py, which says what a row is; not edited by hand.",
        f"# tz data {lines[0].split()[-1]}, years {FIRST_YEAR} to {LAST_YEAR}, seed {SEED}: {n_zones} zones, {n_rows} rows.",
    ]
    target = pathlib.Path(__file__).with_name("due.txt")
    target.write_text("\n".join(head + table) + "\n")


if __name__ == "__main__":
    main()
