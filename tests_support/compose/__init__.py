"""A Docker engine of the tests' own: Debian's, in a folder of the cache, with stand-ins for the images of others."""
