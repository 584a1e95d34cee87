from bench.sending_messages import SendingComparison, Sent


def test_ratio_is_that_of_server_and_database_together() -> None:
    """A ratio is the CPU time of Prisma and its database, divided by that of one of our servers."""
    prisma = Sent(server_us=2_000, database_us=1_000, written_bytes=700, written_rows=2)
    postgres = Sent(server_us=300, database_us=200, written_bytes=900, written_rows=3)
    sqlite = Sent(server_us=1_500, database_us=0, written_bytes=12_000, written_rows=None)

    row = SendingComparison("1 sender", prisma, postgres, sqlite).row()

    cpu = "2,000 + 1,000 | 300 + 200 | 6.00 | 1,500 | 2.00"
    assert f"| 1 sender | {cpu} | 0.7 | 0.9 | 12.0 | 2.0 | 3.0 |" == row
