"""How posts are held up while the webhook is away."""

from __future__ import annotations

import asyncio

from falcoport.delivery.pacing import STREAK, Gate, Pacer, Pauses

AT_ONCE = Pauses(first=0.0, longest=0.0)
NEVER = Pauses(first=3600, longest=3600)


def test_an_open_gate_lets_everything_through() -> None:
    async def run() -> bool:
        return await Gate(NEVER).enter(0)

    assert asyncio.run(run()) is False


def test_one_failure_of_one_alert_does_not_shut_it_but_a_streak_does() -> None:
    async def run() -> list[bool]:
        gate, states = Gate(NEVER), []
        for _ in range(STREAK):
            gate.fail("status 500")
            states.append(gate.is_open)
        gate.close()
        return states

    assert asyncio.run(run()) == [True] * (STREAK - 1) + [False]


def test_a_failure_that_all_share_shuts_it_at_once() -> None:
    async def run() -> str:
        gate = Gate(NEVER)
        gate.fail("status 503", shared=True)
        gate.close()
        return gate.reason

    assert asyncio.run(run()) == "status 503"


def test_the_alert_with_the_fewest_failures_tries_first_and_success_lets_all_go() -> None:
    async def run() -> list[tuple[str, bool]]:
        gate, order = Gate(AT_ONCE), []
        gate.fail("status 503", shared=True)

        async def post(name: str, failures: int) -> None:
            tries = await gate.enter(failures)
            order.append((name, tries))
            gate.succeed()

        # The pause ends only after all three wait.
        await asyncio.gather(post("poison", 9), post("fresh", 0), post("old", 1))
        return order

    order = asyncio.run(run())
    assert order[0] == ("fresh", True)
    assert dict(order[1:]) == {"poison": False, "old": False}


def test_a_try_that_fails_is_followed_by_another_after_a_pause() -> None:
    async def run() -> int:
        gate, tries = Gate(AT_ONCE), 0
        gate.fail("status 503", shared=True)
        while tries < 5:
            assert await gate.enter(tries)
            tries += 1
            gate.fail("status 503", shared=True)
        gate.close()
        return tries

    assert asyncio.run(run()) == 5


def test_pauses_grow_to_the_longest() -> None:
    pauses = Pauses(first=1, longest=8)
    found = [pauses.after(failures) for failures in (1, 2, 3, 4, 5, 1000)]
    wanted = (1, 2, 4, 8, 8, 8)
    for seconds, pause in zip(found, wanted, strict=True):
        assert 0.8 * pause <= seconds <= 1.2 * pause


def test_a_rate_spaces_posts_evenly() -> None:
    async def run() -> float:
        loop, pacer = asyncio.get_running_loop(), Pacer(100)
        started = loop.time()
        for _ in range(11):
            await pacer.turn()
        return loop.time() - started

    assert asyncio.run(run()) >= 0.1
