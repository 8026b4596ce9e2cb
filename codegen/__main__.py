"""The command ``codegen``, installed or as ``python -m codegen``: see codegen.cli.

``codegen gen`` is run again and again, mostly with nothing to do. That is told before the command line is loaded, which
takes three times as long as finding out.
"""

import sys

from tally.base.extras import extra_named
from tally.base.shown import terminal


def main() -> None:
    """Run the command and exit with its code."""
    terminal.guard()
    with extra_named("codegen", "codegen"):
        from codegen import settled  # noqa: PLC0415 - its packages may be missing

        if sys.argv[1:] == ["gen"] and settled.is_so(settled.CONTRACTS):
            print(settled.sentence(settled.CONTRACTS))
            sys.exit(0)
        from codegen import cli  # noqa: PLC0415 - see above

        cli.run()


if __name__ == "__main__":
    main()
