"""What the command line says is short and searchable."""

from controller.show import brief


def test_many_failed_reads_of_one_venue_are_one_line() -> None:
    """Fifty-seven leagues of an unreachable venue are one fact with one next step."""
    lines = brief(
        [f"kalshi KX{n}GAME: kalshi: unreachable: GET https://x/{n}" for n in range(57)] + ["polymarket events: timeout"]
    )

    assert lines == [
        "kalshi cannot be reached (57 reads failed); check the network and KALSHI_API_BASE",
        "polymarket does not answer in time (1 reads failed); check the network and POLYMARKET_GAMMA_URL",
    ]


def test_other_failures_are_told_as_they_are() -> None:
    assert brief(["kalshi series: bad page", "kalshi series: bad page"]) == ["kalshi series: bad page"]
