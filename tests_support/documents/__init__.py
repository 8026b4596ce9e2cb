"""What the documents tell a user to type: read, parsed by the programs' own command lines, and run on a live stack."""
