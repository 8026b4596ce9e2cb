#!/bin/sh
# Takes what is of no use at run time out of installed packages, for the images: slim.sh FOLDER. About a sixth of it goes.
set -eu
cd "$1"
# Tests, headers, stubs, sources of what is compiled, maps of scripts.
find . -depth -type d '(' -name tests -o -name include ')' -exec rm -rf {} +
find . -type f '(' -name '*.pyi' -o -name '*.px[di]' -o -name '*.pyx' -o -name '*.[ach]' -o -name '*.map' ')' -delete
# Names and addresses of the world, of which Litestar's example makers load the English ones alone.
find . -depth -type d -path '*/faker/providers/*/*_*' ! -name 'en_US' ! -name '__pycache__' -exec rm -rf {} +
# Arrow over the network: exports are written to files.
find . -type f '(' -name '*arrow*flight*' -o -name '_flight.*' -o -name 'libarrow_s3.*' -o -name '_s3fs.*' ')' -delete
