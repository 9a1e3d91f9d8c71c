"""Checks that print a line "ok - ..." or "not ok - ..." each."""

import asyncio

LIMIT = 20  # seconds for one check, however slow the machine
CHECKS = []


def check(name, is_due=True):
    def add(fun):
        if is_due:
            CHECKS.append((name, fun))
        return fun

    return add


def equal(actual, expected, what="value"):
    if actual != expected:
        raise AssertionError("%s is %.200r, not %.200r" % (what, actual, expected))


async def run(peer):
    for name, fun in CHECKS:
        try:
            await asyncio.wait_for(fun(), LIMIT)
            print("ok - %s: %s" % (peer, name), flush=True)
        except Exception as error:
            what = " ".join(str(error).split())
            print("not ok - %s: %s: %s %s" % (peer, name, type(error).__name__, what), flush=True)
