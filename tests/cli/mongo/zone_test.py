"""A collection's documents by the days of a zone, whose clocks and whose rules change."""

import datetime
import os
import pathlib
import time
import unittest.mock

from mongo_case import KILLS, ByCuts, MongoCase, document
from program import main


class ZoneTest(MongoCase):
    """Days of a zone, around the night in which 00:01 was followed by 23:01 of the day before."""

    ZONE = "America/St_Johns"
    FIRST = datetime.datetime(2010, 11, 5, 12)

    def setUp(self):
        super().setUp()
        self.file = self.pipeline(window=f"{{every: 1d, zone: {self.ZONE}}}")
        self.collection.insert_many([self.row(n) for n in range(2000)])

    def row(self, number):
        night = datetime.datetime(2010, 11, 7, 2)
        at = self.random.choice([
            self.FIRST + datetime.timedelta(seconds=self.random.randrange(3 * 86400)),
            night + datetime.timedelta(seconds=self.random.randrange(2 * 3600))])
        return document(self.random, number) | {"_id": number, "at": at}

    def change_some(self):
        for _ in range(100):
            number = self.random.randrange(2500)
            new = self.row(number)
            self.random.choice([
                lambda: self.collection.replace_one({"_id": number}, new, upsert=True),
                lambda: self.collection.update_one({"_id": number}, {"$set": {"at": new["at"]}}),
                lambda: self.collection.delete_one({"_id": number})])()

    def dumped(self, file):
        return {(group, window[:10]): values
                for (group, window), values in super().dumped(file).items()}

    def day(self):
        """By the days of the database's own calendar."""
        return {"$dateToString": {"date": "$at", "format": "%Y-%m-%d", "timezone": self.zone}}

    def test_changes_through_kills_and_a_swap(self):
        self.zone = self.ZONE
        for attempt in range(KILLS):
            child = self.start("run", self.file, "--quiet")
            self.change_some()
            time.sleep(self.random.uniform(0, 1.0))
            self.change_some()
            self.kill(child)
            if attempt == KILLS // 2:
                self.succeed("bootstrap", self.file, "--fresh", "--quiet")
        self.catch_up(self.file)
        self.check(self.file)
        self.succeed("verify", self.file, "--quiet")

    def test_rules_that_are_replaced(self):
        """A row leaves the same bucket that it entered; a new version counts by the new rules."""
        self.zone = self.ZONE
        self.catch_up(self.file)
        rules = self.directory / "zoneinfo" / self.ZONE
        rules.parent.mkdir(parents=True)
        rules.write_bytes(pathlib.Path("/usr/share/zoneinfo/Asia/Tokyo").read_bytes())
        with unittest.mock.patch.dict(os.environ, TZDIR=str(self.directory / "zoneinfo")):
            self.change_some()
            self.catch_up(self.file)
            self.check(self.file)
            self.assertIn(self.ZONE, self.status(self.file)["time_zones"])
            self.succeed("verify", self.file, "--quiet")
            self.succeed("bootstrap", self.file, "--fresh", "--quiet")
            self.zone = "Asia/Tokyo"
            self.change_some()
            self.catch_up(self.file)
            self.check(self.file)


class CutZoneTest(ByCuts, ZoneTest):
    pass


if __name__ == "__main__":
    main()
