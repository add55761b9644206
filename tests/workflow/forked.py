"""Snakemake in a process forked from one that has imported its packages: half of a dry run is imports."""

import multiprocessing
import os
import shutil
import sys

IMPORTED = ["snakemake.cli", "snakemake_executor_plugin_slurm", "pandas", "pydantic", "scipy"]
"""None of them is the repository's: every copy of the workflow imports its own files."""


def run(arguments, folder, environment, output):
    """Run ``snakemake`` in a folder to its end; returns the exit status.

    Args:
        environment: all variables of the process. output: file for stdout and stderr.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    process = context.Process(target=_main, args=(arguments, folder, environment, output))
    process.start()
    process.join()
    return process.exitcode


def _main(arguments, folder, environment, output):
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    written, empty = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), os.open(os.devnull, os.O_RDONLY)
    for ours, standard in ((empty, 0), (written, 1), (written, 2)):
        os.dup2(ours, standard)
    sys.executable = shutil.which("python")  # The workflow puts its folder before the path of the jobs.
    from snakemake.cli import main

    main(arguments)
