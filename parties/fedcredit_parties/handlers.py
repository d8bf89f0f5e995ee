"""Message type to handler: the only two lines between Flower and a data holder.

The table is fixed by the installed package. A message of another type is not answered; an error
becomes a refusal that carries the class name only, because what is said on this lane the
coordinator reads.
"""

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from fedcredit_ledger.errors import LedgerError
from fedcredit_parties.data_holder import DataHolder
from fedcredit_parties.errors import PartyError
from fedcredit_parties.wire import AttemptHeader, Refusal

SUM = "query.sum"
"""Flower message type of an attempt's header."""


def client_app(holder: DataHolder) -> ClientApp:
    """Return the Flower app that answers for one data holder."""
    app = ClientApp()

    @app.query("sum")
    def answer(message: Message, context: Context) -> Message:
        try:
            content = holder.answer(AttemptHeader.from_records(message.content)).to_records()
        except (PartyError, LedgerError) as error:
            content = Refusal(error=type(error).__name__).to_records()
        return Message(content, reply_to=message)

    return app
