from datetime import datetime

class CroniterError(ValueError): ...

class croniter:  # noqa: N801 - the library chose the name
    def __init__(
        self,
        expr_format: str,
        start_time: datetime,
        ret_type: type[datetime],
        *,
        second_at_beginning: bool = ...,
    ) -> None: ...
    def get_next(self) -> datetime: ...
