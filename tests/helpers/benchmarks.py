"""Benchmarks as Snakemake writes them."""

from pathlib import Path

COLUMNS = "s\th:m:s\tmax_rss\tcpu_time\tthreads\trule_name\tparams\tresources\tinput_size_mb\n"
CPU, GPU = "{'tmpdir': '/tmp', '_cores': 1}", "{'gpu': 0, 'device': 'cpu', 'devices': 1}"


def write_benchmark(
    run: Path,
    name: str,
    *,
    seconds: object,
    measured: object,
    rule: str,
    threads: int = 2,
    resources: str = CPU,
    sizes: str = "{}",
) -> None:
    """Write the benchmark of a job; `measured` is its memory in MiB and its processor time in seconds, or NA."""
    path = run / "benchmarks" / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = """{'settings': '{"seed":1,"note":"it\\'s"}'}"""
    cells = (seconds, "0:00:01", measured, measured, threads, rule, settings, resources, sizes)
    path.write_text(COLUMNS + "\t".join(map(str, cells)) + "\n")
