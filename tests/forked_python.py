"""Python in processes forked from one that has imported the packages: most of a small job is imports.

    python forked_python.py SOCKET

Programs ``python`` and ``sshmr``, before the real ones on the path, hand their arguments, folder, variables
and open files to this server, and end as what they run ends. The server imports nothing of the repository's:
every copy of the workflow imports its own files.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import marshal
import multiprocessing
import os
import runpy
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

CLIENT = """\
#!{python} -ISs
import marshal, os, socket, struct, sys
words = {before!r} + sys.argv[1:]
if words[:1] != ["-m"] and not "".join(words[:1]).endswith(".py"):
    os.execv({python!r}, [{python!r}, *words])
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
job = marshal.dumps((words, os.getcwd(), dict(os.environ)))
socket.send_fds(server, [struct.pack("q", len(job))], [0, 1, 2])
server.sendall(job)
sys.exit(ord(server.recv(1) or b"\\x01"))
"""
PROGRAMS = {"python": [], "sshmr": ["-m", "sshmr"]}
"""For each program, the arguments that the server puts before the given ones."""
IMPORTED = [
    "filelock", "jinja2", "pandas", "PIL.Image", "pyarrow.compute", "pyarrow.parquet", "pydantic",
    "rich.console", "rich.progress", "safetensors.torch", "scipy.io", "scipy.linalg", "scipy.ndimage",
    "scipy.optimize", "scipy.sparse.csgraph", "scipy.spatial.transform", "torch", "torch.optim",
    "torch._dynamo", "torch.utils.data", "typer", "yaml",
]  # fmt: skip


@functools.cache
def forked_programs():
    """Start this process's server; returns the folder of the programs, for the front of the path."""
    folder = Path(tempfile.mkdtemp(prefix="sshmr-python-"))
    address = str(folder / "socket")
    for name, before in PROGRAMS.items():
        text = CLIENT.format(python=sys.executable, address=address, before=before)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, "-P", __file__, address],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(server.wait)
    atexit.register(server.stdin.close)  # Comes first. The server ends with it, even if a program still runs.
    if server.stdout.readline() != b"ready\n":
        raise RuntimeError("the server of forked programs did not start")
    return folder


def with_forked_programs(variables):
    """These environment variables, with the programs at the front of the path."""
    return {**variables, "PATH": f"{forked_programs()}{os.pathsep}{variables['PATH']}"}


def serve(address):
    """Fork a process for each program, until standard input ends."""
    for package in IMPORTED:
        importlib.import_module(package)
    gc.freeze()  # A collection in a forked process would copy every page.
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # So that none of them stays as a zombie.
    print("ready", flush=True)
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        client = listener.accept()[0]
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            run_for(client)
        client.close()
    shutil.rmtree(Path(address).parent)


def run_for(client):
    """Run a client's program in one more process and answer with its status; kill it when the client ends."""
    head, files, *_ = socket.recv_fds(client, 8, 3)
    with client.makefile("rb") as stream:
        job = marshal.loads(stream.read(*struct.unpack("q", head)))
    program = multiprocessing.get_context("fork").Process(target=run, args=(files, *job))
    program.start()
    for file in files:
        os.close(file)
    if program.sentinel not in select.select([program.sentinel, client], [], [])[0]:
        program.kill()
    program.join()
    with contextlib.suppress(OSError):  # The client has been killed.
        client.send(bytes([program.exitcode % 256]))
    os._exit(0)


def run(files, words, folder, variables):
    """Run in this process what ``python SCRIPT …`` or ``python -m MODULE …`` runs."""
    for file, standard in zip(files, (0, 1, 2), strict=True):
        os.dup2(file, standard)
        os.close(file)
    sys.stdin = os.fdopen(0, closefd=False)  # In place of /dev/null, which multiprocessing opens.
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.path[:0] = [path for path in variables.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.argv[:] = words
    if words[0] == "-m":
        sys.argv[:] = words[1:]
        sys.path.insert(0, folder)
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(words[0]).resolve().parent))
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1])
