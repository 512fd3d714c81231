"""A Slurm of one node on this machine, from Debian's packages, without systemd; only for tests on a machine without
Slurm.

    python tests/helpers/one_node_slurm.py install
    python tests/helpers/one_node_slurm.py start FOLDER
    python tests/helpers/one_node_slurm.py stop FOLDER

Keys, sockets, state and logs are in FOLDER. The configuration must be in /etc/slurm, because jobs do not inherit
SLURM_CONF; `stop` removes it. Needs root. For Slurm the node has two GPUs, which do not exist.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

ETC = Path("/etc/slurm")
OURS = "# Written by a test of hemabalance: a Slurm of one node, removed at the end of the test.\n"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
DAEMONS = ("slurmctld", "slurmd", "munged")
# Memory is measured every second as by cgroups (shared pages count once); a job above its limit is killed.
SLURM = """{ours}
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthInfo=socket={folder}/munge/socket
SlurmUser=root
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=UsePss,OverMemoryKill
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
GRES = "{ours}\nNodeName={host} Name=gpu File=/dev/null\nNodeName={host} Name=gpu File=/dev/zero\n"


class NotHereError(Exception):
    """No Slurm can be started on this machine; the message gives the reason."""


def forbidden() -> str | None:
    """The reason why no Slurm may be started here; None if there is none."""
    if os.geteuid() != 0:
        return "only root can start a Slurm"
    if os.environ.get("SLURM_CONF"):
        return "SLURM_CONF is set: this machine belongs to a cluster"
    for path in (ETC / "slurm.conf", ETC / "gres.conf", Path("/etc/slurm-llnl/slurm.conf")):
        if path.exists() and not path.read_text().startswith(OURS):
            return f"{path} exists: this machine belongs to a cluster"
    running = {process.info["name"] for process in psutil.process_iter(["name"])} & {"slurmctld", "slurmd"}
    return f"{', '.join(sorted(running))} is running" if running else None


def install() -> None:
    """Install missing Debian packages.

    Raises:
        NotHereError: no Slurm may be started here, or the installation fails.
    """
    if reason := forbidden():
        raise NotHereError(reason)
    if not _missing():
        return
    if not shutil.which("apt-get"):
        raise NotHereError(f"{', '.join(_missing())} missing, and no apt-get to install them with")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "slurm-wlm", "munge"]):
        done = subprocess.run(
            ["apt-get", *command], env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            raise NotHereError(f"apt-get {command[0]} failed: {done.stdout.strip()[-300:]}")
    if _missing():
        raise NotHereError(f"{', '.join(_missing())} missing after apt-get install")


def start(folder: Path) -> None:
    """Start munged, slurmctld and slurmd, and wait until the node takes jobs.

    Raises:
        NotHereError: no Slurm may be started here, or the node does not start; no process is left running.
    """
    if reason := forbidden():
        raise NotHereError(reason)
    if _missing():
        raise NotHereError(f"{', '.join(_missing())} missing: python {__file__} install")
    for part in ("munge", "state", "spool"):
        (folder / part).mkdir(parents=True)
    (folder / "munge").chmod(0o755)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    values = {"ours": OURS, "host": socket.gethostname().partition(".")[0], "folder": folder, "ports": _free_ports(2)}
    values["cpus"] = max(8, os.cpu_count() or 1)  # the workflow's rules ask for up to 8
    values["memory"] = max(32000, psutil.virtual_memory().total >> 20)  # and for more memory than they use
    ETC.mkdir(exist_ok=True)
    (ETC / "slurm.conf").write_text(SLURM.format(**values))
    (ETC / "gres.conf").write_text(GRES.format(**values))
    try:
        munge = [f"--{name}={folder}/munge/{name}" for name in ("socket", "log-file", "pid-file", "seed-file")]
        _daemon(folder, "munged", "--foreground", "--force", f"--key-file={key}", *munge)
        _wait(lambda: (folder / "munge" / "socket").exists(), "munged")
        _daemon(folder, "slurmctld", "-D")
        _daemon(folder, "slurmd", "-D")
        _wait(lambda: slurm_output("sinfo", "--noheader", "--format=%T").strip() == "idle", "the node")
    except BaseException:
        stop(folder)
        raise


def stop(folder: Path) -> None:
    """Cancel all jobs, end the daemons, and remove the configuration."""
    if not (ETC / "slurm.conf").exists() or str(folder) not in (ETC / "slurm.conf").read_text():
        return
    if (
        slurm_output("scancel", "--state=RUNNING") is not None
        and slurm_output("scancel", "--state=PENDING") is not None
    ):
        _wait(lambda: not slurm_output("squeue", "--noheader"), "the last job's end", fail=False)
    for name in DAEMONS:
        _end(folder / f"{name}.number")
    for name in ("slurm.conf", "gres.conf"):
        (ETC / name).unlink(missing_ok=True)


def slurm_output(*command: str) -> str:
    """The output of a Slurm command."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def _missing() -> list[str]:
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys([*os.environ["PATH"].split(os.pathsep), "/usr/sbin", "/sbin"]))
    return [program for program in PROGRAMS if not shutil.which(program)]


def _free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def _daemon(folder: Path, name: str, *arguments: str) -> None:
    with (folder / f"{name}.out").open("w") as out:
        daemon = subprocess.Popen(
            [name, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    (folder / f"{name}.number").write_text(str(daemon.pid))


def _end(number: Path) -> None:
    if not number.exists():
        return
    try:
        daemon = psutil.Process(int(number.read_text()))
    except psutil.NoSuchProcess:
        return
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(15)
    except psutil.TimeoutExpired:
        daemon.kill()
        daemon.wait(5)


def _wait(ready, what: str, *, seconds: float = 40, fail: bool = True) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            if fail:
                raise NotHereError(f"{what} did not come up within {seconds:.0f} s")
            return
        time.sleep(0.2)


def main(arguments: list[str]) -> int:
    try:
        if arguments == ["install"]:
            install()
        elif len(arguments) == 2 and arguments[0] in ("start", "stop"):
            {"start": start, "stop": stop}[arguments[0]](Path(arguments[1]).resolve())
        else:
            print(__doc__)
            return 2
    except NotHereError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
