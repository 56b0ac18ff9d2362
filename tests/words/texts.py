"""The texts that users read: messages, help, README, docs, and the catalog of known failures."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Pages that a test generates from texts that are sampled at their source.
GENERATED = re.compile(r"docs/(cli|requests|recordings|state-file)\.md|docs/failures/|docs/session/")


def files(*patterns):
    """Returns the tracked files that match the patterns, in order."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\n") if name]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def literals(source):
    """Yields line and text of each string literal, without comments and without the module of the tests."""
    module = re.search(r"#\[cfg\(test\)\]\n(?:pub\(crate\) )?mod tests", source)
    end, at = (module.start() if module else len(source)), 0
    while at < end:
        raw = re.compile(r'r(#*)"').match(source, at)
        if source.startswith("//", at):
            at = source.find("\n", at) if "\n" in source[at:] else end
        elif source[at] == "'" and (character := re.compile(r"'(\\[^']+|[^'\\])'").match(source, at)):
            at = character.end()
        elif raw and not re.match(r"\w", source[at - 1 : at]):
            close = source.index('"' + raw[1], raw.end())
            yield source.count("\n", 0, at) + 1, source[raw.end() : close]
            at = close + 1 + len(raw[1])
        elif source[at] == '"':
            close = at + 1
            while source[close] != '"':
                close += 2 if source[close] == "\\" else 1
            text = re.sub(r"\\\n\s*", "", source[at + 1 : close])
            yield source.count("\n", 0, at) + 1, text.replace("\\n", "\n").replace('\\"', '"')
            at = close + 1
        else:
            at += 1


def is_prose(text):
    """Whether a literal is a text for people: at least three words, and not a command line, an expression or markup."""
    words = re.sub(r"\{[^{}]*\}", " ", text)
    if re.search(r"[<>]|\(\?|\\[sdSb]|::|^\s*-+BEGIN|=\"|^ul |^p |^pre |^span ", words):
        return False
    if re.match(r"\s*((az|kubectl|velero|helm)[ -]|[a-z]+ --|--|/|#|\||[\w.\[\]]+ = )", words):
        return False
    spaced = len(words.split()) >= 3
    return spaced and len(re.findall(r"[A-Za-z][a-z']+", words)) >= 3


def tests_only(name):
    """Whether a source file is compiled for tests only."""
    return bool(re.search(r"/(tests|testing)(\.rs|/)|diagnosis/pages\.rs|schema/page\.rs|/laws\.rs", name))


def messages():
    for name in files("shared/src/*.rs", "az-aksbackup/src/*.rs", "kubectl-aksbackup/src/*.rs"):
        if tests_only(name) or name.endswith("/cli.rs"):
            continue
        for line, text in literals(read(name)):
            if is_prose(text):
                yield f"{name}:{line}", text.strip()


def help_texts():
    """The texts of `--help`, which a test writes into docs/cli.md."""
    seen, line_of = {}, 0
    block, start = [], 0
    for line_of, line in enumerate(read("docs/cli.md").split("\n"), 1):
        described = re.match(r" {10,}(?![\[-])(\S.*)$", line) or re.match(r"  [a-z]+ {2,}(\S.*)$", line)
        example = re.match(r"  \S.*? # (\S.*)$", line)
        if described and not line.lstrip().startswith(("az ", "kubectl ", "--")):
            starts = re.match(r"  [a-z]", line)
            if starts and block:
                seen.setdefault(" ".join(block), start)
                block = []
            start = start if block else line_of
            block.append(described[1])
            continue
        if block:
            seen.setdefault(" ".join(block), start)
            block = []
        if example:
            seen.setdefault(example[1], line_of)
    for text, line in seen.items():
        if len(re.findall(r"[A-Za-z]{2,}", text)) >= 2:
            yield f"docs/cli.md:{line}", text


def without_code(text):
    """Markdown with its code blocks blanked and each piece of inline code as one word."""
    blank = lambda block: "\n" * block[0].count("\n")
    text = re.sub(r"^```.*?^```$", blank, text, flags=re.S | re.M)
    text = re.sub(r"^    .*$", "", text, flags=re.M)
    text = re.sub(r"``.+?``|`[^`\n]*`", "`x`", text)
    return re.sub(r"\]\([^)]*\)|<https?:[^>]*>", "]", text)


def sentences(name):
    """The sentences and table cells of a page."""
    source = re.sub(r"^```.*?^```$", lambda block: "\n" * block[0].count("\n"), read(name), flags=re.S | re.M)
    paragraph, start = [], 0
    for number, line in enumerate([*source.split("\n"), ""], 1):
        if line.startswith("|"):
            if not re.match(r"\|[\s|:-]+$", line):
                for cell in re.split(r"(?<!\\)\|", line)[1:-1]:
                    yield f"{name}:{number}", cell.strip()
            continue
        ends = not line.strip() or line.startswith(("#", "    ")) or re.match(r"\s*([*-]|\d+\.) ", line)
        if ends and paragraph:
            for sentence in re.split(r"(?<=[.:?!]) (?=[A-Z`*\[])", " ".join(paragraph)):
                yield f"{name}:{start}", sentence
            paragraph = []
        if line.strip() and not line.startswith(("#", "    ")):
            start = start if paragraph else number
            paragraph.append(re.sub(r"^\s*([*-]|\d+\.) ", "", line).strip())


def is_sentence(text):
    return len(re.findall(r"[A-Za-z][a-z']+", re.sub(r"`[^`]*`", " ", text))) >= 3


def readme():
    return ((place, text) for place, text in sentences("README.md") if is_sentence(text))


def docs():
    for name in files("docs/*.md"):
        if not GENERATED.match(name):
            yield from ((place, text) for place, text in sentences(name) if is_sentence(text))


def catalog():
    for name in files("shared/src/diagnosis/failures/*.toml"):
        for row in tomllib.loads(read(name)).get("failure", []):
            yield f"{row['id']} cause", row["cause"]
            yield f"{row['id']} fix", row["fix"]


SOURCES = {"messages": messages, "help": help_texts, "README": readme, "docs": docs, "catalog": catalog}
