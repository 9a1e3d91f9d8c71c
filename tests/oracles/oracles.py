"""Compares verdicts: ours, which a built `tests/tools/verdicts.rs` prints, with those of websockets and wsproto."""

import argparse
import collections
import dataclasses
import json
import logging
import subprocess
import sys

from corpus import Case, cases
from peers import Verdict, Websockets, Wsproto, parse_frames
from rows import ROWS, differences

FAILURES = {"InvalidText": 1007, "InvalidCloseReason": 1007, "FrameTooLarge": 1009, "MessageTooLarge": 1009}
MAX_REPAIRS = 16


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def verdict(self, case):
        self.process.stdin.write(case.line() + "\n")
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"oracles: no answer for: {case.line()}")
        answer = json.loads(answer)
        violation = answer.pop("violation")
        answer["sent"] = parse_frames(bytes.fromhex(answer["sent"]))
        answer["reason"] = bytes.fromhex(answer["reason"])
        verdict = Verdict(**answer)
        verdict.violation = violation
        if violation:
            verdict.failure = FAILURES.get(violation.split(" ")[0], 1002)
        return verdict


def theirs(oracle, case):
    """Feeds the bytes one by one, so that nothing behind a message is read before the message."""
    endpoint = oracle(case.role, case.state)
    for at in range(len(case.wire)):
        endpoint.receive(case.wire[at : at + 1])
    return endpoint.finish()


def compare(ours, oracle, case, used):
    """Returns the failure, or None."""
    wanted = case
    for _ in range(MAX_REPAIRS):
        one, other = ours.verdict(wanted), theirs(oracle, wanted)
        names = differences(one, other)
        if not names:
            return None
        for row in ROWS[oracle.name]:
            allowed = row(wanted, one, other)
            if allowed is not None:
                used[oracle.name, row.__name__] += 1
                break
        else:
            return report(case, wanted, oracle, names, one, other)
        if allowed is True:
            return None
        wanted = dataclasses.replace(wanted, wire=allowed)
    return f"case {case.number}: they differ however often it is repaired\n  {case.line()}"


def report(case, wanted, oracle, names, one, other):
    lines = [f"case {case.number}: {', '.join(names)} differ from {oracle.name}", f"  {case.line()}"]
    if wanted != case:
        lines.append(f"  as {wanted.line()}")
    lines += [f"  ours:   {vars(one)}", f"  theirs: {vars(other)}"]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verdicts", help="the built example")
    parser.add_argument("--seed", default="6455")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--case", help="compare one line, as it is printed, instead of generated cases")
    args = parser.parse_args()
    # The verdict reports a violation, so the log need not.
    logging.disable()

    ours, used, wrong = Ours(args.verdicts), collections.Counter(), []
    if args.case:
        role, state, *digits = args.case.split()
        chosen = [Case(0, role, state, bytes.fromhex("".join(digits)))]
    else:
        chosen = list(cases(args.seed, args.count))
        print(f"{args.count} cases of seed {args.seed}")
    for case in chosen:
        for oracle in (Websockets, Wsproto):
            wrong += filter(None, [compare(ours, oracle, case, used)])
    for message in wrong[:10]:
        print(message)
    for name, rows in ROWS.items():
        for row in rows:
            count = used[name, row.__name__]
            print(f"{name:10} {row.__name__:16} {count:5}")
            if count == 0 and not args.case:
                wrong.append(row.__name__)
                print(f"  no case needs this row: it is to be removed, or the cases are too few")
    print(f"{len(wrong)} unlisted differences" if wrong else "no unlisted difference")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
