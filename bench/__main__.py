"""``make bench``: measures our server and its peers under the same load."""

import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from bench.credentials import credentials
from bench.failure import BenchError
from bench.folders import IMAGES, PAGE, RESULTS, WORK
from bench.generator import built_generator
from bench.machine import machine, versions
from bench.measured_servers import PEERS
from bench.measuring import Bench
from bench.picture import draw
from bench.report import report, write_report
from bench.results import Results, load_results, save_results
from bench.servers import Cores
from bench.workloads import WORKLOADS

ONE_CORE = "The server and the load generator share one core, so compare only the CPU figures."


def main(arguments: list[str]) -> None:
    """Measure the servers and print the results. ``docs/performance.md`` shows the last full run.

    Raises:
        BenchError: A program or package is missing, or a server does not start.
    """
    asked = _parse(arguments)
    if asked.draw:
        _show(load_results(RESULTS))
        return
    results = _measure(asked)
    print(f"\n{report(results)}\n")
    whole = set(asked.only) == set(WORKLOADS) and set(asked.peers) == set(PEERS)
    save_results(results, RESULTS if whole else WORK / "results.json")
    if whole:
        _show(results)


def _measure(asked: Namespace) -> Results:
    cores = Cores.of_this_machine()
    if cores.load is None:
        print(ONE_CORE)
    made = credentials()
    bench = Bench(built_generator(made, cores), made, cores, asked.seconds)
    peers = [PEERS[name] for name in asked.peers]
    workloads = [WORKLOADS[name] for name in asked.only]
    samples = tuple(bench.samples(peers, workloads, asked.rounds))
    date = datetime.now(UTC).date().isoformat()
    return Results(date, machine(), versions(), asked.rounds, samples)


def _show(results: Results) -> None:
    write_report(report(results), PAGE)
    (IMAGES / "performance.svg").write_text(draw(results))
    print(f"{PAGE.name} and its picture now show this run.")


def _parse(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="make bench ARGS=...", description=main.__doc__)
    parser.add_argument("--only", type=_names, default=list(WORKLOADS), help="workloads, as a,b")
    parser.add_argument("--peers", type=_names, default=list(PEERS), help="servers, as a,b")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="duration of a workload")
    parser.add_argument("--draw", action="store_true", help="show the saved run without measuring")
    asked = parser.parse_args(arguments)
    for names, known in ((asked.only, WORKLOADS), (asked.peers, PEERS)):
        for name in set(names) - set(known):
            parser.error(f"{name} is not one of {', '.join(known)}")
    return asked


def _names(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BenchError as error:
        sys.exit(str(error))
