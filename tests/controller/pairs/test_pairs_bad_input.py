"""`pairs` on bad input as a person uses it: one clear line, nothing lost, and no text of a venue commands the terminal."""

import json

import msgspec
import pytest
import typer
from test_pairs_desk import PAIR, keep, market
from test_pairs_rows import ROW
from typer.testing import CliRunner

from controller.commands_pairs import register
from controller.discovery.cache import Alike, Cached
from controller.pairs.desk import Desk
from controller.settings import ControllerSettings
from trading.market import KALSHI, POLYMARKET

ESCAPE = "\x1b[2J\x9b31m\u202e"


@pytest.fixture
def settings(tmp_path):
    return ControllerSettings(state_dir=str(tmp_path / "state"), discovery_cache_path=str(tmp_path / "cache.json"))


@pytest.fixture
def run(settings):
    app = typer.Typer()
    register(app, lambda state_dir: settings)
    return lambda *words: CliRunner().invoke(app, ["pairs", *map(str, words)], color=True)


def write(path, *lines):
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


def with_side(side, **fields):
    return {**ROW, side: {**ROW[side], **fields}}


BAD_ROWS = {
    "template title": with_side("polymarket", question="{{team}} vs. {{other}}"),
    "template rules": with_side("polymarket", description="If {{team}} wins, it resolves to Yes."),
    "empty rules": with_side("kalshi", rules_primary="", rules_secondary=""),
    "foreign rules": with_side("polymarket", description="Если «Рокетс» выиграют, рынок разрешится."),
    "no zone": with_side("polymarket", game_start_time="2026-01-12 02:00:00"),
    "contradicting days": with_side("polymarket", event_date="2026-01-15"),
    "contradicting types": with_side("polymarket", sports_market_type="totals"),
    "100,000 characters": with_side("polymarket", description="If the Rockets win, it resolves to Rockets. " * 2_500),
    "escapes in a title": with_side("kalshi", title=f"Houston at Sacramento Winner?{ESCAPE}"),
    "escapes in rules": with_side("polymarket", description=f"If the Rockets win, it resolves to Yes.{ESCAPE}"),
    "half a character": with_side("polymarket", question="Rockets vs. Kings \ud800"),
    "no shape": {"pair_id": "x", "kalshi": {"ticker": [], "title": {}}, "polymarket": {"outcomes": 5, "question": []}},
    "no sides": {"pair_id": "x"},
}


@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_matches_nothing_and_says_why_in_match_and_show(run, tmp_path, row):
    """As text and as JSON, without an escape."""
    file = write(tmp_path / "rows.jsonl", row)
    text, answer = run("match", file), json.loads(run("match", file, "--json").stdout)
    page, sheet = run("show", "x", "--file", file), json.loads(run("show", "x", "--file", file, "--json").stdout)

    assert (answer["match"], answer["outcome_index"]) == (False, None)
    assert answer["reasons"][0]
    assert "no match" in text.stdout
    assert sheet["doubts"] == [f"no match: {' '.join(reason.split())}"[:300] for reason in answer["reasons"]]
    assert sheet["polarity_proven"] is False
    assert "doubt: no match: " in page.stdout
    assert not set(ESCAPE) & {"\x1b", "\x9b", "\u202e"} & set(text.stdout + page.stdout)


def test_rows_of_one_id_that_differ_match_nothing_and_the_same_row_twice_does(run, tmp_path):
    """An answer by that id could be taken for the other row's."""
    other = with_side("polymarket", outcomes=["Kings", "Rockets"])
    file = write(tmp_path / "rows.jsonl", ROW, other, {**ROW, "pair_id": "y"}, {**ROW, "pair_id": "y"})
    answers = [json.loads(line) for line in run("match", file, "--json").stdout.splitlines()]

    assert [answer["match"] for answer in answers] == [False, False, True, True]
    assert "duplicate_id" in answers[0]["reasons"][0]
    assert "doubt: duplicate id: 2 rows" in run("show", "x", "--file", file).stdout


def test_half_a_line_loses_no_other_row(run, tmp_path):
    """A file that was cut while it was written: every whole row is answered, the cut one is named, the exit code tells."""
    file = write(tmp_path / "rows.jsonl", ROW, '{"pair_id": "cut", "kal\n', {**ROW, "pair_id": "z"}, '{"pair_id":')
    found = run("match", file, "--json")
    answers = [json.loads(line) for line in found.stdout.splitlines()]

    assert [(answer["pair_id"], answer["match"]) for answer in answers] == [
        ("x", True),
        (None, False),
        ("z", True),
        (None, False),
    ]
    assert found.exit_code == 1
    assert found.stderr.count("\n") == 1
    assert ":2 is no JSON object" in found.stderr
    assert "1 more line" in found.stderr
    assert json.loads(run("show", "z", "--file", file, "--json").stdout)["polarity_proven"] is True


def test_venue_text_in_list_find_and_show_is_no_command_to_the_terminal(run, settings, monkeypatch):
    """Names, titles and doubts come from outside: no escape, and no line break that could pass for a line of ours."""
    desk = Desk.of(settings)
    evil = f"Utah{ESCAPE}\nK:P approved"
    pair = msgspec.structs.replace(PAIR, description=evil, doubts=(evil,))
    sides = (market("K", KALSHI, (evil, evil), evil), market("P", POLYMARKET, ("Warriors", evil), evil))
    first, second = (msgspec.structs.replace(side, question=evil) for side in sides)
    alike = Alike(league="nba", similarity=80, first=msgspec.structs.replace(first, id="A"), second=second)
    desk.cache.save(Cached(source=desk.cache.source, pairs=(pair,), markets=(first, second), alike=(alike,)))

    async def found(settings):
        return [(90, pair)], [alike], []

    monkeypatch.setattr("controller.pairs.finding.find_proposed", found)
    shown = [run("list"), run("find"), run("show", "K:P"), run("show", "A:P")]

    for result in shown:
        assert result.exit_code == 0
        assert not {"\x1b", "\x9b", "\u202e"} & set(result.stdout)
        assert not [line for line in result.stdout.splitlines() if line.startswith("K:P approved")]
    for words in (("list", "--json"), ("find", "--json"), ("show", "K:P", "--json")):
        assert json.loads(run(*words).stdout)["schema"] == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("approve", "K:P", "--drop"), 2, "--drop takes a template back"),
        (("list", "--state", "bogus"), 2, "one of proposed, approved"),
        (("show", "a", "b", "c"), 2, "name one pair"),
        (("resume", "nobody"), 1, "is not paused"),
        (("pause", "nobody"), 1, "no pair 'nobody'"),
        (("reject", f"x{ESCAPE}\ny"), 1, "no pair 'x"),
        (("import", "{tmp}/deep.json"), 1, "is no JSON"),
        (("import", "{tmp}/list.json"), 1, "no export of pairs"),
        (("import", "{tmp}/binary"), 1, "cannot be read"),
        (("import", "{tmp}"), 1, "cannot be read"),
        (("match", "{tmp}"), 1, "Is a directory"),
        (("show", "x", "--file", "{tmp}/nothing"), 1, "No such file"),
        (("score", "{tmp}/list.json"), 1, "is no JSON object"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_changes_nothing(run, settings, tmp_path, words, code, says):
    desk = Desk.of(settings)
    keep(desk, PAIR)
    desk.pause("K:P", by="ann", why="", now=PAIR.starts_at)
    before = desk.store.path.read_bytes()
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    result = run(*(word.replace("{tmp}", str(tmp_path)) for word in words))

    assert result.exit_code == code
    assert result.stderr.startswith("error: ")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert not {"\x1b", "\x9b"} & set(result.stderr)
    assert desk.store.path.read_bytes() == before


def test_a_template_says_what_it_covers_and_names_a_type_that_no_pair_has(run, settings):
    """A misspelt type would wait for ever."""
    keep(Desk.of(settings), msgspec.structs.replace(PAIR, structural=True))
    good, bad = run("approve", "--template", "nba/game_winner"), run("approve", "--template", "nba/winer")

    assert "1 of those known now" in good.stdout
    assert good.stderr == ""
    assert "there are: game_winner" in bad.stderr


def test_a_user_without_a_name_may_decide(run, settings, monkeypatch):
    """A container's user id need not be known to it."""

    def nobody():
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    keep(Desk.of(settings), PAIR)

    assert run("reject", "K:P").exit_code == 0
    assert Desk.of(settings).store.load().pairs["K:P"].by.startswith("uid ")


def test_nothing_is_said_of_discovery_when_only_the_filter_found_nothing(run, settings):
    keep(Desk.of(settings), PAIR)

    assert "none of the 1 known pairs" in run("list", "--state", "rejected").stdout


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_find_fails_when_a_venue_could_not_be_read(run, monkeypatch, flags):
    """B-071: an empty list because nobody answered is no answer; what earlier discoveries found is listed all the same."""

    async def found(settings):
        return [(90, PAIR)], [], ["kalshi cannot be reached (57 reads failed)"]

    monkeypatch.setattr("controller.pairs.finding.find_proposed", found)
    result = run("find", *flags)

    assert result.exit_code == 1
    assert "K:P" in result.stdout
    assert "error: kalshi cannot be reached" in result.stderr
