"""
Runs the Autobahn test suite (engine.py) and sums up what it found.
Called by run-server and run-client, which see to the installation.
"""

import argparse
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
PASSED, NON_STRICT, FAILED, SKIPPED = "passed", "non-strict", "failed", "skipped"
OURS = re.compile(r"(index|cases|command|spec)\.json|index\.html|log\.txt|.*_case(_[0-9]+)+\.(json|html)")


def verdict(case):
    if case is None:
        return FAILED
    behavior, close = case["behavior"], case["behaviorClose"]
    if case.get("closeProblem"):
        return FAILED
    if close not in ("OK", "INFORMATIONAL"):
        return FAILED
    return {"OK": PASSED, "INFORMATIONAL": PASSED, "NON-STRICT": NON_STRICT,
            "UNIMPLEMENTED": SKIPPED}.get(behavior, FAILED)


def load(path, default=None):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return default


def close_problem(report):
    """What is wrong with the Close that the peer sent in this case, or None. The suite itself accepts a missing code."""
    # 5000 and 65535 stand among the codes of 7.13.*, but nobody may send them
    due = [code for code in report["expectedClose"]["closeCode"] if code < 5000]
    if not due:
        return None
    if "8" not in report["rxFrameStats"]:
        return "no Close frame was received"
    code = report["remoteCloseCode"]
    if code is None:
        # an empty Close is rightly answered with an empty one (7.3.1)
        sent_empty = report["closedByMe"] and report["localCloseCode"] is None and report["localCloseReason"] is None
        return None if sent_empty else "the Close frame had no code, one of %s is due" % due
    return None if code in due else "the close code was %d, one of %s is due" % (code, due)


def run_round(args, url, cases, out, scale):
    """One run of the suite: ({agent: {case: result}}, selected cases, sections, exit status of the command)."""
    os.makedirs(out, exist_ok=True)
    for name in os.listdir(out):
        if OURS.fullmatch(name):
            os.unlink(os.path.join(out, name))
    spec = os.path.join(out, "spec.json")
    with open(spec, "w") as f:
        json.dump({"url": url, "client": args.client, "tls": args.tls, "cases": cases,
                   "exclude": args.exclude if cases is args.cases else [], "out": out, "scale": scale}, f)
    # -bb: comparing bytes with str is an error, not merely false
    status = subprocess.call([sys.executable, "-bb", os.path.join(HERE, "engine.py"), spec] + args.command,
                             env=dict(os.environ, AUTOBAHN_URL=url))
    if status:
        sys.exit("the test suite failed (exit status %d), see %s" % (status, os.path.join(out, "log.txt")))
    selected = load(os.path.join(out, "cases.json"))
    results = load(os.path.join(out, "index.json"), {})
    for agent in results.values():
        for case in agent.values():
            case["folder"] = out
            if args.close_codes:
                case["closeProblem"] = close_problem(load(os.path.join(out, case["reportfile"])))
    return results, selected["cases"], selected["sections"], load(os.path.join(out, "command.json"), 0)


def describe(case_id, case, width=96):
    detail = load(os.path.join(case["folder"], case["reportfile"]))
    lines = ["%-8s behavior %s, close %s (code %s)" % (
        case_id, case["behavior"], case["behaviorClose"], case["remoteCloseCode"])]
    description = " ".join(detail["description"].split("<br>")[0].replace("<b>", "").replace("</b>", "").split())
    for what in description, detail["result"], detail["resultClose"]:
        lines += textwrap.wrap(what.strip().splitlines()[0], width, initial_indent=" " * 9, subsequent_indent=" " * 9)
    if case.get("closeProblem"):
        lines.append(" " * 9 + case["closeProblem"])
    if "\n" in detail["result"].strip():
        lines.append(" " * 9 + detail["result"].strip().splitlines()[-1])
    return lines


def summary(args, agent, results, selected, sections, retried):
    verdicts = {c: verdict(results.get(c)) for c in selected}
    print("Autobahn test suite, %d cases%s" % (len(selected), ", agent " + agent if agent and args.client else ""))
    for section in sorted({c.split(".")[0] for c in selected}, key=int):
        cases = [c for c in selected if c.split(".")[0] == section]
        counts = [(sum(verdicts[c] == v for c in cases), v) for v in (PASSED, NON_STRICT, FAILED, SKIPPED)]
        seconds = sum(results[c]["duration"] for c in cases if c in results) / 1000
        print("%4s  %-45s %-40s %6.1f s" % (section, sections.get(section, ""),
                                           ", ".join("%d %s" % c for c in counts if c[0]), seconds))
    for v, title in (NON_STRICT, "Non-strict:"), (FAILED, "Failed:"):
        cases = [c for c in selected if verdicts[c] == v]
        if cases:
            print("\n" + title)
            for c in cases:
                if c in results:
                    print("\n".join(describe(c, results[c])))
            missing = [c for c in cases if c not in results]
            if missing:
                why = "the client did not ask for them" if args.client else "is the server running?"
                print(textwrap.fill("not run (%s): %s" % (why, " ".join(missing)), 105))
    flaky = [c for c in retried if verdicts.get(c) in (PASSED, SKIPPED)]
    if flaky:
        print("\nPassed only when run again, with longer timeouts: " + " ".join(flaky))
    print()
    return verdicts


def main():
    parser = argparse.ArgumentParser(prog=os.environ.get("AUTOBAHN_PROG"))
    parser.add_argument("--cases", default="*", metavar="LIST", help="cases to run, like '1.*,2.*,6.4.1' (default: all)")
    parser.add_argument("--exclude", default="", metavar="LIST", help="cases not to run")
    parser.add_argument("--out", metavar="DIR", help="where to put the suite's own reports (default: a temporary folder)")
    parser.add_argument("--strict", action="store_true", help="count non-strict and unimplemented cases as failed")
    parser.add_argument("--close-codes", action="store_true",
                        help="count a case as failed in which the peer sent no Close with one of the expected codes")
    parser.add_argument("--retries", type=int, default=1, metavar="N",
                        help="how often to run failed cases again, with timeouts 4 times as long (default: 1)")
    parser.add_argument("--timeout-scale", type=float, default=1, metavar="F", help="factor for all timeouts of the suite")
    client = os.environ["AUTOBAHN_MODE"] == "client"
    if client:
        parser.add_argument("--port", type=int, default=0, help="port of the fuzzing server (default: any free one)")
        parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), type=os.path.abspath,
                            help="speak TLS with this certificate and its key, in PEM")
        parser.add_argument("command", nargs="+", metavar="COMMAND",
                            help="after --: the client; the server's URL is in the environment variable AUTOBAHN_URL")
    else:
        parser.add_argument("url", help="WebSocket echo server to test, like ws://127.0.0.1:9001")
    args = parser.parse_args()
    args.client = client
    args.cases = [c.strip() for c in args.cases.split(",") if c.strip()]
    args.exclude = [c.strip() for c in args.exclude.split(",") if c.strip()]
    out = os.path.abspath(args.out or tempfile.mkdtemp(prefix="autobahn-"))
    for name in glob.glob(os.path.join(glob.escape(out), "retry-*")):
        if os.path.exists(os.path.join(name, "spec.json")):
            shutil.rmtree(name)

    if client:
        port = args.port
        if not port:
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
        url = "%s://127.0.0.1:%d" % ("wss" if args.tls else "ws", port)
    else:
        url = args.url
        args.command, args.tls = [], None

    agents, selected, sections, status = run_round(args, url, args.cases, out, args.timeout_scale)
    agents = agents or {"": {}}
    retried = {agent: [] for agent in agents}
    for attempt in range(1, args.retries + 1):
        bad = (FAILED, NON_STRICT) if args.strict else (FAILED,)
        again = [c for c in selected if any(verdict(results.get(c)) in bad for results in agents.values())]
        if not again:
            break
        scale = 4 * args.timeout_scale
        new = run_round(args, url, again, os.path.join(out, "retry-%d" % attempt), scale)[0]
        order = [PASSED, SKIPPED, NON_STRICT, FAILED]
        for agent, results in agents.items():
            for c, case in new.get(agent, {}).items():
                if order.index(verdict(case)) < order.index(verdict(results.get(c))):
                    results[c] = case
                    retried[agent].append(c)

    verdicts, close_problems, codes_seen = [], [], 0
    for agent, results in agents.items():
        close_problems += [c for c in selected if c not in results or results[c]["closeProblem"]] if args.close_codes else []
        codes_seen += sum(results[c]["remoteCloseCode"] is not None for c in selected if c in results)
        verdicts += summary(args, agent, results, selected, sections, retried[agent]).values()
    if status:
        print("The command ended with status %d.\n" % status)
    count = {v: verdicts.count(v) for v in (PASSED, NON_STRICT, FAILED, SKIPPED)}
    if args.strict:
        failed, passed, skipped = count[FAILED] + count[NON_STRICT] + count[SKIPPED], count[PASSED], 0
    else:
        failed, passed, skipped = count[FAILED], count[PASSED] + count[NON_STRICT], count[SKIPPED]
    if args.close_codes:
        print("Close codes: seen in %d of %d cases, missing or wrong where one is due: %s" % (
            codes_seen, len(verdicts), " ".join(close_problems) or "none"))
    print("Reports: " + os.path.join(out, "index.html"))
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    sys.exit(1 if failed or status else 0)


main()
