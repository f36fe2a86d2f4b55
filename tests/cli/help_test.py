"""Help fits a screen, and wrong usage is told apart from failure."""

from program import ProgramTest, main

VERBS = ["check", "bootstrap", "run", "query", "dump", "status"]
SCREEN_LINES = 40
SCREEN_COLUMNS = 120


class HelpTest(ProgramTest):
    def assert_fits_a_screen(self, text):
        lines = text.splitlines()
        self.assertLessEqual(len(lines), SCREEN_LINES, text)
        self.assertLessEqual(max(map(len, lines)), SCREEN_COLUMNS, text)

    def test_help_names_every_verb(self):
        text = self.succeed("--help").out
        self.assert_fits_a_screen(text)
        for verb in VERBS:
            self.assertRegex(text, rf"(?m)^\s+{verb}\b")

    def test_each_verb_has_help(self):
        for verb in VERBS:
            with self.subTest(verb):
                text = self.succeed(verb, "--help").out
                self.assert_fits_a_screen(text)
                self.assertIn("FILE", text)

    def test_version(self):
        self.assertRegex(self.succeed("--version").out, r"^murmur \d+\.\d+\.\d+\n$")

    def test_wrong_usage_exits_2(self):
        for arguments in ([], ["count"], ["bootstrap"], ["dump", "x.yaml", "--format", "xml"],
                          ["bootstrap", "x.yaml", "--threads", "none"],
                          ["bootstrap", "x.yaml", "--fast"], ["query", "x.yaml"]):
            with self.subTest(arguments):
                self.fail_with(2, *arguments)


if __name__ == "__main__":
    main()
