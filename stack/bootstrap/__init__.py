"""What `./justw` runs: makes the tools and the environment when they are missing, then becomes ``just``.

Only the standard library, because nothing else is there yet, and imports relative to this package: it is run by path
with ``python -I``, when the package that it stands in cannot be imported. Theory of operation: everything is named by
what it is made of. The tools live in ``CACHE/tools-HASH`` (HASH of requirements/tools.txt and the platform) and appear
by a rename. The environment is ``.venv``; a stamp in it, written last, holds the digest of all that it was made from,
so a start that finds the right stamp does nothing and needs no network, and one that was interrupted is simply done
again. A lock file makes two starts at once take turns.
"""
