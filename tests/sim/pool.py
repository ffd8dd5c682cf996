"""Work over all cores in forked processes that share one set of accounts, answers in order, progress on stderr."""

import functools
import gc
import logging
import multiprocessing
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import structlog
from processes import Accounts

from controller.discovery.settlement import compare

_T = TypeVar("_T")
_A = TypeVar("_A")
_TELL_S = 15.0
_shared: list[Accounts] = []


class _Call:
    """work(accounts, task) in a child, where accounts stand since the fork."""

    def __init__(self, work: Callable[[Accounts, _T], _A]) -> None:
        self._work = work

    def __call__(self, task: _T) -> _A:
        try:
            return self._work(_shared[0], task)
        except Exception as exc:
            raise RuntimeError(f"{task}: {traceback.format_exc()}") from exc


def pooled(work: Callable[[Accounts, _T], _A], tasks: Sequence[_T], *, jobs: int, verbose: bool = False) -> Iterator[_A]:
    """work(accounts, task) for each task. An error in work ends the run, naming its task."""
    if not hasattr(compare.read, "cache_info"):  # pure, of the same few texts in every seed, and a twelfth of its time
        compare.read = functools.lru_cache(maxsize=None)(compare.read)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="tandem-accounts-") as directory:
        _shared[:] = [Accounts(Path(directory))]
        gc.collect()
        gc.freeze()  # what stands by now is there for ever, and seeds leave little behind
        gc.set_threshold(50_000, 20, 100)
        began = told = time.monotonic()
        with multiprocessing.get_context("fork").Pool(min(jobs, len(tasks))) as pool:
            for done, answer in enumerate(pool.imap(_Call(work), tasks), 1):
                yield answer
                if time.monotonic() - told > _TELL_S:
                    told = time.monotonic()
                    print(f"{done} of {len(tasks)} in {told - began:.0f} s", file=sys.stderr, flush=True)
