"""Everything a person does with pairs is one call, and the page of a pair alone says where its hedges fail."""

import json
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from controller.commands_pairs import register
from controller.discovery.cache import Cached, DiscoveryCache
from controller.model import EventId, Pair
from controller.pairs.desk import Desk, PairRefused
from controller.pairs.finding import alike
from controller.pairs.page import lines_of, to_json
from controller.pairs.sheet import clean, sheet_of_row
from controller.pairs.store import PairStore
from controller.settings import ControllerSettings
from trading.market import KALSHI, POLYMARKET, FeeTerms, Market, MarketId, Outcome
from trading.units import Price, Size, WallNs

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "pairs_dev.jsonl"
NOW = WallNs(1_795_000_000_000_000_000)
OURS = "If Utah wins, it resolves to Yes. If the game is cancelled or rescheduled to over 48 hours away, a fair price is paid."
THEIRS = "If Utah wins, it resolves to Jazz. If postponed, it remains open. If the game is canceled, it will resolve 50-50."
PAIR = Pair(
    id="K:P",
    event=EventId("nba:game"),
    league="nba",
    kind="game_winner",
    description="Utah = Jazz",
    first=MarketId("K"),
    second=MarketId("P"),
    outcome_index=Outcome.NO,
    state="proposed",
    terms="verified",
    starts_at=NOW,
    texts="hash",
)


def market(name, venue, outcomes, rules):
    return Market(
        id=MarketId(name),
        venue=venue,
        event_id="e",
        question="Utah at Golden State",
        outcomes=outcomes,
        grid=((Price(0), Price(10_000), Price(100)),),
        min_size=Size(10_000),
        fees=FeeTerms(schedule="kalshi", taker=1),
        rules=rules,
    )


@pytest.fixture
def settings(tmp_path):
    return ControllerSettings(state_dir=str(tmp_path / "state"), discovery_cache_path=str(tmp_path / "cache.json"))


@pytest.fixture
def desk(settings):
    made = Desk.of(settings)
    keep(made, PAIR)
    return made


def keep(desk, *pairs):
    markets = (market("K", KALSHI, ("Utah", "Utah"), OURS), market("P", POLYMARKET, ("Warriors", "Jazz"), THEIRS))
    desk.cache.save(Cached(source=desk.cache.source, pairs=pairs, markets=markets))


def test_approve_pause_resume_and_reject_by_one_call_each(desk):
    """B-294, B-297, B-300: the pause remembers what it paused."""
    desk.approve("K:P", by="ann", why="read it", now=NOW)
    assert desk.listed()[0].state == "approved"
    desk.pause("K:P", by="bob", why="injury news", now=NOW)
    desk.pause("K:P", by="bob", why="again", now=NOW)
    assert desk.listed(state="paused")
    assert desk.resume("K:P", by="bob", now=NOW) == "approved"
    assert desk.listed()[0].state == "approved"
    desk.reject("K:P", by="ann", why="wrong game", now=NOW)
    assert desk.listed()[0].state == "rejected"
    assert "rejected by ann" in desk.show("K:P").decision


def test_a_pause_of_an_undecided_pair_resumes_to_what_was_found(desk):
    desk.pause("K:P", by="ann", why="", now=NOW)

    assert desk.resume("K:P", by="ann", now=NOW) == "as found"
    assert desk.listed()[0].state == "proposed"
    with pytest.raises(PairRefused, match="is not paused"):
        desk.resume("K:P", by="ann", now=NOW)


def test_texts_in_conflict_are_never_approved_and_silent_ones_only_with_a_reason(desk):
    """Execution.md 6: blocked is blocked; unknown needs somebody who says how they know."""
    keep(desk, msgspec.structs.replace(PAIR, terms="conflict", doubts=("another day",)))
    with pytest.raises(PairRefused, match="another day"):
        desk.approve("K:P", by="ann", why="I insist", now=NOW)
    keep(desk, msgspec.structs.replace(PAIR, terms="unverified"))
    with pytest.raises(PairRefused, match="--why"):
        desk.approve("K:P", by="ann", why="", now=NOW)

    assert desk.approve("K:P", by="ann", why="asked the venue", now=NOW).state == "approved"


def test_export_and_import_carry_decisions_and_the_later_one_stands(desk, tmp_path):
    desk.approve("K:P", by="ann", why="", now=NOW)
    desk.add_template("nba", "game_winner", by="ann", why="", now=NOW)
    carried = json.loads(json.dumps(desk.export()))
    other = Desk(PairStore(tmp_path / "other"), desk.cache)
    other.reject("K:P", by="bob", why="", now=WallNs(NOW + 1))

    assert other.bring_in(carried) == (0, 1)
    assert other.store.load().pairs["K:P"].by == "bob"
    assert Desk(PairStore(tmp_path / "third"), desk.cache).bring_in(carried) == (1, 1)


@pytest.mark.parametrize("bad", [{"pairs": 5}, {"pairs": {"a": {}}}, {"schema": 2}, {"templates": [{}]}])
def test_what_is_no_export_is_refused_whole(desk, bad):
    with pytest.raises(PairRefused):
        desk.bring_in(bad)
    assert desk.store.load().pairs == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"structural": True}, "or by the template nba/game_winner"),
        ({}, "no template covers it: a start or a name was inferred"),
        ({"terms": "unverified"}, "--why"),
        ({"terms": "conflict"}, "never"),
        ({"texts": "another"}, "sent back to review"),
    ],
)
def test_the_page_says_what_it_takes_to_trade(desk, change, says):
    """B-056, B-294: by a person, by a template and which, or never."""
    if "texts" in change:
        desk.reject("K:P", by="ann", why="", now=NOW)
    keep(desk, msgspec.structs.replace(PAIR, **change))

    assert says in desk.show("K:P").approval


def test_a_template_needs_a_league_that_exists(desk):
    with pytest.raises(PairRefused, match="unknown league"):
        desk.add_template("nbaa", "game_winner", by="ann", why="", now=NOW)
    desk.add_template("nba", "game_winner", by="ann", why="", now=NOW)

    assert desk.drop_template("nba", "game_winner") is True
    assert desk.drop_template("nba", "game_winner") is False


def test_the_page_names_for_each_hedge_the_outcomes_in_which_it_fails(desk):
    """Somebody who knows nothing reads which two orders a hedge is, and when it pays less than a dollar."""
    text = "\n".join(lines_of(desk.show("K:P")))

    first, second = text.split("Hedge 2: ")
    assert "Hedge 1: buy 'Utah' in \"Utah at Golden State\" on Kalshi and 'Warriors' in" in first
    assert second.startswith("buy 'not Utah' in \"Utah at Golden State\" on Kalshi and 'Jazz' in")
    assert "1. postponed beyond 48 hours: BOTH LEGS LOSE" in first
    assert "Kalshi pays 'Utah' little before the game is played, and then 'Jazz' wins on Polymarket." in first
    assert "Kalshi pays 'Utah' much before the game is played, and then 'Jazz' loses on Polymarket." in second
    assert "At worst 'Utah' pays $0.00 on Kalshi and 'Warriors' pays $0.50 on Polymarket: together $0.50, $0.50 lost." in first
    assert "cancelled: up to $1.50." in first


@pytest.mark.skipif(not DATA.exists(), reason="the recorded data stands beside the checkout and is absent here")
def test_each_hedge_of_every_recorded_pair_has_two_failing_outcomes_on_its_page():
    """Recorded rows have one text or none: what is unknown is named as an outcome, never passed over."""
    for line in DATA.read_text().splitlines():
        row = json.loads(line)
        sheet = sheet_of_row({name: row[name] for name in ("pair_id", "kalshi", "polymarket")})
        text = lines_of(sheet)
        assert len(sheet.fails) >= 2, row["pair_id"]
        assert sum(one.startswith(("  1. ", "  2. ")) for one in text) == 4
        assert all(len(hedge["fails"]) >= 2 for hedge in to_json(sheet)["hedges"])


def test_a_recorded_rows_page_does_not_claim_which_outcomes_are_the_same():
    """Nobody proved the polarity of a bare row: the page says that its hedges may be bets."""
    row = {"pair_id": "x", "kalshi": {"yes_sub_title": "Utah"}, "polymarket": {"outcomes": ["Warriors", "Jazz"]}}
    unproven, proven = "\n".join(lines_of(sheet_of_row(row))), "\n".join(lines_of(sheet_of_row(row, outcome_index=1)))

    assert "not proven" in unproven
    assert "not proven" not in proven
    assert "Hedge 1: buy 'Utah' in \"?\" on Kalshi and 'Warriors' in \"?\" on Polymarket." in proven


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"pair_id": 5, "kalshi": None, "polymarket": "x"},
        {"kalshi": {"ticker": 5, "title": ["a"]}, "polymarket": {"outcomes": "Yes", "description": {"a": 1}}},
        {
            "kalshi": {"rules_primary": "If || X ||", "yes_sub_title": "\x1b[31mred"},
            "polymarket": {"description": "a" * 100_000},
        },
    ],
)
def test_a_row_of_any_shape_has_a_page_with_a_reason(row):
    """No crash, no escape sequences, class C."""
    sheet = sheet_of_row(row)

    assert sheet.settlement.grade == "C"
    assert "\x1b" not in "".join(lines_of(sheet))


def test_venue_text_is_cut_and_cleaned_for_a_terminal():
    assert clean("a\x1b[31m\u202eb\r\n") == "a[31mb\n"
    assert len(clean("x" * 100_000)) == 300


def test_likeness_of_titles_ignores_the_order_of_words():
    assert alike("Utah at Golden State", "Golden State at Utah") == 100
    assert alike("Utah at Golden State", "Bitcoin above 100k") < 50


@pytest.fixture
def run(settings, desk):
    app = typer.Typer()
    register(app, lambda state_dir: settings)

    def call(*words):
        return CliRunner().invoke(app, ["pairs", *words])

    return call


def test_commands_decide_and_list_as_json(run, tmp_path):
    """The ticker and the condition id name a pair, as in /approve_pair (B-294)."""
    assert run("approve", "K", "P", "--by", "ann").exit_code == 0
    rows = json.loads(run("list", "--json").stdout)

    assert [(row["pair_id"], row["state"]) for row in rows["pairs"]] == [("K:P", "approved")]
    assert run("pause", "K:P").exit_code == 0
    assert "approved" in run("resume", "K:P").stdout
    assert json.loads(run("show", "K:P", "--json").stdout)["class"] == "B"
    saved = tmp_path / "saved.json"
    saved.write_text(run("export").stdout)
    assert "0 decisions" in run("import", str(saved)).stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nothing"), 1),
        (("approve", "nothing"), 1),
        (("approve",), 2),
        (("approve", "--template", "nba"), 2),
        (("resume", "K:P"), 1),
        (("import", "/nowhere"), 1),
        (("show", "x", "--file", "/nowhere"), 1),
    ],
)
def test_a_command_that_cannot_be_done_says_so_in_one_line(run, words, code):
    result = run(*words)

    assert result.exit_code == code
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


def test_a_corrupt_file_of_decisions_is_named_by_list(run, settings, desk):
    desk.store.path.parent.mkdir(parents=True)
    desk.store.path.write_text("{")
    result = run("list")

    assert result.exit_code == 1
    assert "no pair is approved" in result.stderr


def test_the_cache_of_other_hosts_is_not_this_desks(settings, tmp_path):
    """A simulator's pairs are no pairs of the real venues."""
    DiscoveryCache(Path(settings.discovery_cache_path), source="elsewhere").save(Cached(source="elsewhere", pairs=(PAIR,)))

    assert Desk.of(settings).listed() == []


def test_a_page_shows_whole_ids_and_invents_no_side_of_a_market():
    """The ids are copied from the page into `pairs approve`; a title that names both teams is not what YES means."""
    condition = "0x" + "5f" * 32
    row = {
        "pair_id": "x",
        "kalshi": {"ticker": "KXEPLGAME-26MAY13MCICRY-CRY", "title": "Manchester City vs Crystal Palace Winner?" * 2},
        "polymarket": {"condition_id": condition, "question": "Will Crystal Palace FC win?"},
    }
    text = "\n".join(lines_of(sheet_of_row(row, outcome_index=0)))

    assert condition in text
    assert "YES here: 'Yes' to \"Manchester City" in text
    assert 'Winner?" (CRY)' in text
    assert "'No' to \"Will Crystal Palace FC win?\" on Polymarket" in " ".join(text.split())
