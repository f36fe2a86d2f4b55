"""Makes the sample data: 200,000 page views and orders of a shop, 60 days from 2026-03-01.

    generate.py DIRECTORY            writes events.jsonl.gz and events.parquet there
    generate.py --check DIRECTORY    exits 1 unless the files there hold exactly these events

The same events, in the same order, whatever machine or Python makes them: all chance comes from
one seeded random.Random through random() alone. Compressed bytes may differ between zlib versions;
the check therefore compares contents.
"""

import argparse
import bisect
import datetime
import decimal
import gzip
import itertools
import math
import pathlib
import random
import sys

import pyarrow
import pyarrow.parquet

EVENTS = 200_000
USERS = 20_000
DAYS = 60
START = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
SEED = 20260301

COUNTRIES = {"US": 34, "GB": 12, "DE": 11, "FR": 8, "NL": 6, "CA": 5, "IT": 5, "ES": 5, "SE": 4,
             "PL": 4, "JP": 3, "AU": 3}
DEVICES = {("iOS", "Safari"): 30, ("Android", "Chrome"): 29, ("Windows", "Chrome"): 17,
           ("macOS", "Safari"): 9, ("Windows", "Edge"): 7, ("Windows", "Firefox"): 4,
           ("Linux", "Firefox"): 3, ("Android", "Firefox"): 1}
REFERRERS = {None: 46, "https://www.google.com/": 28, "https://duckduckgo.com/": 5,
             "https://www.instagram.com/": 8, "https://news.ycombinator.com/": 2,
             "https://newsletter.example/april": 7, "https://t.co/x7Rk2": 4}
SHELVES = {"coffee": (4, 30), "tea": (3, 25), "grinders": (40, 400), "machines": (90, 1500),
           "cups": (5, 60), "books": (10, 45)}
SITE_PAGES = ["/", "/search", "/cart", "/about", "/blog", "/blog/brewing-at-home",
              "/blog/water-matters", "/help/returns", "/help/shipping"]
PRODUCTS_PER_SHELF = 40
ORDER_SHARE = 0.07  # of the views of a product
LATE_SHARE = 0.01   # events that are written up to two hours after they happened

SCHEMA = pyarrow.schema([
    ("id", pyarrow.string()), ("ts", pyarrow.timestamp("ms", tz="UTC")), ("event", pyarrow.string()),
    ("user", pyarrow.string()), ("page", pyarrow.string()), ("country", pyarrow.string()),
    ("device", pyarrow.struct([("os", pyarrow.string()), ("browser", pyarrow.string())])),
    ("referrer", pyarrow.string()), ("ms", pyarrow.int32()), ("amount", pyarrow.decimal128(9, 2))])


class Choice:
    """Draws from weighted values."""

    def __init__(self, weights):
        self.values = list(weights)
        self.cumulative = list(itertools.accumulate(weights.values()))

    def draw(self, chance):
        return self.values[bisect.bisect(self.cumulative, chance.random() * self.cumulative[-1])]


def zipf(values, exponent):
    return Choice({value: 1 / (rank + 1) ** exponent for rank, value in enumerate(values)})


def product_pages():
    """Page → price in cents."""
    prices = {}
    for shelf, (low, high) in SHELVES.items():
        for number in range(PRODUCTS_PER_SHELF):
            step = (high - low) * number // PRODUCTS_PER_SHELF
            prices[f"/{shelf}/{number + 1:02d}"] = (low + step) * 100 + 90
    return prices


def moments(chance):
    """EVENTS times in ms since START, ascending: busy evenings, quiet nights, slow growth."""
    weights = [
        (1 + 0.01 * day) * (0.85 if (day + 6) % 7 in (5, 6) else 1)
        * (1.1 + math.sin((hour - 14) / 24 * 2 * math.pi))
        for day in range(DAYS) for hour in range(24)
    ]
    hours = Choice(dict(enumerate(weights)))
    return sorted(hours.draw(chance) * 3_600_000 + int(chance.random() * 3_600_000)
                  for _ in range(EVENTS))


def events():
    chance = random.Random(SEED)
    countries, devices, referrers = Choice(COUNTRIES), Choice(DEVICES), Choice(REFERRERS)
    people = [(f"u{number:05d}", countries.draw(chance), devices.draw(chance))
              for number in range(USERS)]
    users = zipf(people, 0.6)
    prices = product_pages()
    shuffled = sorted(prices, key=lambda _: chance.random())
    pages = zipf(SITE_PAGES[:3] + shuffled[:20] + SITE_PAGES[3:] + shuffled[20:], 0.9)
    for number, at in enumerate(moments(chance)):
        if chance.random() < LATE_SHARE:
            at = max(0, at - int(chance.random() * 7_200_000))
        user, country, (system, browser) = users.draw(chance)
        page = pages.draw(chance)
        referrer = referrers.draw(chance)
        ms = int(60 * math.exp(2.2 * chance.random() + 1.5 * chance.random() ** 4))
        ordered = page in prices and chance.random() < ORDER_SHARE
        pieces = 1 + int(3 * chance.random() ** 3)
        yield {
            "id": f"e{number:06d}",
            "ts": START + datetime.timedelta(milliseconds=at),
            "event": "order" if ordered else "view",
            "user": user, "page": page, "country": country,
            "device": {"os": system, "browser": browser},
            "referrer": referrer, "ms": ms,
            "amount": decimal.Decimal(prices[page] * pieces).scaleb(-2) if ordered else None,
        }


def json_line(event):
    """An event as the shop's web server would log it: no amount unless something was bought."""
    ts = event["ts"].strftime("%Y-%m-%dT%H:%M:%S.") + f"{event['ts'].microsecond // 1000:03d}Z"
    referrer = "null" if event["referrer"] is None else f'"{event["referrer"]}"'
    amount = "" if event["amount"] is None else f',"amount":{event["amount"]}'
    device = event["device"]
    return (f'{{"id":"{event["id"]}","ts":"{ts}","event":"{event["event"]}","user":"{event["user"]}"'
            f',"page":"{event["page"]}","country":"{event["country"]}"'
            f',"device":{{"os":"{device["os"]}","browser":"{device["browser"]}"}}'
            f',"referrer":{referrer},"ms":{event["ms"]}{amount}}}\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("directory", type=pathlib.Path)
    arguments = parser.parse_args()
    json_path = arguments.directory / "events.jsonl.gz"
    parquet_path = arguments.directory / "events.parquet"

    records = list(events())
    text = "".join(map(json_line, records)).encode()
    table = pyarrow.Table.from_pylist(records, SCHEMA)
    if arguments.check:
        same_json = gzip.decompress(json_path.read_bytes()) == text
        same_parquet = pyarrow.parquet.read_table(parquet_path).equals(table)
        print(f"{json_path}: {'same' if same_json else 'DIFFERS'}")
        print(f"{parquet_path}: {'same' if same_parquet else 'DIFFERS'}")
        return 0 if same_json and same_parquet else 1
    json_path.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    pyarrow.parquet.write_table(table, parquet_path, compression="zstd", compression_level=12,
                                row_group_size=50_000)
    return 0


if __name__ == "__main__":
    sys.exit(main())
