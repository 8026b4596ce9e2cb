"""What gRPC's library writes into the log is judged by its text, whatever object it wrote."""

import logging

import pytest

from producer.shell.grpc_server import _no_strangers_doing, _no_task_of_the_library


@pytest.mark.parametrize("message", [ValueError("Task exception was never retrieved"), None, b"bytes", 7, ["list"]])
def test_a_message_that_is_no_text_is_logged(message: object) -> None:
    """A message may be any object: one that is not a text is judged as its text, and ends no logging."""
    record = logging.LogRecord("asyncio", logging.ERROR, "f.py", 1, message, None, None)
    assert _no_task_of_the_library(record)
    assert _no_strangers_doing(record)


def test_the_librarys_own_task_is_kept_out_of_the_log() -> None:
    """That gRPC's own task failed by what ended the server is not logged, and that one of ours failed is."""
    told = "Task exception was never retrieved\nfuture: <Task finished name='Task-1' coro=<{}>>"
    for coroutine, is_logged in (("<coroutine without __name__>", False), ("GrpcServer._listen_again()", True)):
        record = logging.LogRecord("asyncio", logging.ERROR, "f.py", 1, told.format(coroutine), None, None)
        assert _no_task_of_the_library(record) is is_logged
