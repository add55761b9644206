"""Which code a stage runs, as one number: its script and every definition of the package that it reaches.

Snakemake sees that a script file changed, not that a module it imports did. Each rule carries this hash as a
parameter, so that editing the package reruns what depends on it, and nothing else. The hash is over syntax
trees of the functions, classes and constants that the script uses, directly or not. These do not count:
comments, docstrings, layout, annotations of functions, messages (of exceptions, ``print``, logging, progress
bars), help texts, and the version.
"""

import ast
import functools
import hashlib
from pathlib import Path

PACKAGE = "sshmr"
SILENT = {"sshmr.progress", "sshmr.errors", "sshmr.locks"}
"""Modules that only tell the user something."""

MESSENGERS = {"print", "echo", "warn", "info", "debug", "warning", "error", "exception", "critical"}
TEXTS = {"help", "description", "epilog", "message", "found", "expected", "fix"}
"""Functions whose call is a message, and keyword arguments that hold one."""


def code_hash(script, root, known=None):
    """Hash of a script's code and of every definition of the repository that it reaches.

    Args:
        script: path of the script. root: the folder that holds the package.
        known: a dictionary that is the same for all scripts, so that they share what is found out.
    """
    known, hasher = {} if known is None else known, hashlib.sha256()
    for name in sorted(reached(Path(script), Path(root), known)):
        if ("text", *name) not in known:
            known["text", *name] = _text_of(*name, Path(root))
        hasher.update(f"{name[0]} {name[1]} {known['text', *name]}\n".encode())
    return hasher.hexdigest()[:16]


def reached(script, root, known=None):
    """(module, name) of everything that running a script can use; name "" is a module's other statements."""
    known = {} if known is None else known
    found, waiting = set(), [(str(script), name) for name in _module(str(script), root).definitions]
    while waiting:
        key = waiting.pop()
        if key in found or key[0] in SILENT:
            continue
        found.add(key)
        module = _module(key[0], root)
        if not module:
            continue
        waiting.append((key[0], ""))
        if key not in known:
            known[key] = set(module.uses(key[1], root))
        waiting.extend(known[key])
    return {key for key in found if _module(key[0], root)}


class _Module:
    """The parts of a file: each name's statements under the name, the other statements under ""."""

    def __init__(self, name, path, tree):
        self.name, self.path = name, path
        self.definitions, self.imports = {"": []}, {}
        for node in tree.body:
            names = _bound(node)
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.imports.update(_imported(node, self))
            for bound in names or [""]:
                self.definitions.setdefault(bound, []).append(node)

    def uses(self, name, root):
        """(module, name) of what a definition refers to."""
        for node in self.definitions.get(name, ()):
            local = dict(self.imports)
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    local.update(_imported(inner, self))
                    yield from ((module, "") for module, _ in _imported(inner, self).values() if module)
            qualified = {}
            for inner in ast.walk(node):
                if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
                    qualified[id(inner.value)] = inner.attr
            for inner in ast.walk(node):
                if not isinstance(inner, ast.Name):
                    continue
                if inner.id in self.definitions and inner.id not in self.imports:
                    yield self.name, inner.id
                if inner.id in local:
                    yield from _target(*local[inner.id], qualified.get(id(inner)), root)


def _target(module, name, attribute, root):
    """What a name that was imported stands for; ``attribute`` is what is taken of it."""
    if name and _module(f"{module}.{name}", root):
        module, name = f"{module}.{name}", None
    found = _module(module, root)
    if not found:
        return
    if name:
        # A name may itself be imported there.
        if name in found.imports:
            yield from _target(*found.imports[name], attribute, root)
        yield module, name
    elif attribute in found.definitions:
        yield module, attribute
    elif attribute in found.imports:
        yield from _target(*found.imports[attribute], None, root)
    else:
        yield from ((module, every) for every in found.definitions)


def _imported(node, module):
    """Local name → (module, name or None) of an import statement's names that are of this repository."""
    found = {}
    for alias in node.names:
        if isinstance(node, ast.Import):
            target = (alias.name, None) if alias.asname else (alias.name.split(".")[0], None)
        else:
            base = node.module or ""
            if node.level:
                package = module.name.split(".")[: -node.level or None]
                package = (
                    module.name.split(".")
                    if module.path.name == "__init__.py" and node.level == 1
                    else package
                )
                base = ".".join([*package, *([node.module] if node.module else [])])
            elif base and not base.startswith(PACKAGE) and (module.path.parent / f"{base}.py").is_file():
                base = str(module.path.parent / f"{base}.py")
            target = (base, alias.name)
        found[alias.asname or alias.name.split(".")[0]] = target
    return found


def _bound(node):
    """The names that a statement at the top of a file binds; none for what merely runs."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return [inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)]
    return []


class _Computing(ast.NodeTransformer):
    """Takes out of a syntax tree what computes nothing."""

    def __init__(self):
        self._in_function = 0

    def visit_Expr(self, node):
        call = node.value
        if isinstance(call, ast.Constant):
            return None
        if isinstance(call, ast.Call) and _name(call.func) in MESSENGERS:
            # What is computed for a message may matter: print(write(path)).
            calls = list(_outermost_calls(call.args))
            return self.generic_visit(ast.Expr(ast.Tuple(calls, ast.Load()))) if calls else None
        return self.generic_visit(node)

    def visit_Raise(self, node):
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        node.cause = None
        return self.generic_visit(node)

    def visit_Call(self, node):
        name = _name(node.func)
        if name.endswith("Error"):
            node.args, node.keywords = [], []
        if name in ("track", "Progress"):
            node.args = [one for one in node.args if not isinstance(one, ast.Constant | ast.JoinedStr)]
        node.keywords = [one for one in node.keywords if one.arg not in TEXTS]
        return self.generic_visit(node)

    def visit_FunctionDef(self, node):
        self._in_function += 1
        node.returns = None
        arguments = node.args
        for one in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            one.annotation = None
        for one in (arguments.vararg, arguments.kwarg):
            if one:
                one.annotation = None
        node = self.generic_visit(node)
        self._in_function -= 1
        node.body = node.body or [ast.Pass()]
        return node

    def visit_AnnAssign(self, node):
        if not self._in_function:
            return self.generic_visit(node)
        return self.generic_visit(ast.Assign([node.target], node.value)) if node.value else None

    def visit_If(self, node):
        if _name(node.test) == "TYPE_CHECKING":
            return None
        node = self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_Assign(self, node):
        names = [_name(target) for target in node.targets]
        return None if names in (["__version__"], ["__all__"]) else self.generic_visit(node)


def _outermost_calls(nodes):
    for node in nodes:
        if isinstance(node, ast.Call):
            yield node
        else:
            yield from _outermost_calls(ast.iter_child_nodes(node))


def _name(node):
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _module(name, root):
    """The module of that name, or the script at that path; None where it is none of this repository's."""
    path = Path(name)
    if path.suffix != ".py":
        if name.split(".")[0] != PACKAGE:
            return None
        path = root.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return _read(name, path, path.stat().st_mtime_ns) if path.is_file() else None


@functools.cache
def _read(name, path, _modified):
    return _Module(name, path, _Computing().visit(ast.parse(path.read_bytes())))


def _text_of(module, name, root):
    return " ".join(ast.dump(node) for node in _module(module, root).definitions.get(name, ()))
