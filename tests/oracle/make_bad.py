"""Files with each kind of bad input, and what must be counted of them.

    make_bad.py FOLDER [LINES]

Writes FOLDER/bad_<kind>.jsonl, where one line of a hundred is bad; `all` mixes the kinds with odd
but good lines; good_odd.jsonl has those alone; truncated.jsonl.gz ends inside its stream; with
pyarrow at hand, corrupt.parquet has one damaged page of the second row group. FOLDER/manifest.json
maps each file to {"records", "good", "bad", "reasons"}: dead letters have one of these reasons. A
damaged stream or page is one dead letter, however many records it hides.
The lines are events of the pipeline `key: page, time: ts, sum(amount)`; the same on every run.
"""

import gzip
import json
import os
import random
import sys
import zlib

BAD_EVERY, BAD_AT, ODD_AT = 100, 57, 23

# kind → (what it does to a line, the reasons that its dead letter may have)
BAD = {
    "cut": (lambda l: l[:60], ["undecodable"]),
    "missing_quote": (lambda l: l.replace(b'"user":"', b'"user":', 1), ["undecodable"]),
    "open_quote": (lambda l: l.replace(b'","page"', b',"page"', 1), ["undecodable"]),
    "garbage": (lambda l: b"hello world", ["undecodable"]),
    "extra_brace": (lambda l: l + b"}", ["undecodable"]),
    "missing_brace": (lambda l: l[:-1], ["undecodable"]),
    "invalid_utf8": (lambda l: l.replace(b'"u0', b'"u\xff', 1), ["invalid_utf8"]),
    "skipped_utf8": (lambda l: l.replace(b'"country":"', b'"country":"\xc3', 1), ["invalid_utf8"]),
    "control": (lambda l: l.replace(b'"u0', b'"u\x01', 1), ["undecodable"]),
    "lone_brace": (lambda l: b"}", ["undecodable"]),
    "list": (lambda l: b"[1,2", ["undecodable"]),
    "bad_number": (lambda l: l.replace(b'"amount":', b'"amount":1x', 1), ["undecodable"]),
    "leading_zero": (lambda l: l.replace(b'"amount":', b'"amount":00', 1), ["undecodable"]),
    "nan": (lambda l: l.replace(b'"amount":', b'"amount":NaN,"a":', 1), ["undecodable"]),
    "huge_number": (lambda l: l.replace(b'"amount":', b'"amount":1e999,"a":', 1),
                    ["number_overflow"]),
    "huge_integer": (lambda l: l.replace(b'"amount":', b'"amount":9223372036854775808,"a":', 1),
                     ["number_overflow"]),
    "no_key": (lambda l: l.replace(b'"page":', b'"pagx":', 1), ["missing_key"]),
    "null_key": (lambda l: l.replace(b'"page":', b'"page":null,"p":', 1), ["missing_key"]),
    "bad_time": (lambda l: l.replace(b"T0", b"T9", 1), ["bad_time"]),
    "no_time": (lambda l: l.replace(b'"ts":', b'"tz":', 1), ["bad_time"]),
    "wrong_type": (lambda l: l.replace(b'"amount":', b'"amount":"1","a":', 1), ["wrong_type"]),
    "two_objects": (lambda l: l + l, ["undecodable"]),
    "empty_object": (lambda l: b"{}", ["missing_key", "bad_time"]),
    "lone_surrogate": (lambda l: l.replace(b'"u0', b'"u\\ud800', 1), ["undecodable"]),
}

ODD = {
    "escapes": lambda l: l.replace(b'"user":"u', b'"user":"u\\u0041\\"', 1),
    "unicode": lambda l: l.replace(b'"user":"u', b'"user":"\xc3\xa9', 1),
    "spaces": lambda l: l.replace(b'","', b'" , "'),
    "reversed": lambda l: b"{" + b",".join(reversed(l[1:-1].split(b","))) + b"}",
    "nested": lambda l: l[:-1] + b',"x":{"page":"no","a":[1,2,{"b":"}"}]}}',
    "carriage_return": lambda l: l + b"\r",
}


def make_lines(count):
    rng = random.Random(42)
    lines = []
    for i in range(count):
        event = {"id": f"{rng.getrandbits(64):016x}",
                 "ts": f"2026-03-{1 + i * 30 // count:02}T0{rng.randrange(10)}:"
                       f"{rng.randrange(60):02}:{rng.randrange(60):02}.{rng.randrange(1000):03}Z",
                 "user": f"u0{rng.randrange(10000):05}", "page": f"/p/{rng.randrange(300)}",
                 "country": rng.choice(["US", "JP", "BR", "PL"]),
                 "amount": rng.randrange(1, 20000) / 100, "ms": rng.randrange(5000)}
        lines.append(json.dumps(event, separators=(",", ":")).encode())
    return lines


class Folder:
    def __init__(self, path):
        self.path = path
        self.manifest = {}
        os.makedirs(path, exist_ok=True)

    def write(self, name, content, records, bad, reasons):
        with open(os.path.join(self.path, name), "wb") as file:
            file.write(content)
        self.manifest[name] = {"records": records, "good": records - bad, "bad": bad,
                               "reasons": reasons}

    def finish(self):
        with open(os.path.join(self.path, "manifest.json"), "w", encoding="utf-8") as file:
            json.dump(self.manifest, file, indent=1, sort_keys=True)


def joined(lines):
    return b"\n".join(lines) + b"\n"


def write_bad_lines(folder, lines):
    rng = random.Random(1)
    odd = [rng.choice(list(ODD.values()))(line) if i % BAD_EVERY == ODD_AT else line
           for i, line in enumerate(lines)]
    folder.write("good_odd.jsonl", joined(odd), len(lines), 0, [])
    bad_count = len(lines[BAD_AT::BAD_EVERY])
    for kind, (spoil, reasons) in BAD.items():
        spoilt = [spoil(line) if i % BAD_EVERY == BAD_AT else line for i, line in enumerate(lines)]
        folder.write(f"bad_{kind}.jsonl", joined(spoilt), len(lines), bad_count, reasons)
    kinds = list(BAD.values())
    mixed = [rng.choice(kinds)[0](line) if i % BAD_EVERY == BAD_AT else odd[i]
             for i, line in enumerate(lines)]
    folder.write("bad_all.jsonl", joined(mixed), len(lines), bad_count,
                 sorted({reason for _, reasons in kinds for reason in reasons}))
    last = len(lines[-1]) // 2
    folder.write("cut_last_line.jsonl", joined(lines)[:-last - 1], len(lines), 1, ["truncated"])


def write_truncated_gzip(folder, lines):
    packed = gzip.compress(joined(lines), mtime=0)
    packed = packed[:len(packed) // 2]
    readable = zlib.decompressobj(wbits=31).decompress(packed).count(b"\n")
    folder.write("truncated.jsonl.gz", packed, len(lines), 1, ["truncated"])
    folder.manifest["truncated.jsonl.gz"]["good"] = readable


def write_corrupt_parquet(folder, lines):
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return
    events = [json.loads(line) for line in lines]
    table = pyarrow.table({name: [event[name] for event in events] for name in events[0]})
    half = (len(lines) + 1) // 2
    path = os.path.join(folder.path, "corrupt.parquet")
    pyarrow.parquet.write_table(table, path, row_group_size=half, compression="none",
                                use_dictionary=False, write_page_checksum=True)
    chunk = pyarrow.parquet.ParquetFile(path).metadata.row_group(1).column(3)
    with open(path, "rb") as file:
        content = bytearray(file.read())
    content[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 1
    folder.write("corrupt.parquet", content, len(lines), 1, ["corrupt"])
    folder.manifest["corrupt.parquet"]["good"] = half


def main():
    folder = Folder(sys.argv[1])
    lines = make_lines(int(sys.argv[2]) if len(sys.argv) > 2 else 10000)
    write_bad_lines(folder, lines)
    write_truncated_gzip(folder, lines)
    write_corrupt_parquet(folder, lines)
    folder.finish()


if __name__ == "__main__":
    main()
