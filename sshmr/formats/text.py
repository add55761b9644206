"""Read points from text: lines of numbers, as scanners and spreadsheets export them.

pandas reads a million lines in a third of a second. If it fails, the file is read again line by line, so that
an error names the line.
"""

import re
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sshmr.errors import InputError

LONGEST_LINE = 10_000
SAMPLE = 60
"""Lines that the layout is taken from."""
COMMENTS = ("#", "//", "%")
AXIS = re.compile(r"""["']?(?:.*[:_.\s])?(?:([xyz])|([012]))(?:[\s_]*[\[(]?(?:m|cm|mm)[\])]?)?["']?""", re.I)
"""Names of a column: x, X [m], Points:0, pos_x."""


class Layout(NamedTuple):
    """How a file writes its numbers.

    Attributes:
        separator: between columns; a blank means any white space. decimal: ``.`` or ``,``.
        skipped: lines before the first point. columns: those of x, y and z.
    """

    separator: str
    decimal: str
    skipped: int
    columns: tuple[int, int, int]


def read_text(path: Path, check_count: Callable[[int], None]) -> np.ndarray:
    """x, y, z of its lines, (K, 3) float64; other columns are ignored.

    Args:
        check_count: function of a number of points that refuses too many.

    Raises:
        InputError: names the line that is not a point.
    """
    layout = _layout(path)
    points = _read_fast(path, layout)
    if points is not None:
        check_count(len(points))
        return points
    values = array("d")
    for number, line in enumerate(_lines(path), start=1):
        if number <= layout.skipped or _is_remark(line):
            continue
        words = _split(line, layout.separator)
        try:
            values.extend(_number(words[column], layout.decimal) for column in layout.columns)
        except (ValueError, IndexError):
            raise InputError(path, f"line {number}", repr(line.strip()[:60]), "x y z") from None
        check_count(len(values) // 3)
    return np.array(values).reshape(-1, 3)


def _read_fast(path: Path, layout: Layout) -> np.ndarray | None:
    """The points as pandas reads them; None if it cannot, or if a value is not a number."""
    import pandas as pd

    try:
        table = pd.read_csv(
            path,
            sep=r"\s+" if layout.separator == " " else layout.separator,
            decimal=layout.decimal,
            skiprows=layout.skipped,
            header=None,
            usecols=sorted(layout.columns),
            dtype=np.float64,
            comment="#",
            skipinitialspace=True,
            encoding="utf-8-sig",
        )
    except Exception:  # of many kinds; reading line by line then says what is wrong
        return None
    points = table[list(layout.columns)].to_numpy()
    return points if np.isfinite(points).all() else None


def _layout(path: Path) -> Layout:
    """How the first lines are written.

    Raises:
        InputError: when commas are both decimal signs and separators.
    """
    skipped, columns, named = 0, (0, 1, 2), False
    sample: list[str] = []
    for number, line in enumerate(_lines(path), start=1):
        if len(sample) == SAMPLE:
            break
        if _is_remark(line):
            if not sample:
                skipped, columns = number, _named_columns(line.lstrip("#/% ")) or columns
        elif sample or _begins_with_number(line):
            if not sample and line.strip().isdecimal():
                skipped = number  # a .pts file begins with the number of its points
            else:
                sample.append(line.strip())
        elif named:
            raise InputError(path, f"line {number}", repr(line.strip()[:60]), "x y z")
        else:
            skipped, columns, named = number, _named_columns(line) or columns, True
    return _separators(path, sample, skipped, columns)


def _separators(path: Path, sample: list[str], skipped: int, columns: tuple[int, int, int]) -> Layout:
    def all_have(mark: str) -> bool:
        return bool(sample) and all(mark in line for line in sample)

    if all_have(";"):
        separator = ";"
    elif any(re.search(r"\d,\d", line) for line in sample) and all(
        len(line.split()) >= 3 and all(re.fullmatch(r"[-+]?\d+(,\d+)?", word) for word in line.split()[:3])
        for line in sample
    ):
        separator = " "  # 3,38 0,02 -2,85
    else:
        separator = "," if all_have(",") else " "
    text = " ".join(sample)
    decimal = "," if separator != "," and "." not in text and re.search(r"\d,\d", text) else "."
    if separator == "," and "." not in text and re.search(r"(^|,)-?0\d", text, re.M):
        raise InputError(
            path,
            "a line",
            repr(sample[0][:60]),
            "x y z",
            "Commas are both decimal signs and separators here: use decimal points",
        )
    return Layout(separator, decimal, skipped, columns)


def _named_columns(line: str) -> tuple[int, int, int] | None:
    """The columns of x, y and z that a line of names gives; None where it names none."""
    found: dict[str, int] = {}
    for place, word in enumerate(re.split(r"[,;\t]+|\s+", line.strip())):
        match = AXIS.fullmatch(word)
        if match:
            found.setdefault((match[1] or "xyz"[int(match[2])]).lower(), place)
    return (found["x"], found["y"], found["z"]) if len(found) == 3 else None


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE), ""), start=1):
            if len(line) == LONGEST_LINE:
                raise InputError(path, f"line {number}", f"{LONGEST_LINE} characters or longer", "x y z")
            yield line


def _is_remark(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith(COMMENTS)


def _split(line: str, separator: str) -> list[str]:
    return line.split() if separator == " " else [word.strip() for word in line.split(separator)]


def _number(word: str, decimal: str) -> float:
    return float(word.replace(",", ".") if decimal == "," else word.rstrip(","))


def _begins_with_number(line: str) -> bool:
    word = re.split(r"[\s,;]+", line.strip())[0]
    try:
        float(word)
    except ValueError:
        return False
    return True
