"""What an engine changes in the machine's network and control groups, and how that is taken back.

docker0 and the bridges of compose, the rules and chains of iptables, ``ip_forward``, the policy of FORWARD, and empty
control groups stay behind a dockerd that ended. The rules of others are left alone: only what is new since ``look``
and Docker's by its words goes.
"""

import contextlib
import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TABLES: Final = ("nat", "filter", "mangle", "raw")
_LINKS: Final = Path("/sys/class/net")
_IP_FORWARD: Final = Path("/proc/sys/net/ipv4/ip_forward")
_CGROUPS: Final = Path("/sys/fs/cgroup")
_OF_DOCKER: Final = re.compile(r"\bDOCKER|\bdocker0\b|\bbr-[0-9a-f]{12}\b|\b172\.(1[6-9]|2\d|3[01])\.")
_LINK_OF_DOCKER: Final = re.compile(r"docker0|br-[0-9a-f]{12}|veth[0-9a-f]{7}")


@dataclass(frozen=True)
class Host:
    """How the machine was before the engine."""

    engine: Path  # the folder whose iptables and nft are asked
    links: frozenset[str]
    rules: frozenset[str]
    policies: dict[str, str]  # of FORWARD by table
    nft_tables: frozenset[str]
    ip_forward: str

    @property
    def is_taken(self) -> bool:
        """Tell whether another Docker has its bridge or its chains here."""
        return any(re.search(r"\bDOCKER", rule) for rule in self.rules) or "docker0" in self.links

    def restore(self) -> None:
        """Take back what the engine changed; call it after dockerd ended."""
        for link in _links() - self.links:
            if _LINK_OF_DOCKER.fullmatch(link):
                _run(self.engine, "ip", "link", "delete", link)
        for table in _TABLES:
            self._restore_table(table)
        for table in sorted(_nft_tables(self.engine) - self.nft_tables):
            family, name = table.split()
            if name in _TABLES and not any(line.startswith("-A") for line in _saved(self.engine, name)):
                _run(self.engine, "nft", "delete", "table", family, name)
        _IP_FORWARD.write_text(self.ip_forward, encoding="ascii")
        for folder in sorted(_CGROUPS.glob("**/docker"), key=lambda path: -len(path.parts)):
            _remove_empty(folder)

    def _restore_table(self, table: str) -> None:
        saved = _saved(self.engine, table)
        new = [rule for rule in saved if rule.startswith("-A") and rule not in self.rules and _OF_DOCKER.search(rule)]
        for rule in new:
            _run(self.engine, "iptables", "-t", table, "-D", *shlex.split(rule)[1:])
        chains = [line[1:].split()[0] for line in saved if line.startswith(":DOCKER") and line not in self.rules]
        for chain in chains:
            _run(self.engine, "iptables", "-t", table, "-F", chain)
        for chain in chains:
            _run(self.engine, "iptables", "-t", table, "-X", chain)
        if saved and table == "filter":
            _run(self.engine, "iptables", "-P", "FORWARD", self.policies.get(table, "ACCEPT"))


def look(engine: Path) -> Host:
    """Return the machine as it is."""
    saved = {table: _saved(engine, table) for table in _TABLES}
    policies = {}
    for table, lines in saved.items():
        for line in lines:
            if line.startswith(":FORWARD"):
                policies[table] = line.split()[1]
    rules = frozenset(line for lines in saved.values() for line in lines if line.startswith(("-A", ":DOCKER")))
    ip_forward = _IP_FORWARD.read_text(encoding="ascii")
    return Host(engine, frozenset(_links()), rules, policies, frozenset(_nft_tables(engine)), ip_forward)


def _links() -> set[str]:
    return set(os.listdir(_LINKS))


def _saved(engine: Path, table: str) -> list[str]:
    lines = _run(engine, "iptables-save", "-t", table).splitlines()
    return [re.sub(r" \[\d+:\d+\]$", "", line) for line in lines]  # counters of packets say nothing


def _nft_tables(engine: Path) -> set[str]:
    return {line.removeprefix("table ") for line in _run(engine, "nft", "list", "tables").splitlines()}


def _run(engine: Path, *words: str) -> str:
    """Run a program of the engine's folder on this machine's network; "" when it fails."""
    command = ["chroot", str(engine), *words]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False).stdout


def _remove_empty(folder: Path) -> None:
    for below in sorted((path for path in folder.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)):
        with contextlib.suppress(OSError):
            below.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()
