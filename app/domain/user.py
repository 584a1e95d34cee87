"""A user, as others may see one."""

from dataclasses import dataclass

from app.domain.ids import UserId
from app.domain.wire import WireValue


@dataclass(frozen=True, slots=True)
class User(WireValue):
    """The public face of a user: never an e-mail address."""

    id: UserId
    name: str
    image_url: str | None = None

    def to_wire(self) -> dict[str, object]:
        """``{id, name, imageUrl}``."""
        return {"id": self.id, "name": self.name, "imageUrl": self.image_url}
