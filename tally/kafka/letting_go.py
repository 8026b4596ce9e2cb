"""Steps of librdkafka's that wait for a broker without a limit, and how they get one.

Theory of operation. A consumer's ``close``, a commit whose answer is waited for and the end of a producer last as long
as a broker hangs, and no argument limits them. Each is taken in a thread of its own; whoever needs its end waits until
a deadline. A step that is not over by then is left behind together with its client, which nobody uses any more. It does
no harm whenever it ends: the next member of the group, or the next client of the transactional id, fences it.

A consumer lets one thread in at a time (confluent-kafka 2.16), and the thread that polls is inside while a callback
runs. So no step of a consumer may be waited for here from within its callbacks: it would begin after the wait.
docs/decisions/0025-waits-for-kafka.md lists every call that waits, and its limit.
"""

import threading
from collections.abc import Callable

from tally.base.deadline import Deadline


def begun(step: Callable[[], object]) -> threading.Thread:
    """Take a step in a thread of its own, which does not keep the process alive, and wait for nothing."""
    thread = threading.Thread(target=step, name="letting-go", daemon=True)
    thread.start()
    return thread


def ended_by(deadline: Deadline, step: Callable[[], object]) -> bool:
    """Take a step in a thread of its own, wait for its end until the deadline, and tell whether it ended."""
    thread = begun(step)
    thread.join(deadline.left_s())
    return not thread.is_alive()
