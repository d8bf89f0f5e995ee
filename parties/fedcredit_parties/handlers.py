"""Message type to handler: everything that a data holder answers on Flower's lane.

The table is fixed by the installed package. A message of another type is not answered; an error
becomes a refusal that carries the class name only, because what is said on this lane the
coordinator reads.
"""

from collections.abc import Callable

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from fedcredit_parties.data_holder import DataHolder
from fedcredit_parties.errors import FrontUnreachableError, PartyError
from fedcredit_parties.wire import AttemptHeader, Refusal

SUM = "query.sum"
"""Flower message type of an attempt's header."""

Handler = Callable[[Message], Message]


def handlers_of(holder: DataHolder) -> dict[str, Handler]:
    """Return the table of one data holder."""

    def answer_sum(message: Message) -> Message:
        try:
            content = holder.answer(AttemptHeader.from_records(message.content)).to_records()
        except FrontUnreachableError:
            raise  # no answer yet: the message stays owed
        except PartyError as error:
            content = Refusal(error=type(error).__name__).to_records()
        return Message(content, reply_to=message)

    return {SUM: answer_sum}


def client_app(holder: DataHolder) -> ClientApp:
    """Return the same table as a Flower app, for grids that run apps."""
    app = ClientApp()
    for kind, handler in handlers_of(holder).items():
        action = kind.removeprefix("query.")

        @app.query(action)
        def answer(message: Message, context: Context, handler: Handler = handler) -> Message:
            return handler(message)

    return app
