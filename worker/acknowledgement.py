"""A broker that is found gone in the middle of an acknowledgement: Celery logs it, and listens on to nothing.

With one task a process and no more fetched ahead, a busy worker has no read under way that could fail. So the loss
shows first when the finished task is acknowledged; kombu catches and logs that (`Message.ack_log_error`), the client
closes the connection, and the event loop waits for ever on what is closed.
"""

from celery.worker.request import Request
from kombu.asynchronous import get_event_loop


class WatchedRequest(Request):  # type: ignore[misc]  # Celery is untyped
    """A task on its way through a worker, whose acknowledgement may not fail unnoticed."""

    def acknowledge(self) -> None:
        """Tell the broker that the task is done with; where it does not hear it, connect anew."""
        super().acknowledge()
        self._look_afterwards()

    def reject(self, requeue: bool = False) -> None:
        """Tell the broker that the task is not done; where it does not hear it, connect anew."""
        super().reject(requeue)
        self._look_afterwards()

    def _look_afterwards(self) -> None:
        """Look once the acknowledgement was tried: it waits for the loop's next turn, and the look for the one after.

        What waits for one turn runs in any order, so a look in the same turn may come too early.
        """
        loop = get_event_loop()
        if loop is not None:
            loop.call_soon(loop.call_soon, self._connect_anew_unless_heard)

    def _connect_anew_unless_heard(self) -> None:
        if not self.message.acknowledged:
            # Raised in the event loop: Celery's consumer takes it for what it is, a lost connection.
            raise ConnectionResetError("the broker was gone when a task was acknowledged")
