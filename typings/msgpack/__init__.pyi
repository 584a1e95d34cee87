from collections.abc import Callable
from typing import Any

class UnpackException(Exception): ...

class ExtType:
    def __init__(self, code: int, data: bytes) -> None: ...

def packb(
    o: Any,
    *,
    default: Callable[[Any], Any] | None = ...,
    datetime: bool = ...,
    unicode_errors: str = ...,
) -> bytes: ...
def unpackb(
    packed: bytes,
    *,
    strict_map_key: bool = ...,
    timestamp: int = ...,
    ext_hook: Callable[[int, bytes], Any] = ...,
    unicode_errors: str = ...,
) -> Any: ...
