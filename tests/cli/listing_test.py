"""What paths name: files on disk beside Python's glob, keys of a store beside what was put there.

Each file or object holds one record, `x` a number of its own, so that the sum of what counted says
which they were.
"""

import glob
import json
import os
import pathlib
import re
import subprocess

from program import PROGRAM, LONG, RUN_SECONDS_MAX, ProgramTest, main
from s3_stand_in import Elsewhere, S3StandIn, Stored

TREES = 150 if LONG else 15
PATHS_MAX = 1000  # of a tree, links followed: two links to ancestors make 2^40 for a glob
STORES = 60 if LONG else 8
NAMES = ["a", "b", "a.jsonl", "b.jsonl", "data", "2026-03-01", "x=1", "é.jsonl", "日本", "a b.jsonl",
         "sp[1].jsonl", "st*r", "q?.jsonl", ".hidden", "_tmp", "-dash", "back\\slash", "quote'\"",
         "semi;colon:", "\udce9.jsonl", "tab\t.jsonl", "C.JSONL", "~", "%2F", "#"]
PARTS = ["**", "*", "*.jsonl", "?", "?.jsonl", "[a-c]*", "[!a]*", "a*", "*a*", ".*", "data", "a", "b",
         "*[0-9]", "é.jsonl", "sp[[]1].jsonl", "2026-*", "*=*", "..", "x"]


def record(number):
    return json.dumps({"k": "a", "x": 2**number}) + "\n"


class ListingTest(ProgramTest):
    def definition(self, paths, kind="jsonl", options="", name="d"):
        listed = json.dumps(paths, ensure_ascii=False)
        return self.write(f"{name}.yaml", f"name: t\nkey: [k]\naggregates: {{n: count, s: sum(x)}}\n"
                          f"bootstrap: {{{kind}: {{path: {listed}{options}}}}}\n"
                          f"state: {{rocksdb: {{path: state}}}}\n")

    def bootstrap(self, paths, env=None, **how):
        file = self.definition(paths, **how)
        subprocess.run(["rm", "-rf", str(self.directory / "state")], check=True)
        done = subprocess.run([PROGRAM, "bootstrap", str(file)], capture_output=True, text=True,
                              env=env, timeout=RUN_SECONDS_MAX, cwd=self.directory, errors="replace")
        return done

    def counted(self, paths, env=None, **how):
        """The numbers that counted, and what was said; None where nothing was found."""
        done = self.bootstrap(paths, env, **how)
        if done.returncode != 0 and re.search("matches no file|has no object", done.stderr):
            return None, done.stderr
        self.assertEqual(done.returncode, 0, f"{paths}: {done.stderr}")
        rows = self.succeed("dump", self.directory / "d.yaml").rows()
        if not rows:
            return set(), done.stderr
        count, total = rows[0]["n"], rows[0]["s"]
        numbers = {i for i in range(total.bit_length()) if total >> i & 1}
        # A record that counts twice makes another sum, or the same with more records.
        self.assertEqual(len(numbers), count, f"{paths}: a record counted more than once")
        return numbers, done.stderr


class FilesTest(ListingTest):
    def setUp(self):
        super().setUp()
        self.root = self.directory / "data"
        self.root.mkdir()
        self.numbers = {}  # by device and inode

    def put(self, path):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        number = len(self.numbers)
        path.write_text(record(number))
        at = path.stat()
        self.numbers[at.st_dev, at.st_ino] = number
        return path

    def check(self, paths, expected, **how):
        counted, said = self.counted(paths, **how)
        self.assertEqual(counted, expected, f"{paths}\n{said}")
        return said

    def test_a_link_to_an_ancestor_ends(self):
        self.put("2026/a.jsonl")
        (self.root / "2026/up").symlink_to("..")
        self.check("data", {0})
        self.check("data/**/*.jsonl", {0})
        self.check("data/**", {0})
        self.check("data/*/up/2026/*.jsonl", {0})

    def test_a_file_counts_once_whatever_names_it(self):
        part = self.put("part-1.jsonl")
        (self.root / "latest.jsonl").symlink_to("part-1.jsonl")
        os.link(part, self.root / "zz-hard.jsonl")
        said = self.check("data", {0})
        self.assertIn("2 names lead to files that have another name here", said)
        self.check(["data/part-1.jsonl", str(part), "./data//part-1.jsonl", "data/../data/part-1.jsonl",
                    "data/latest.jsonl", "data/*.jsonl"], {0})
        self.check("data/latest.jsonl", {0})

    def test_a_link_that_is_set_to_another_file_changes_nothing_of_a_scan(self):
        self.put("part-1.jsonl")
        self.put("part-2.jsonl")
        link = self.root / "latest.jsonl"
        link.symlink_to("part-1.jsonl")
        file = self.definition(["data"])
        self.succeed("bootstrap", file)
        records = self.status(file)
        self.assertNotIn("latest", json.dumps(records))

    def test_two_stars_at_the_end_are_all_that_lies_below(self):
        for name in ("a.jsonl", "d/b.jsonl", "d/e/c.jsonl", ".git/x", "d/_tmp/y"):
            self.put(name)
        self.check("data/**", {0, 1, 2, 4})
        self.check("data/**/*", {0, 1, 2, 4})
        self.check("data/*/**", {1, 2, 4})
        self.check("data/*/", {1, 2, 4})
        self.check("data", {0, 1, 2})

    def test_directories_that_a_glob_matches_are_told(self):
        self.put("a.jsonl")
        self.put("d/b.jsonl")
        said = self.check("data/*", {0})
        self.assertIn("1 directory matches 'data/*' and is not read; 'data/*/**' names the files "
                      "below it", said)
        run = self.bootstrap("data/d*")
        self.assertEqual(run.returncode, 1)
        self.assertIn("matches no file, but 1 directory: 'data/d*/**'", run.stderr)

    def test_what_is_no_file_is_told(self):
        self.put("a.jsonl")
        (self.root / "b.jsonl").symlink_to("/nowhere/x")
        (self.root / "self").symlink_to("self")
        os.mkfifo(self.root / "pipe.jsonl")
        for path in ("data", "data/*", "data/**"):
            said = self.check(path, {0})
            self.assertIn("3 names are no files and are not read", said)
            self.assertRegex(said, r"b\.jsonl \(a link that leads nowhere\)")
            self.assertRegex(said, r"pipe\.jsonl \(a pipe\)")
        run = self.bootstrap(["data/a.jsonl", "data/b.jsonl"])
        self.assertEqual(run.returncode, 1)
        self.assertIn("'data/b.jsonl' is a link that leads nowhere", run.stderr)
        run = self.bootstrap(["data/a.jsonl", "data/pipe.jsonl"])
        self.assertIn("'data/pipe.jsonl' is a pipe: it can be read only once", run.stderr)

    def test_a_name_that_is_not_utf8_is_read_and_shown(self):
        self.put("a.jsonl")
        path = self.put("caf\udce9.jsonl")
        said = self.check("data", {0, 1})
        self.assertIn("1 name is not UTF-8, and read as any other: data/caf\\xE9.jsonl", said)
        path.write_text("garbage\n")
        run = self.bootstrap("data", options="")
        self.assertEqual(run.returncode, 1)
        letters = next((self.directory / "state").rglob("dead-letters.jsonl")).read_text()
        self.assertIn("data/caf\\\\xE9.jsonl", letters)

    def test_a_directory_that_may_not_be_listed_is_named(self):
        self.put("a.jsonl")
        private = self.put("private/b.jsonl").parent
        private.chmod(0)
        self.addCleanup(private.chmod, 0o700)
        if os.access(private, os.R_OK):
            command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", PROGRAM]
        else:
            command = [PROGRAM]
        file = self.definition("data")
        run = subprocess.run([*command, "bootstrap", str(file)], capture_output=True, text=True,
                             timeout=RUN_SECONDS_MAX, cwd=self.directory)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("data/private: the directory can't be listed: permission denied", run.stderr)

    # The oracle: Python's glob, reduced to files by device and inode.
    def test_random_trees_as_pythons_glob_reads_them(self):
        print(f"seed {self.seed}", flush=True)
        for _ in range(TREES):
            self.make_tree()
            while not self.has_few_paths():
                self.make_tree()
            paths = sorted({self.random_path() for _ in range(self.random.randrange(1, 4))})
            self.check_as_glob(paths)

    def has_few_paths(self):
        left, paths = [self.root], 0
        while left and paths <= PATHS_MAX:
            for entry in os.scandir(left.pop()):
                paths += 1
                if os.path.isdir(entry.path):
                    left.append(entry.path)
        return paths <= PATHS_MAX

    def make_tree(self):
        subprocess.run(["rm", "-rf", str(self.root)], check=True)
        self.root.mkdir()
        self.numbers.clear()
        directories = [pathlib.Path(".")]
        for _ in range(self.random.randrange(1, 7)):
            parent = self.random.choice(directories)
            child = parent / self.random.choice(NAMES)
            if not os.path.lexists(self.root / child):
                (self.root / child).mkdir()
                directories.append(child)
        files = []
        for _ in range(self.random.randrange(1, 12)):
            path = self.random.choice(directories) / self.random.choice(NAMES)
            if not os.path.lexists(self.root / path):
                files.append(self.put(path))
        for _ in range(self.random.randrange(0, 6)):
            link = self.root / self.random.choice(directories) / self.random.choice(NAMES)
            if os.path.lexists(link):
                continue
            if files and self.random.random() < 0.3:
                os.link(self.random.choice(files), link)
            else:
                targets = [self.root / self.random.choice(directories), *files[:2],
                           pathlib.Path("/nowhere")]
                target = self.random.choice(targets)
                link.symlink_to(os.path.relpath(target, link.parent.resolve())
                                if self.random.random() < 0.5 else target)

    def random_path(self):
        base = self.random.choice(["data", "./data", "data/.", str(self.root)])
        parts = [self.random.choice(PARTS) for _ in range(self.random.randrange(1, 4))]
        for i, part in enumerate(parts):  # never above the root
            if part == ".." and (i == 0 or parts[i - 1] in ("**", "..")):
                parts[i] = "*"
        return "/".join([base, *parts])

    def check_as_glob(self, paths):
        expected, none = set(), False
        for path in paths:
            found = set()
            for name in glob.glob(path, root_dir=self.directory, recursive=True):
                if os.path.isfile(self.directory / name):
                    at = os.stat(self.directory / name)
                    found.add(self.numbers[at.st_dev, at.st_ino])
                elif glob.escape(path) == path:  # a directory, named as it is
                    found |= self.below(self.directory / name)
            expected |= found
            none |= not found
        counted, said = self.counted(paths)
        shape = subprocess.run(["ls", "-lR", str(self.root)], capture_output=True, text=True,
                               errors="replace").stdout
        self.assertEqual(counted, None if none else expected, f"{paths}\n{said}\n{shape}")

    def below(self, directory):
        """Of the files below, links followed, those that are not hidden."""
        found, visited, left = set(), set(), [directory]
        while left:
            at = left.pop()
            if os.stat(at).st_ino in visited:
                continue
            visited.add(os.stat(at).st_ino)
            for entry in os.scandir(at):
                if entry.name[0] in "._" or not os.path.exists(entry.path):
                    continue
                if entry.is_dir():
                    left.append(entry.path)
                elif entry.is_file():
                    found.add(self.numbers[os.stat(entry).st_dev, os.stat(entry).st_ino])
        return found


KEY_PARTS = ["", "a", "b", "events", "2026", "x=1", "a.jsonl", "é.jsonl", "日本", "a b", "a+b", "%2F",
             "q?", "st*r", "br[1]", "#", "&", "<x>", "\"'", "\\", ".", "..", ".h", "_t", "~", ";:@,"]


class StoresTest(ListingTest):
    def counted_in(self, objects, path, **options):
        with S3StandIn({"b": objects}, **options) as server:
            return self.counted(path, env=server.environment(), kind="s3",
                                options=f", endpoint: '{server.endpoint}'")

    def store(self, *keys, empty=()):
        return {key: b"" if key in empty else record(i).encode() for i, key in enumerate(keys)}

    def check(self, objects, path, expected, **options):
        counted, said = self.counted_in(objects, path, **options)
        self.assertEqual(counted, expected, f"{path}\n{said}")
        return said

    def test_a_prefix_is_every_key_that_begins_with_it(self):
        objects = self.store("events", "events/a.jsonl", "events//b.jsonl", "events/x//c.jsonl",
                             "events/2026/", "events/2026/b.jsonl", "events/x", "eventsmore",
                             "/events/a", "events/")
        self.check(objects, "s3://b/events/", {1, 2, 3, 4, 5, 6, 9})
        self.check(objects, "s3://b/", set(range(10)))
        self.check(objects, "s3://b", set(range(10)))
        self.check(objects, "s3://b//events/", {8})
        self.check(objects, "s3://b/events//", {2})
        self.check(objects, "s3://b/events//b.jsonl", {2})
        self.check(objects, "s3://b/**", set(range(10)))
        self.check(objects, "s3://b/events/**", {1, 2, 3, 4, 5, 6, 9})
        self.check(objects, "s3://b/events/*", {1, 6, 9})
        self.check(objects, "s3://b/events/*.jsonl", {1})
        self.check(objects, "s3://b/events*", {0, 7})
        self.check(objects, "s3://b/events/**/*.jsonl", {1, 2, 3, 5})
        self.check(objects, ["s3://b/events/", "s3://b/events/a.jsonl", "s3://b/**"], set(range(10)))

    def test_an_object_with_the_name_of_a_prefix(self):
        objects = self.store("events", "events/a.jsonl", "events/b.jsonl")
        said = self.check(objects, "s3://b/events", {0})
        self.assertIn("'s3://b/events' is an object; what lies below 's3://b/events/' is not read",
                      said)
        objects["events"] = b""
        self.check(objects, "s3://b/events", {1, 2})
        del objects["events"]
        self.check(objects, "s3://b/events", {1, 2})

    def test_marks_of_folders_hold_nothing(self):
        objects = self.store("events/", "events/2026/", "events/2026/a.jsonl", "events/b_$folder$",
                             empty={"events/", "events/2026/", "events/b_$folder$"})
        for path in ("s3://b/events/", "s3://b/**"):
            self.check(objects, path, {2})

    def test_keys_of_every_kind(self):
        odd = ["plain.jsonl", "a b.jsonl", "a+b.jsonl", "a%2Fb.jsonl", "a%20b.jsonl", "ü/é.jsonl",
               "q?x=1&y=2.jsonl", "h#h.jsonl", "quote'\".jsonl", "semi;colon:at@.jsonl",
               "brack[1].jsonl", "star*.jsonl", "back\\slash.jsonl", "日本/語.jsonl", "tilde~.jsonl",
               "eq=1/day=2/x.jsonl", "<xml>&amp;.jsonl", "e\u0301.jsonl", "😀.jsonl", "d/./a.jsonl",
               "d/../b.jsonl"]
        objects = self.store(*(f"events/{key}" for key in odd))
        hidden = {len(odd) - 2, len(odd) - 1}  # '.' and '..' begin with a point
        self.check(objects, "s3://b/events/", set(range(len(odd))) - hidden, page_keys=3)
        for number in (1, 2, 4, 6, 10, 11, 19, 20):
            self.check(objects, f"s3://b/events/{odd[number]}", {number})

    def test_what_the_store_refuses_says_why(self):
        objects = {"b": self.store("a"), "far": Elsewhere("eu-west-3"), "private": {}}
        with S3StandIn(objects) as server:
            server.forbidden.add("private")
            for path, said in (("s3://none/x/", "there is no such bucket"),
                               ("s3://far/x/", "say region: eu-west-3"),
                               ("s3://private/x/", "they may not read there"),
                               ("s3://b*/x", "without a wildcard in the bucket's name")):
                run = self.bootstrap(path, env=server.environment(), kind="s3",
                                     options=f", endpoint: '{server.endpoint}'")
                self.assertNotEqual(run.returncode, 0)
                self.assertIn(said, run.stderr)

    def test_an_archived_object_is_named_at_once_with_what_to_do(self):
        for body in (record(0).encode(), record(0).encode() + b" " * 30000 + b"\n"):
            objects = {"events/a.jsonl": record(1).encode(),
                       "events/b.jsonl": Stored(body, "GLACIER", archived=True)}
            with S3StandIn({"b": objects}) as server:
                run = self.bootstrap("s3://b/events/", env=server.environment(), kind="s3",
                                     options=f", endpoint: '{server.endpoint}'")
                refused = sum(status == 403 for _, _, _, status in server.requests)
            self.assertEqual(run.returncode, 1)
            self.assertIn("s3://b/events/b.jsonl: storage class GLACIER: the object is archived, and "
                          "must be restored before it can be read: restore it (aws s3api "
                          "restore-object), or leave it out of the path", run.stderr)
            self.assertLessEqual(refused, 3)  # it may be opened ahead, and at its turn

    # The oracle: what was put there, by prefix and by Python's glob over components.
    def test_random_keys_below_random_prefixes(self):
        print(f"seed {self.seed}", flush=True)
        for _ in range(STORES):
            keys = {"/".join(self.random.choice(KEY_PARTS)
                             for _ in range(self.random.randrange(1, 5))) for _ in range(12)}
            keys = sorted(key for key in keys if key)
            objects = self.store(*keys)
            key = self.random.choice(keys)
            prefix = key[:key.find("/", self.random.randrange(len(key))) + 1]
            if re.search(r"[*?\[]", prefix):
                continue
            expected = {i for i, key in enumerate(keys) if key.startswith(prefix)
                        and not any(part[:1] in (".", "_") and part
                                    for part in key[len(prefix):].split("/"))}
            counted, said = self.counted_in(objects, f"s3://b/{prefix}", page_keys=2)
            self.assertEqual(counted or set(), expected, f"{prefix!r} of {keys}\n{said}")


if __name__ == "__main__":
    main()
