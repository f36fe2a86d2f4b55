"""The databases that tests run against: each does what it says, and nothing of it stays."""

import unittest

from database_servers import MariaDbServer, PostgresServer


class LifeTest(unittest.TestCase):
    def check(self, server):
        with server:
            with server.connect() as connection, connection.cursor() as cursor:
                if isinstance(server, MariaDbServer):
                    cursor.execute("create database kept")
                cursor.execute("create schema if not exists kept")
                cursor.execute("create table kept.rows_ (id int primary key)")
                cursor.execute("insert into kept.rows_ values (5)")
                connection.commit()
            server.stop()
            server.start()
            with server.connect() as connection, connection.cursor() as cursor:
                cursor.execute("select id from kept.rows_")
                self.assertEqual(cursor.fetchall()[0], (5,))
            process, directory = server.process, server.directory
        self.assertIsNotNone(process.poll())
        self.assertFalse(directory.exists())

    def test_postgres(self):
        self.check(PostgresServer())

    def test_the_newest_postgres(self):
        server = PostgresServer(newest=True)
        self.check(server)
        self.assertNotEqual(server.programs, PostgresServer().programs)

    def test_mariadb(self):
        self.check(MariaDbServer())


if __name__ == "__main__":
    unittest.main(verbosity=2)
