"""Account rows cross the link unchanged, and those of an older trader are still read."""

from trading.link.convert import page_of, page_rows
from trading.link.messages import AccountPageMessage
from trading.market import MarketId
from trading.units import Money, Size, WallNs
from trading.venue import AccountPage, AccountQuery, Settlement


def test_a_settlement_crosses_with_and_without_its_count() -> None:
    """Four columns, as an older trader sends them, mean a payout whose count was not told."""
    rows = tuple(
        Settlement(market=MarketId("KXA"), payout=Money(1), revenue=Money(2), at=WallNs(3), held=held, paid=paid)
        for held, paid in ((Size(-4), True), (None, False), (None, True))
    )
    told = page_rows(AccountQuery(what="settlements"), AccountPage(settlements=rows))

    page = page_of(AccountPageMessage(request=1, what="settlements", rows=tuple(told)))
    older = page_of(AccountPageMessage(request=1, what="settlements", rows=(told[2][:4],)))

    assert page.settlements == rows
    assert older.settlements == rows[2:]
