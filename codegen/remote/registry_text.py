"""A Protobuf file as a registry takes it: rules are comments there.

Apicurio refuses every file that imports one which imports google/protobuf/descriptor.proto, and that is what
buf/validate/validate.proto does. So the import and the annotations are put into comments: the text says the same to
its reader, means the same on the wire, and every registry can resolve it. ``with_rules`` is the way back.

Karapace (6.2.0) takes no line comment without words, "//" alone; two blanks after it are words enough.
"""

import re
from collections.abc import Mapping
from typing import Final

from google.protobuf import descriptor_pb2

from codegen.errors import ContractError
from codegen.proto import compiler as proto_compiler
from codegen.proto.validate import VALIDATE_FILE, is_for_rules

_EXTENSIONS = (1159, 1160)
"""buf.validate's numbers, of its rules and of its predefined rules, in the options of everything."""
_IMPORTS = 3
_OPTION_IMPORTS = 15
"""The numbers of a file's imports, by which their places in the text are named."""
_WITHIN: Final[dict[str, dict[int, str]]] = {
    "file": {4: "message", 7: "field"},
    "message": {2: "field", 3: "message", 6: "field", 8: "oneof"},
}
_OPTIONS: Final = {"file": 8, "message": 7, "field": 8, "oneof": 2}
"""The numbers of what holds rules within what, and of its options."""

_COMMENT: Final = re.compile(
    r'/\* ((?:import (?:option )?"buf/validate/validate\.proto";|(?:option |,? ?\[?)\(buf\.validate\.).*?) \*/',
    re.DOTALL,
)
_END_OF_COMMENT: Final = "* /"
"""How ``*/`` stands in a rule that is a comment; which of the two was meant cannot be told."""


_NO_WORDS: Final = re.compile(r"^([ \t]*//)[ \t]*$", re.MULTILINE)


def with_words_in_comments(text: str) -> str:
    """Return a file's text with two blanks in each line comment that has no words."""
    return _NO_WORDS.sub(r"\1  ", text)


def with_rules(texts: Mapping[str, str], name: str) -> str:
    """Return the text of a file as it was before its rules became comments.

    ``texts`` holds it and what it imports, by import path. A text that did not come from here, so that the way forth
    would not lead to it again, is returned as it is, but for blanks after a comment without words.
    """
    text = _NO_WORDS.sub(r"\1", texts[name])
    if any(_END_OF_COMMENT in comment for comment in _COMMENT.findall(text)):
        return text
    restored = _COMMENT.sub(r"\1", text)
    if restored == text:
        return text
    try:
        files = proto_compiler.descriptors_of({**texts, name: restored}, name)
        own = next(file for file in files.file if file.name == name)
        return restored if registry_text(own, restored) == text else text
    except ContractError:
        return text


def registry_text(file: descriptor_pb2.FileDescriptorProto, text: str) -> str:
    """Return the text of a file with its rules as comments. ``file`` has the places of the sources.

    Raises ContractError where the places do not fit the text: protoc counts a tab as up to eight columns.
    """
    if not is_for_rules(file):
        return text
    starts = _line_starts(text)
    whole = VALIDATE_FILE in file.dependency
    number, imports = (_IMPORTS, file.dependency) if whole else (_OPTION_IMPORTS, file.option_dependency)
    own_import = [number, list(imports).index(VALIDATE_FILE)]
    spans = []
    for location in file.source_code_info.location:
        path = list(location.path)
        ruled = _is_rule(path)
        if not ruled and path != own_import:
            continue
        span = _offsets(starts, list(location.span))
        if not text[span[0] : span[1]].startswith(("(", "option") if ruled else "import"):
            problem = "is not formatted; run: codegen lint --fix"
            raise ContractError(f"proto/{file.name}", "", problem, rule="format", line=location.span[0] + 1)
        spans.append(_with_comma(text, span) if text[span[0]] == "(" else span)
    for start, end in reversed([_with_brackets(text, span) for span in _merged(spans, text)]):
        inside = text[start:end].replace("*/", "* /")
        text = f"{text[:start]}/* {inside} */{text[end:]}"
    return text


def _is_rule(path: list[int]) -> bool:
    """Tell whether a place is that of a rule in the options of a message, a field or a oneof."""
    kind = "file"
    while len(path) > 1:
        if path[0] == _OPTIONS[kind]:
            return path[1] in _EXTENSIONS
        inner = _WITHIN.get(kind, {}).get(path[0])
        if inner is None:
            return False
        kind, path = inner, path[2:]
    return False


def _with_comma(text: str, span: tuple[int, int]) -> tuple[int, int]:
    """Return an option's span with the comma after it, else the one before it."""
    start, end = span
    after = end + len(text[end:]) - len(text[end:].lstrip())
    before = len(text[:start].rstrip())
    if text[after : after + 1] == ",":
        return start, after + 1
    return (before - 1, end) if text[before - 1 : before] == "," else span


def _with_brackets(text: str, span: tuple[int, int]) -> tuple[int, int]:
    """Return a span with the brackets around it when nothing else is in them."""
    start, end = len(text[: span[0]].rstrip()), span[1] + len(text[span[1] :]) - len(text[span[1] :].lstrip())
    return (start - 1, end + 1) if text[start - 1 : start] == "[" and text[end : end + 1] == "]" else span


def _merged(spans: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Return spans in order, those that touch, overlap or have only blanks between them as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        last = merged[-1][1] if merged else -1
        if start < last or (merged and not text[last:start].strip() and text[last - 1] != ";"):
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _offsets(starts: list[int], span: list[int]) -> tuple[int, int]:
    """Return a span of protoc's (line, column, [line,] column) as places in the text."""
    first, column, *rest = span
    last, end = rest if len(rest) == 2 else (first, rest[0])
    return starts[first] + column, starts[last] + end
