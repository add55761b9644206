"""Work done one item ahead of where it is needed, so that a GPU doesn't wait for the CPU."""

from concurrent.futures import ThreadPoolExecutor


def ahead(make, items):
    """``map(make, items)``, each made while the one before is in use; errors appear where it is needed."""
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for item in items:
            following = pool.submit(make, item)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
