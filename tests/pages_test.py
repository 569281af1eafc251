"""The pages can be read and their links followed: no line of a .md file beyond 120 columns, no link to a file or a heading
that is not there, no `path/of/a/file.h` that is not there; every page is at most two links from README.md.

    python3 tests/pages_test.py ROOT
"""

import pathlib
import re
import sys

COLUMNS = 120
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
OUTSIDE = ("http://", "https://", "mailto:")
CODE = re.compile(r"`([^`]*)`")
FILE = re.compile(r"(?<![\w./*-])[\w.-]+(?:/[\w.-]+)+\.(?:h|cc|py|sh|cmake|md|S|ld)\b")
FOLDERS = ("", "stark", "guest", "guest/include")  # where pages find files, beside their own folder


def anchors(page):
    """Of its headings, as browsers of repositories name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def linked(pages):
    """The pages that these link to."""
    links = {(page.parent / link.partition("#")[0]).resolve() for page in pages for link in LINK.findall(page.read_text())}
    return {link for link in links if link.suffix == ".md" and link.exists()}


def faults(root, page):
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if len(line) > COLUMNS:
            yield f"{number}: expected at most {COLUMNS} columns, found {len(line)}"
        for name in FILE.findall(" ".join(CODE.findall(line))) if not line.startswith("    ") else ():
            if not any((folder / name).exists() for folder in (page.parent, *(root / folder for folder in FOLDERS))):
                yield f"{number}: {name}: no such file"
        for link in LINK.findall(line):
            if link.startswith(OUTSIDE):
                continue
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            if not target.exists():
                yield f"{number}: link to {link}: no such file"
            elif anchor and anchor not in anchors(target):
                yield f"{number}: link to {link}: no such heading"


def main():
    root = pathlib.Path(sys.argv[1])
    pages = [root / "README.md", *(page for folder in sorted(root.iterdir()) if folder.is_dir() and folder.name[0] != "."
                                   and folder.name != "build" for page in sorted(folder.rglob("*.md")))]
    found = [f"{page.relative_to(root)}:{fault}" for page in pages for fault in faults(root, page)]
    near = linked([root / "README.md"])
    near |= linked(near) | {(root / "README.md").resolve()}
    found += [f"{page.relative_to(root)}: more than two links from README.md" for page in pages if page.resolve() not in near]
    print("\n".join(found) if found else f"{len(pages)} pages")
    return 1 if found or len(pages) < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
