"""Names of sequences that come from users' folders: which of them Snakemake and a file system can carry."""

import re

from sshmr.errors import InputError

LONGEST = 100
"""Characters: files are called after sequences, and some get a longer name while they are written."""


def check_names(root, names):
    """Refuse names that would break the run later.

    Shell lines quote every name, so spaces, quotes, ``;`` or ``$(…)`` are text like any other.

    Args:
        root: the source's folder. names: of its sequences.

    Raises:
        InputError: names the sequence and what is wrong with its name.
    """
    for name in names:
        fault = _fault(name)
        if fault:
            shown = name.encode("utf-8", "backslashreplace").decode()
            shown = shown if len(shown) <= LONGEST else f"{shown[:40]}…"
            raise InputError(
                root,
                f"the name of sequence {shown!r}",
                fault,
                f"a name of at most {LONGEST} characters, without braces, slashes or control characters",
                "Rename the folder",
            )


def _fault(name):
    """What is wrong with a name; empty if nothing."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if not name or len(name) > LONGEST:
        return f"it has {len(name)} characters"
    if re.search(r"[{}/\\]", name):
        return "it has a brace or a slash"
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        return "it has a control character, such as a line break"
    if name.startswith(("-", ".")):
        return f'it starts with "{name[0]}"'
    if name.endswith(".skipped"):
        return 'it ends with ".skipped", as tables of skipped frames do'
    if re.search(r"(.+?)\1{19}", name):
        return "a part of it is repeated 20 times, which Snakemake refuses"
    return ""
