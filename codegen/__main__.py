"""The command ``codegen``, as people type it: see codegen.cli.

``codegen gen`` is run again and again, mostly with nothing to do. That is told before the command line is loaded, which
takes three times as long as finding out.
"""

import sys

from codegen import settled


def main() -> None:
    """Run the command and exit with its code."""
    if sys.argv[1:] == ["gen"] and settled.is_so(settled.CONTRACTS):
        print(settled.sentence(settled.CONTRACTS))
        sys.exit(0)
    from codegen import cli  # noqa: PLC0415 - see above

    cli.run()


if __name__ == "__main__":
    main()
