"""The public profile of a user."""

from dataclasses import dataclass

from app.domain.ids import UserId
from app.domain.wire import WireValue


@dataclass(frozen=True, slots=True)
class User(WireValue):
    """The fields of a user that other users may see. The e-mail address is not one of them."""

    id: UserId
    name: str
    image_url: str | None = None

    def to_wire(self) -> dict[str, object]:
        """``{id, name, imageUrl}``."""
        return {"id": self.id, "name": self.name, "imageUrl": self.image_url}
