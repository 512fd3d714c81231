"""`python -m drill`: inject faults into the workflow, and print a table of the outcomes."""

import argparse
import random
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from drill.faults import all_faults
from drill.faults.fault import Fault
from drill.run_fault import drill
from drill.site import CONFIGS, Site
from drill.table import summary, table
from drill.verdict import FAILED
from helpers.project import ROOT


def main() -> int:
    """Return 0 if no fault ended in a wrong or lost result, else 1."""
    args = _parser().parse_args()
    faults = _select_faults(args.faults, args.only, args.seed)
    outcomes, start = [], time.monotonic()
    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drill-")))
        folder.mkdir(parents=True, exist_ok=True)
        _log("The undisturbed run …")
        site = Site(folder, args.config)
        for number, fault in enumerate(faults, 1):
            _log(f"{number} of {len(faults)}, {fault.kind}: {fault.name} …")
            outcome = drill(site, fault, seed=args.seed + number, report=lambda text: _log(f"    {text}"))
            outcomes.append(outcome)
            _log(f"  {outcome.verdict} ({outcome.seconds:.0f} s) {'; '.join(outcome.wrong) or outcome.skip_reason}")
            _write(args.out, table(outcomes))
    print(table(outcomes))
    _log(f"{summary(outcomes)} {(time.monotonic() - start) / 60:.0f} min; the table is also in {args.out}.")
    return int(any(outcome.verdict == FAILED for outcome in outcomes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drill", description=__doc__)
    parser.add_argument("--config", choices=CONFIGS, default="demo", help="config of the run (default: %(default)s)")
    parser.add_argument("--faults", type=int, metavar="N", help="number of faults, chosen at random (default: all)")
    parser.add_argument("--only", metavar="REGEX", default="", help="only faults whose `kind: name` matches")
    parser.add_argument(
        "--seed", type=int, default=2022, help="seed of times and places of the faults (default: %(default)s)"
    )
    parser.add_argument("--folder", type=Path, help="folder that keeps the undisturbed runs for the next drill")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "drill.md", help="file of the table (default: %(default)s)"
    )
    return parser


def _select_faults(number: int | None, pattern: str, seed: int) -> list[Fault]:
    faults = [fault for fault in all_faults() if re.search(pattern, f"{fault.kind}: {fault.name}")]
    if number is None or number >= len(faults):
        return faults
    selected = set(random.Random(seed).sample(range(len(faults)), number))
    return [fault for k, fault in enumerate(faults) if k in selected]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", "utf-8")


def _log(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
