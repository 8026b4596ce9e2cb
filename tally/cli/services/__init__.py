"""The services that commands call: every failure is an error of the command, with its cure."""
