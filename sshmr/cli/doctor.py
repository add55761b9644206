"""``sshmr doctor``: what is installed, what is missing, and what is used."""

import importlib.metadata
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sshmr.cli import options as o
from sshmr.cli.result import BAD_INPUT, FINE, Result

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "torch", "open3d", "snakemake", "smplx")
FASTER_ON_GPU = "pointnet2_ops"


def doctor(
    body: Annotated[
        Path | None, typer.Option(help="Folder with SMPL's own files, to check them too.")
    ] = None,
    json: o.Json = False,
) -> Result:
    """Check the installation. The exit code is 2 if anything that every run needs is missing.

    Examples:

    sshmr doctor

    sshmr doctor --body models/smpl --json
    """
    import sshmr

    found: dict[str, Any] = {
        "sshmr": sshmr.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in (*PACKAGES, FASTER_ON_GPU)},
        "torch": _torch(),
        "open3d": _open3d(),
        "cores": o.cores(),
        "memory_gb": _memory(),
        "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
        "open_body": _open_body(),
        "official_body": _official(body),
    }
    fine = all((found["torch"].get("works"), found["open3d"]["works"], found["open_body"]["works"]))
    return Result(found | {"fine": fine}, _lines(found, fine), FINE if fine else BAD_INPUT)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _torch() -> dict[str, Any]:
    try:
        import torch

        gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        works = float(torch.ones(2).sum()) == 2
    except Exception as error:  # A broken build fails in many ways, and this command reports all of them.
        return {"works": False, "error": str(error)}
    return {"works": works, "device": "cuda" if gpus else "cpu", "gpus": gpus, "cuda": torch.version.cuda}


def _open3d() -> dict[str, Any]:
    from sshmr.errors import InputError
    from sshmr.geometry.open3d_import import open3d

    try:
        return {"works": True, "version": open3d().__version__}
    except (InputError, OSError) as error:
        return {"works": False, "error": str(error)}


def _open_body() -> dict[str, Any]:
    from sshmr.body.model import BodyModel, open_body_path
    from sshmr.errors import InputError

    try:
        body = BodyModel.load(open_body_path("neutral"))
    except InputError as error:
        return {"works": False, "error": str(error)}
    return {"works": True, "vertices": len(body.v_template)}


def _official(folder: Path | None) -> dict[str, str | None] | None:
    """The file of each gender below a folder, None for a missing one; None without a folder."""
    from sshmr.body.sources import body_source
    from sshmr.errors import InputError

    if folder is None:
        return None
    files: dict[str, str | None] = {}
    for gender in ("neutral", "male", "female"):
        try:
            files[gender] = str(body_source(str(folder), gender))
        except InputError:
            files[gender] = None
    return files


def _memory() -> float | None:
    """Memory of the machine in GB; None where the system does not report it."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _lines(found: dict[str, Any], fine: bool) -> list[str]:
    torch, open3d, body = found["torch"], found["open3d"], found["open_body"]
    packages = dict(found["packages"])
    faster = packages.pop(FASTER_ON_GPU)
    versions = ", ".join(f"{name} {version or 'missing'}" for name, version in packages.items())
    lines = [
        f"sshmr {found['sshmr']} on Python {found['python']} ({sys.executable}), {found['platform']}",
        versions,
        f"{FASTER_ON_GPU} {faster or 'missing'} (optional: a faster farthest point sampling on a GPU)",
        f"torch: {_torch_line(torch)}",
        f"open3d: {'loads' if open3d['works'] else open3d['error']}",
        f"open body: {body['vertices']} vertices" if body["works"] else f"open body: {body['error']}",
        f"{found['cores']} cores, {found['memory_gb']} GB memory, {found['free_disk_gb']} GB free here",
    ]
    official = found["official_body"]
    if official is None:
        lines.append("SMPL's own files: not checked (use --body FOLDER)")
    else:
        lines += [f"SMPL, {gender}: {path or 'not found'}" for gender, path in official.items()]
    return [
        *lines,
        "Everything that a run needs is installed." if fine else "Something that every run needs is missing.",
    ]


def _torch_line(torch: dict[str, Any]) -> str:
    if not torch["works"]:
        return torch.get("error", "does not compute")
    return f"computes on {', '.join(torch['gpus']) or 'the CPU'}"
