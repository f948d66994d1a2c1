# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Who waits for which instance of a pool. A thread that found all busy would
join one after PythonSwitchInterval; here that is long after the test."""
from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from harness.client import Client
from harness.conf import Workers
from harness.env import Env
from harness.tools import wait_until

pytestmark = pytest.mark.mpm("event", "worker")
WORKERS = Workers(children=1, threads=12, max_children=1)
HANDLERS = ["test_pools"]
WAITING = 6


def configure(env: Env) -> str:
    assert env.build is not None
    env.build.needs_python(3, 13, "interpreters with a GIL of their own")
    return """
PythonSwitchInterval 60
PythonInterpreterOptions pool instances=2
PythonImport test_pools pool
PythonPostReadRequestHandler test_pools::arrives
<Location />
    SetHandler mod_python
    PythonHandler test_pools
    PythonInterpreter pool
</Location>
<Location /-eval>
    PythonInterpreter main_interpreter
    PythonHandler mptest::evaluate
</Location>
"""


def busy(port: int, name: str, until: float, duration: float) -> Any:
    with Client(port, timeout=60) as client:
        return client.json(
            "/busy", "POST", headers={"X-Number": name},
            data=json.dumps([until, duration, "sys.getswitchinterval()"]))


def in_a_queue(client: Client, duration: float) -> list[Any] | None:
    """What two requests that compute so long tell, and those that wait for
    them; None when the machine was too busy to have them wait."""
    def arrived(number: int) -> bool:
        # in the main interpreter, where nobody is busy
        seen: list[str] = client.eval("__import__('test_pools').arrived")
        return f"{duration} {number}" in seen

    until = time.monotonic() + duration
    with ThreadPoolExecutor(2 + WAITING) as pool:
        requests = []
        for number in range(2 + WAITING):
            requests.append(pool.submit(
                busy, client.port, f"{duration} {number}",
                until if number < 2 else 0, 0.1))
            wait_until(lambda wanted=number: arrived(wanted), 30)
            # from there into the queue is a matter of microseconds, when the
            # machine has a core for it
            there = time.monotonic()
            wait_until(lambda start=there: time.monotonic() > start + 0.05)
        in_time = time.monotonic() < until
        answers = [one.result() for one in requests]
    return answers if in_time else None


def test_in_order(client: Client) -> None:
    """Those that find all busy are served in the order they came in, and no
    instance is idle meanwhile."""
    answers = (in_a_queue(client, 1.5) or in_a_queue(client, 5)
               or in_a_queue(client, 15))
    assert answers, "this machine is too busy"
    assert {one[0] for one in answers[:2]} == {0, 1}
    assert {one[2] for one in answers} == {60.0}
    waited = answers[2:]
    starts = [one[3] for one in waited]
    # two that were let in at the same time need not begin in their order
    early = [later for place, one in enumerate(starts)
             for later in starts[place:] if one > later + 0.05]
    assert len(early) <= 1, starts
    assert {one[0] for one in waited} == {0, 1}
    parallel = [one for one, after in pairwise(waited)
                if after[3] < one[4]]
    assert len(parallel) >= WAITING // 2


def test_none_waits_for_those_that_sleep(client: Client) -> None:
    """They have given their GIL away."""
    def sleeps(number: int) -> Any:
        with Client(client.port) as own:
            return own.json("/sleeps")

    with ThreadPoolExecutor(WAITING) as pool:
        answers = list(pool.map(sleeps, range(WAITING)))
    assert max(began for began, _ in answers) < min(
        ended for _, ended in answers)
