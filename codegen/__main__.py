"""The command ``codegen``."""

import sys
from pathlib import Path

import click

from codegen import tree
from codegen.errors import CodegenError
from codegen.generate import generated_files, package_of


@click.group()
def main() -> None:
    """Typed Python from Protobuf and Avro contracts."""


@main.command()
@click.option("--contracts", type=click.Path(path_type=Path), default=Path("contracts"))
@click.option("--out", type=click.Path(path_type=Path), default=None)
@click.option("--package", default=None)
def generate(contracts: Path, out: Path | None, package: str | None) -> None:
    """Write the generated code."""
    try:
        folder = out or contracts / "generated"
        files = generated_files(tree.read(contracts), package or package_of(folder, Path.cwd()))
        changed = tree.replace(folder, files)
    except CodegenError as error:
        print(f"codegen: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    print(f"{len(files)} files in {folder}: {len(changed) or 'nothing'} changed")


if __name__ == "__main__":
    main()
