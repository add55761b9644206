"""Which code a stage runs, as one number: the script and all it imports from this repository.

Snakemake sees that a script file changed, not that a module it imports did. Each rule carries this hash as a
parameter, so that editing the package reruns what depends on it, and nothing else. What counts is the syntax
tree: comments, docstrings and layout do not.
"""

import ast
import functools
import hashlib
from pathlib import Path

PACKAGE = "sshmr"


def code_hash(script, root):
    """Hash of a script's code and of every module of the repository it reaches through imports.

    Args:
        script: path of the script. root: the folder that holds the package.
    """
    hasher = hashlib.sha256()
    root = Path(root)
    for path in sorted(reached_files(Path(script), root)):
        hasher.update(f"{path.relative_to(root)} {_tree_hash(path, path.stat().st_mtime_ns)}\n".encode())
    return hasher.hexdigest()[:16]


def reached_files(script, root):
    """The script and every file of the repository that importing it runs, also inside functions."""
    found, waiting = set(), [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imported_files(path, path.stat().st_mtime_ns, root))
    return found


@functools.cache
def _imported_files(path, _modified, root):
    """Files that one file's import statements name, with the ``__init__`` of each package on the way."""
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path, root)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    files = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == PACKAGE:
            for length in range(1, len(parts) + 1):
                module = root.joinpath(*parts[:length])
                files.update(f for f in (module / "__init__.py", module.with_suffix(".py")) if f.is_file())
        elif (path.parent / f"{parts[0]}.py").is_file() and not path.is_relative_to(root / PACKAGE):
            files.add(path.parent / f"{parts[0]}.py")
    return frozenset(files)


def _absolute(node, path, root):
    if not node.level:
        return node.module
    package = path.relative_to(root).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


@functools.cache
def _tree_hash(path, _modified):
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [item for item in body if not _is_text(item)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(node):
    """A docstring, or a string that documents the name above it."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)
