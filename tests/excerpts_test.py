"""The excerpts of code in docs/ are in the files that they say they are from.

An excerpt is a block of code below <!-- from FILE -->. Its lines are consecutive lines of FILE, up to
indentation; a line that says only … (as a comment) leaves some out.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXCERPT = re.compile(r"<!-- from (\S+) -->\n+```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
OMISSION = re.compile(r"^\s*(?://|#)?\s*…$", re.MULTILINE)


def stripped(text):
    return "\n".join(line.strip() for line in text.strip().splitlines())


def problems(page):
    for name, block in EXCERPT.findall(page.read_text()):
        rest = "\n" + stripped((ROOT / name).read_text()) + "\n"
        for part in re.split(OMISSION, block):
            wanted = f"\n{stripped(part)}\n"
            at = rest.find(wanted)
            if at < 0:
                yield f"{page}: {name} does not have, in this order:{wanted}"
                break
            rest = rest[at + len(wanted) - 1:]


def main():
    pages = sorted((ROOT / "docs").glob("*.md"))
    found = sum(len(EXCERPT.findall(page.read_text())) for page in pages)
    wrong = [problem for page in pages for problem in problems(page)]
    for problem in wrong:
        print(problem, file=sys.stderr)
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
