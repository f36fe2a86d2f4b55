"""Golden archives: what sinks leave in a bucket, written from records that are known beforehand.

    log = kafka_log(make_records(1000), partitions=3)
    golden = kafka_connect(log, {p: with_overlap(even_cuts(0, len(log[p]), 100)) for p in log})
    golden.objects   # {"topics/page_views/partition=0/page_views+0+0000000000.json": b"…", …}
    golden.counting  # the records that must count, once each

Names and bytes are those of the sinks' documented examples. Nothing here is random: the same call
gives the same bytes. Nothing here knows how archives are read.
"""

import base64
import collections
import dataclasses
import datetime
import gzip
import hashlib
import io
import json
import random
import uuid
import zlib

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)

# What a parser that looks for braces, quotes or newlines stumbles over.
NASTY = ["}{", "{\"a\": [", "]}", "\\", "\\\"", "\"}\n{\"", "'", "{", "}", "\\\\\"{", "a,b", "ä€😀",
         "{}{}\n{}", "\t\r\n", "[[[", "\\u007b"]


def make_records(count, seconds=60, start=START, first=0, nasty=True):
    """Events in order of their time, `seconds` apart."""
    records = []
    for i in range(first, first + count):
        when = start + datetime.timedelta(seconds=seconds * (i - first))
        page = NASTY[i // 7 % len(NASTY)] if nasty and i % 7 == 0 else f"/{i % 13}"
        records.append({"id": f"e{i:07d}", "ts": rfc3339(when), "page": page, "x": i * 7919 % 1000,
                        "amount": f"{i % 97}.{i % 100:02d}", "user": f"u{i * 31 % 211}",
                        "country": ["DE", "US", "a/b", None][i % 4],
                        "note": NASTY[i % len(NASTY)] if nasty else "",
                        "more": {"list": [{"k": i}, {"v": NASTY[i % 5]}], "none": None}})
    return records


def rfc3339(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of(record):
    return datetime.datetime.fromisoformat(record["ts"].replace("Z", "+00:00"))


@dataclasses.dataclass
class Golden:
    objects: dict   # bytes by name, below the archive's root
    counting: list  # the records that count, once each
    # Of archives with offsets: the record at each offset, as {partition: {offset: record}}, and
    # the offset after the last one.
    offsets: dict = dataclasses.field(default_factory=dict)
    written: list = dataclasses.field(default_factory=list)  # once for each time it was written

    def ends(self):
        return {str(p): str(max(at) + 1) for p, at in self.offsets.items()}

    def between(self, ranges):
        """The records of {partition: (from, until)}."""
        return [record for p, (begin, end) in ranges.items()
                for offset, record in self.offsets[p].items() if begin <= offset < end]


# --- bytes ---

def as_json(record, style="lines"):
    if style == "pretty":
        return json.dumps(record, indent=2, ensure_ascii=False)
    if style == "unindented":
        return json.dumps(record, indent=0, ensure_ascii=False)
    return json.dumps(record, separators=(",", ":"), ensure_ascii=style == "ascii")


def json_lines(records):
    return "".join(as_json(record) + "\n" for record in records).encode()


def pack(data):
    """gzip without a time, so that the same bytes come out."""
    return gzip.compress(data, mtime=0)


def gzip_members(pieces):
    return b"".join(pack(piece) for piece in pieces)


def zstd(data):
    import pyarrow
    return pyarrow.compress(data, codec="zstd", asbytes=True)


def parquet(records, row_group=37, compression="snappy", typed=False):
    """`typed`: times are timestamps, not text."""
    import pyarrow
    import pyarrow.parquet
    out = io.BytesIO()
    table = pyarrow.Table.from_pylist([
        {k: time_of(record) if typed and k == "ts" else v
         for k, v in record.items() if k != "more"} for record in records])
    pyarrow.parquet.write_table(table, out, row_group_size=row_group, compression=compression)
    return out.getvalue()


# What a name's ending promises.
ENCODERS = {
    ".json": json_lines,
    ".json.gz": lambda records: pack(json_lines(records)),
    ".json.zst": lambda records: zstd(json_lines(records)),
    ".snappy.parquet": parquet,
    ".gz.parquet": lambda records: parquet(records, compression="gzip"),
}


# --- Kafka: logs and how a sink cuts them ---

@dataclasses.dataclass
class Cut:
    """One flush of a sink: offsets start to end - 1."""
    start: int
    end: int
    flushed: datetime.datetime = None  # the wall clock

    def at(self, when):
        return dataclasses.replace(self, flushed=when)


def kafka_log(records, partitions=1, first=0):
    """{partition: {offset: record}}, by the record's user."""
    log = {p: {} for p in range(partitions)}
    for record in records:
        p = zlib.crc32(record["user"].encode()) % partitions
        log[p][first + len(log[p])] = record
    return log


def even_cuts(begin, end, size):
    return [Cut(start, min(start + size, end)) for start in range(begin, end, size)]


def cut_log(log, size):
    return {p: even_cuts(min(at), max(at) + 1, size) for p, at in log.items()}


def with_overlap(cuts, behind=1, reach=50):
    """The second object was there when the connector came back: it went on after its start.

    (100, 200) becomes (100, 150) and (101, 200).
    """
    first = cuts[1]
    return [cuts[0], Cut(first.start, min(first.start + reach, first.end)),
            Cut(first.start + behind, first.end), *cuts[2:]]


def with_a_short_last(cuts, behind=1, length=20):
    """The last object of the log is shorter than the one before it, that it overlaps."""
    last = cuts[-1]
    return [*cuts, Cut(last.start + behind, min(last.start + behind + length, last.end - 1))]


def with_recuts(cuts, begin, end, size):
    """The offsets begin to end - 1 a second time, cut elsewhere."""
    return cuts + even_cuts(begin, end, size)


def without(cuts, begin, end):
    """Objects that lie between two offsets were deleted."""
    return [cut for cut in cuts if cut.end <= begin or cut.start >= end]


def by_the_clock(cuts, start=START, every=datetime.timedelta(minutes=25)):
    """Flushed one after the other: directories have nothing to do with the records' times."""
    return [cut.at(start + i * every) for i, cut in enumerate(cuts)]


def in_another_hour(cuts, index):
    """The same offsets twice, in two hours: a Wallclock connector that failed before its commit."""
    cut = cuts[index]
    return cuts + [cut.at(cut.flushed + datetime.timedelta(hours=1))]


def hours(when):
    return when.strftime("year=%Y/month=%m/day=%d/hour=%H")


def covered(log, cuts):
    """What at least one object holds."""
    return {p: {o: r for o, r in at.items() if any(c.start <= o < c.end for c in cuts[p])}
            for p, at in log.items()}


def once(offsets):
    return [record for at in offsets.values() for record in at.values()]


def every_time(log, cuts):
    return [log[p][o] for p in cuts for c in cuts[p] for o in range(c.start, c.end) if o in log[p]]


# --- the sinks ---

def kafka_connect(log, cuts, *, topic="page_views", topics_dir="topics", partitioner="default",
                  field="page", delimiter="+", ending=".json", width=10, siblings=False,
                  tombstones=(), encode=None):
    """Confluent's S3 sink: [<topics.dir>/]<topic>/<encodedPartition>/<topic>+<p>+<offset><ext>.

    `partitioner`: default, hourly (Wallclock extractor: cuts need their clock), hourly-record,
    daily, field. `tombstones`: offsets, the same in all partitions, whose values are null.
    """
    encode = encode or ENCODERS[ending]
    objects, held = {}, {}
    root = f"{topics_dir}/{topic}" if topics_dir else topic
    for p in cuts:
        for cut in cuts[p]:
            for directory, taken in encoded_partitions(log[p], cut, p, partitioner, field,
                                                       tombstones):
                base = f"{root}/{directory}/{topic}{delimiter}{p}{delimiter}{taken[0]:0{width}d}"
                if directory == "tombstone":
                    keys = [json.dumps(f"key {o}") + "\n" for o in taken]
                    objects[f"{base}.keys.json"] = "".join(keys).encode()
                    continue
                # Of two objects of one name the later stays, as on S3.
                held[base + ending] = (p, taken)
                objects[base + ending] = encode([log[p][o] for o in taken])
                if siblings:
                    objects[f"{base}.keys{ending}"] = encode([{"key": o} for o in taken])
                    objects[f"{base}.headers{ending}"] = encode([{"headers": []} for _ in taken])
    offsets = {p: {} for p in log}
    for p, taken in held.values():
        offsets[p].update({o: log[p][o] for o in taken})
    written = [log[p][o] for p, taken in held.values() for o in taken]
    return Golden(objects, once(offsets), offsets, written)


def encoded_partitions(at, cut, p, partitioner, field, tombstones):
    """What a flush becomes: directories, and the offsets that each takes."""
    taken = collections.defaultdict(list)
    for offset in range(cut.start, cut.end):
        if offset not in at:
            continue
        record = at[offset]
        if offset in tombstones:
            directory = "tombstone"
        elif partitioner == "default":
            directory = f"partition={p}"
        elif partitioner == "hourly":
            directory = hours(cut.flushed)
        elif partitioner == "hourly-record":
            directory = hours(time_of(record))
        elif partitioner == "daily":
            directory = cut.flushed.strftime("year=%Y/month=%m/day=%d")
        else:
            value = record.get(field)
            directory = f"{field}={'null' if value is None else value}"
        taken[directory].append(offset)
    return taken.items()


def aiven(log, cuts, *, topic="page_views", prefix="", ending=".gz", encode=None, padded=False):
    """Aiven's S3 sink: <prefix><topic>-<partition>-<startOffset>[.gz], JSON lines."""
    encode = encode or (lambda records: pack(json_lines(records)))
    objects = {}
    for p in cuts:
        for cut in cuts[p]:
            number = f"{p:010d}-{cut.start:020d}" if padded else f"{p}-{cut.start}"
            objects[f"{prefix}{topic}-{number}{ending}"] = encode(
                [log[p][o] for o in range(cut.start, cut.end)])
    offsets = covered(log, cuts)
    return Golden(objects, once(offsets), offsets, every_time(log, cuts))


def msk_delivery(log, cuts, *, topic="page_views", prefix="msk/", channel="channel-7f3a",
                 ending="", encode=json_lines):
    """MSK Data Delivery: <prefix><channel>/<topic>/year=…/hour=…/<topic>+<p>+<offset>-<n>-<hex>.

    The hexadecimal end makes every name unique, so that one start may occur twice.
    """
    objects = {}
    for p in cuts:
        for number, cut in enumerate(cuts[p]):
            unique = hashlib.sha256(f"{topic} {p} {number} {cut}".encode()).hexdigest()[:12]
            name = f"{topic}+{p}+{cut.start:018d}-{number:06d}-{unique}{ending}"
            objects[f"{prefix}{channel}/{topic}/{hours(cut.flushed)}/{name}"] = encode(
                [log[p][o] for o in range(cut.start, cut.end)])
    offsets = covered(log, cuts)
    return Golden(objects, once(offsets), offsets, every_time(log, cuts))


def firehose(records, *, stream="page-views-stream", version="1", prefix="{:%Y/%m/%d/%H}/",
             per_object=50, lag=lambda i: 0, separator="", style="plain", ending="", encode=None,
             again=(), errors=0, error_prefix="errors/processing-failed/{:%Y/%m/%d/%H}/"):
    """Amazon Data Firehose: <prefix><stream>-<version>-YYYY-MM-dd-HH-MM-SS-<uuid><ext>.

    `lag`: seconds from the time of record i to its arrival; an object's time is that of its first
    arrival. `again`: objects, by number, that were delivered a second time. `errors`: how many
    objects of error output lie beside the data.
    """
    arrivals = sorted((time_of(record) + datetime.timedelta(seconds=lag(i)), i)
                      for i, record in enumerate(records))
    dice = random.Random(f"{stream} {len(records)}")
    encode = encode or (lambda some: separator.join(
        as_json(record, style) for record in some).encode() + separator.encode())

    def name(where, oldest):
        unique = uuid.UUID(int=dice.getrandbits(128), version=4)
        parts = [stream, version, oldest.strftime("%Y-%m-%d-%H-%M-%S"), str(unique)]
        return where.format(oldest) + "-".join(part for part in parts if part) + ending

    objects, written = {}, []
    for first in range(0, len(arrivals), per_object):
        chunk = arrivals[first:first + per_object]
        some = [records[i] for _, i in chunk]
        for _ in range(2 if first // per_object in again else 1):
            objects[name(prefix, chunk[0][0])] = encode(some)
            written += some
    for k in range(errors):
        oldest = arrivals[k * per_object % len(arrivals)][0]
        failed = {"attemptsMade": 4, "arrivalTimestamp": int(oldest.timestamp() * 1000),
                  "errorCode": "Lambda.FunctionError", "errorMessage": "it failed",
                  "attemptEndingTimestamp": int(oldest.timestamp() * 1000) + 70_000,
                  "rawData": base64.b64encode(as_json(records[k]).encode()).decode(),
                  "lambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:enrich:$LATEST"}
        objects[name(error_prefix, oldest)] = (json.dumps(failed) + "\n").encode()
    return Golden(objects, list(records), {}, written)


def hive(records, *, root="events", directory="dt={:%Y-%m-%d}/hour={:%H}",
         per_object=40, ending=".json.gz", lag=lambda i: 0, encode=None):
    """What Spark and others write: key=value directories, part-<n>-<uuid>.c000<ext> in them."""
    encode = encode or ENCODERS[ending]
    dice = random.Random(root)
    job = uuid.UUID(int=dice.getrandbits(128), version=4)
    groups = collections.defaultdict(list)
    for i, record in enumerate(records):
        when = time_of(record) + datetime.timedelta(seconds=lag(i))
        groups[directory.format(when, when)].append(record)
    objects = {f"{root}/_SUCCESS": b""}
    for where, some in groups.items():
        for part, first in enumerate(range(0, len(some), per_object)):
            objects[f"{root}/{where}/part-{part:05d}-{job}.c000{ending}"] = encode(
                some[first:first + per_object])
    return Golden(objects, list(records), {}, list(records))


EXPORT = "01693685827463-2d8752fd"


def dynamodb_export(records, *, export=EXPORT, incremental=False, **options):
    """DynamoDB's export to S3. options: of `export_objects`."""
    lines = [dynamodb_line(record, incremental) for record in records]
    objects = export_objects(lines, export=export, incremental=incremental, **options)
    return Golden(objects, list(records), {}, list(records))


def export_objects(lines, *, export=EXPORT, per_file=30, incremental=False, unlisted=0,
                   miscounted=False, damaged=False, **summary):
    """Manifests, and files of {"Item": …} that the manifest lists.

    `unlisted`: files that lie beside the data and that no manifest names. `miscounted`: the
    manifest counts one item more than its first file has. `damaged`: the first file lost its last
    item after its sum was taken. `summary`: what the summary says otherwise.
    """
    base = f"AWSDynamoDB/{export}/"
    data = "AWSDynamoDB/data/" if incremental else f"{base}data/"
    dice = random.Random(export)

    def file_name():
        alphabet = "abcdefghijklmnopqrstuvwxyz234567"
        return data + "".join(dice.choice(alphabet) for _ in range(26)) + ".json.gz"

    def packed(some):
        return pack("".join(json.dumps(line, separators=(",", ":")) + "\n"
                            for line in some).encode())

    objects, listed = {f"{base}_started": b""}, []
    for first in range(0, len(lines), per_file):
        some = lines[first:first + per_file]
        name = file_name()
        body = packed(some)
        line = {"itemCount": len(some) + (miscounted and first == 0),
                "md5Checksum": base64.b64encode(hashlib.md5(body).digest()).decode(),
                "etag": hashlib.md5(body).hexdigest() + "-1", "dataFileS3Key": name}
        listed.append(json.dumps(line, separators=(",", ":")) + "\n")
        objects[name] = packed(some[:-1]) if damaged and first == 0 else body
    for k in range(unlisted):
        objects[file_name()] = packed(lines[k:k + 3])
    files = "".join(listed).encode()
    objects[f"{base}manifest-files.json"] = files
    objects[f"{base}manifest-files.md5"] = base64.b64encode(hashlib.md5(files).digest())
    text = json.dumps({
        "version": "2020-06-30" if not incremental else "2023-08-01",
        "exportArn": f"arn:aws:dynamodb:us-east-1:123456789012:table/Views/export/{export}",
        "startTime": "2026-03-02T00:00:00.000Z", "endTime": "2026-03-02T00:10:00.000Z",
        "tableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/Views",
        "s3Bucket": "golden", "s3Prefix": None, "s3SseAlgorithm": "AES256",
        "manifestFilesS3Key": f"{base}manifest-files.json", "billedSizeBytes": 0,
        "itemCount": len(lines) + miscounted, "outputFormat": "DYNAMODB_JSON",
        "exportType": "INCREMENTAL_EXPORT" if incremental else "FULL_EXPORT"} | summary).encode()
    objects[f"{base}manifest-summary.json"] = text
    objects[f"{base}manifest-summary.md5"] = base64.b64encode(hashlib.md5(text).digest())
    return objects


def dynamodb_line(record, incremental):
    item = {"id": {"S": record["id"]}, "ts": {"S": record["ts"]}, "page": {"S": record["page"]},
            "x": {"N": str(record["x"])}, "amount": {"N": record["amount"]},
            "note": {"S": record["note"]}, "tags": {"SS": ["a", "b"]}, "gone": {"NULL": True}}
    if not incremental:
        return {"Item": item}
    written = str(int(time_of(record).timestamp() * 1_000_000))
    return {"Metadata": {"WriteTimestampMicros": {"N": written}}, "Keys": {"id": item["id"]},
            "OldImage": item | {"x": {"N": "-1"}}, "NewImage": item}


def plain(records, *, per_object=60, names="logs/2026/{:04d}.jsonl", encode=json_lines):
    """Objects of any name."""
    objects = {names.format(k): encode(records[first:first + per_object])
               for k, first in enumerate(range(0, len(records), per_object))}
    return Golden(objects, list(records), {}, list(records))
