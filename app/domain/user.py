"""A user, as others may see one."""

from app.domain.ids import UserId
from app.domain.wire import WireModel


class User(WireModel):
    """The public face of a user: never an e-mail address."""

    id: UserId
    name: str
    image_url: str | None = None
