"""How the program starts: the client library of a source is loaded when that source is used."""

import os
import pathlib
import subprocess

from program import PROGRAM, ProgramTest, main

LIBRARIES = ("libmongoc", "libbson", "librdkafka")
SHM = pathlib.Path("/dev/shm")


class LoadingTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write_events("events.jsonl", [{"page": "/a"}])
        self.file = self.define(window=None)

    def loaded(self, *arguments):
        """The client libraries that are loaded, by the dynamic linker's own account."""
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.directory, text=True,
                              capture_output=True, env=os.environ | {"LD_DEBUG": "files"}, timeout=120)
        return {name for name in LIBRARIES
                if any(f"file={name}" in line for line in (done.stderr + done.stdout).splitlines())}

    def define_source(self, name, source):
        return self.write(name, "\n".join([
            "name: p", "key: [page]", "aggregates: {n: count}",
            "state: {rocksdb: {path: state/p}}", source]) + "\n")

    def mongo(self):
        return self.define_source("mongo.yaml", "source: {mongo: {uri: 'mongodb://127.0.0.1:1/?"
                                  "serverSelectionTimeoutMS=100', database: d, collection: c}}")

    def kafka(self):
        return self.define_source("kafka.yaml", "live: {kafka: {brokers: '127.0.0.1:1', topic: t, "
                                  "start: earliest}}")

    def test_files_need_none(self):
        for arguments in (("--version",), ("check", self.file), ("bootstrap", self.file),
                          ("status", self.file), ("dump", self.file), ("versions", self.file)):
            self.assertEqual(self.loaded(*arguments), set(), arguments)

    def test_each_source_needs_its_own(self):
        self.assertEqual(self.loaded("check", self.mongo()), {"libmongoc", "libbson"})

    def test_a_definition_is_checked_without_the_client(self):
        self.assertEqual(self.loaded("check", self.kafka()), set())

    def test_nothing_is_left_in_shared_memory(self):
        before = set(SHM.glob("mongoc-*"))
        for arguments in (("--version",), ("status", self.file), ("check", self.mongo())):
            child = self.start(*arguments)
            made = {SHM / f"mongoc-{child.pid}"} & set(SHM.glob("mongoc-*"))
            child.communicate()
            self.assertEqual(made, set())
        names = {f"mongoc-{child.pid}" for child in self.children}
        left = {path.name for path in set(SHM.glob("mongoc-*")) - before}
        self.assertEqual(left & names, set())


if __name__ == "__main__":
    main()
