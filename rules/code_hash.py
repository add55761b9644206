"""A hash of the code that a stage runs: its script and every definition of the package that it reaches.

Snakemake sees that a script file changed, not that a module it imports did. Each rule carries this hash as a
parameter, so that editing the package reruns what depends on it, and nothing else. The hash is over syntax
trees of the functions, classes and constants that the script uses, directly or not. These do not count:
comments, docstrings, layout, annotations of functions, messages (of exceptions, ``print``, logging, progress
bars), help texts, and the version.

What a file holds is kept in ``rules/__pycache__``, under the hash of the file's bytes. To read all files
again takes seconds, and each job of a cluster starts Snakemake once more.
"""

import ast
import contextlib
import hashlib
import json
import os
import sys
from pathlib import Path

PACKAGE = "sshmr"
SILENT = {"sshmr.progress", "sshmr.errors", "sshmr.locks"}
"""Modules that only print messages."""

MESSENGERS = {"print", "echo", "warn", "info", "debug", "warning", "error", "exception", "critical"}
TEXTS = {"help", "description", "epilog", "message", "found", "expected", "fix"}
"""Functions whose call is a message, and keyword arguments that hold one."""

KEPT = "__pycache__/code_hash.json"
"""Where the contents of files are kept, beside this file."""


def code_hash(script, root, code=None):
    """Hash of a script's code and of every definition of the repository that it reaches.

    Args:
        script: path of the script. root: the folder that holds the package.
        code: the ``Code`` of that root; scripts that share one read each file once.
    """
    script, hasher = Path(script), hashlib.sha256()
    code = code or Code(root)
    for module, name in sorted(reached(script, root, code)):
        texts = " ".join(part["text"] for part in code.module(module, script.parent).parts(name))
        hasher.update(f"{module} {name} {texts}\n".encode())
    code.keep()
    return hasher.hexdigest()[:16]


def reached(script, root, code=None):
    """(module, name) of everything that running a script can use; name "" is a module's other statements.

    A module of the script's own folder has a name without dots, as Python imports it.
    """
    script = Path(script)
    code = code or Code(root)
    start = code.module(script.stem, script.parent)
    found, waiting = set(), [(start.name, name) for name in start.definitions]
    while waiting:
        key = waiting.pop()
        if key in found or key[0] in SILENT:
            continue
        module = code.module(key[0], script.parent)
        if module:
            found.add(key)
            waiting.append((key[0], ""))
            waiting.extend(code.uses(*key, script.parent))
    return found


class Code:
    """The Python files of a repository, each read once."""

    def __init__(self, root):
        self.root, self._modules, self._uses = Path(root), {}, {}
        self._path = self.root / "rules" / KEPT
        rules = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        self._made_by, self._kept, self._new = f"{sys.version} {rules}", {}, False
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(self._path.read_text())
            self._kept = kept["files"] if kept["made_by"] == self._made_by else {}

    def keep(self):
        """Write what was read, for the next start; a folder that cannot be written is left as it is."""
        if not self._new:
            return
        self._new = False
        there = {module.digest for module in self._modules.values() if module}
        files = {digest: content for digest, content in self._kept.items() if digest in there}
        beside = self._path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps({"made_by": self._made_by, "files": files}))
            beside.replace(self._path)

    def module(self, name, folder):
        """The module of that name; None where it is none of this repository's.

        Args:
            folder: of modules outside the package.
        """
        if name not in self._modules:
            path = folder / f"{name}.py"
            if name.split(".")[0] == PACKAGE:
                path = self.root.joinpath(*name.split("."))
                path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            self._modules[name] = self._read(name, path) if path.is_file() else None
        return self._modules[name]

    def _read(self, name, path):
        source = path.read_bytes()
        # A package resolves relative imports in another way than a module does.
        digest = hashlib.sha256(f"{name} {path.name}".encode() + source).hexdigest()
        if digest not in self._kept:
            tree, is_package = _Computing().visit(ast.parse(source)), path.name == "__init__.py"
            self._kept[digest] = _contents(name, is_package, tree)
            self._new = True
        return _Module(name, digest, self._kept[digest])

    def uses(self, name, definition, folder):
        """(module, name) of what a definition refers to."""
        key = (name, definition)
        if key not in self._uses:
            self._uses[key] = set(self._search(self.module(name, folder), definition, folder))
        return self._uses[key]

    def _search(self, module, definition, folder):
        for part in module.parts(definition):
            yield from ((target[0], "") for target in part["imports"].values() if target[0])
            for name, attribute in part["names"]:
                if name in module.definitions and name not in module.imports:
                    yield module.name, name
                target = part["imports"].get(name) or module.imports.get(name)
                if target:
                    yield from self._target(*target, attribute, folder)

    def _target(self, module, name, attribute, folder):
        """The definition of an imported name; ``attribute`` is the attribute that is used."""
        if name and self.module(f"{module}.{name}", folder):
            module, name = f"{module}.{name}", None
        found = self.module(module, folder)
        if not found:
            return
        if name:
            # A name may itself be imported there.
            if name in found.imports:
                yield from self._target(*found.imports[name], attribute, folder)
            yield module, name
        elif attribute in found.definitions:
            yield module, attribute
        elif attribute in found.imports:
            yield from self._target(*found.imports[attribute], None, folder)
        else:
            yield from ((module, every) for every in found.definitions)


class _Module:
    """The contents of a file: each name's statements under the name, the other statements under ""."""

    def __init__(self, name, digest, contents):
        self.name, self.digest = name, digest
        self.definitions, self.imports = contents["definitions"], contents["imports"]

    def parts(self, name):
        """The statements that bind a name, each with its text, the names in it and its own imports."""
        return self.definitions.get(name, ())


def _contents(name, is_package, tree):
    """What ``_Module`` holds, as JSON can keep it."""
    definitions, imports = {"": []}, {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.update(_imported(node, name, is_package))
        part = _part(node, name, is_package)
        for bound in _bound(node) or [""]:
            definitions.setdefault(bound, []).append(part)
    return {"definitions": definitions, "imports": imports}


def _part(node, module, is_package):
    """One statement: the hash of its text, (name, attribute taken of it) of names, and what it imports."""
    imports, names, attributes = {}, set(), {}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            names.add((inner.id, attributes.get(id(inner))))
        elif isinstance(inner, ast.Attribute):  # It comes before what it is taken of.
            attributes[id(inner.value)] = inner.attr
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            imports.update(_imported(inner, module, is_package))
    text = hashlib.sha256(ast.dump(node).encode()).hexdigest()
    return {"text": text, "names": sorted(names, key=str), "imports": imports}


def _imported(node, module, is_package):
    """Local name → (module, name or None) of an import statement's names."""
    found = {}
    for alias in node.names:
        if isinstance(node, ast.Import):
            target = (alias.name, None) if alias.asname else (alias.name.split(".")[0], None)
        else:
            base = node.module or ""
            if node.level:
                up = node.level - is_package
                package = module.split(".")[: -up or None]
                base = ".".join([*package, *([node.module] if node.module else [])])
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
