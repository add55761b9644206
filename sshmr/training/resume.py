"""Choose the saved state that a training may continue from, and remove the others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sshmr.files import write_json
from sshmr.training.loop import state_key


def choose_state(folder: str | Path, identity: dict[str, Any]) -> Path:
    """The path of the state that belongs to this training; states of any other training are removed.

    Prints what is resumed or dropped, and why.

    Args:
        folder: where a round's states are kept.
        identity: what a training depends on: settings, input files, code. The number of threads is not part
            of it, as it changes only rounding.
    """
    folder = Path(folder)
    state = folder / f"{state_key(identity, {})}.pt"
    for other in sorted(folder.glob("*.pt")):
        if other != state and not other.name.startswith("."):
            print(f"Resume: {other.name} is dropped; changed since: {_changes(other, identity)}.")
            other.unlink()
            _facts(other).unlink(missing_ok=True)
    if state.exists():
        print(f"Resume: continue from {state}")
    write_json(_facts(state), identity)
    return state


def remove_state(state: Path) -> None:
    """Remove a state that is no longer needed, and half-written ones of killed processes."""
    state.unlink(missing_ok=True)
    _facts(state).unlink(missing_ok=True)
    for half_written in state.parent.glob(f".{state.name}.*.tmp.pt"):
        half_written.unlink(missing_ok=True)


def _facts(state: Path) -> Path:
    return state.with_suffix(".json")


def _changes(state: Path, identity: dict[str, Any]) -> str:
    try:
        before = json.loads(_facts(state).read_text())
    except (OSError, ValueError):
        return "unknown"
    return ", ".join(_differing(before, json.loads(json.dumps(identity)), "")) or "unknown"


def _differing(before: Any, now: Any, name: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _differing(before.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif before != now:
        yield name
