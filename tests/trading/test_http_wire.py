"""What HTTP/1.1 as bytes promises: any split gives the same answer, a doubtful end gives none, and nothing grows without bound."""

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.errors import Misuse
from trading.http_wire import MalformedAnswer, Response, ResponseParser, origin_lines, render_request

ORIGIN = origin_lines("venue.example")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
quick = settings(deadline=None, max_examples=60)


def read(data: bytes, *, method: str = "GET", step: int = 0) -> tuple[Response | None, ResponseParser]:
    """Feed data in pieces of step bytes, at once where step is 0."""
    parser = ResponseParser(max_body=1000)
    parser.begin(method)
    answer = None
    for at in range(0, len(data), step or len(data)):
        answer = parser.feed(data[at : at + (step or len(data))])
    return answer, parser


def body_of(data: bytes, step: int = 0) -> bytes:
    answer, _ = read(data, step=step)
    assert answer is not None
    return answer.body


# -- requests ----------------------------------------------------------------------------------------------------------------


def test_request_is_one_head_and_body() -> None:
    """Headers in the order given, the length counted, no compression asked for, the target as it was signed."""
    data = render_request("POST", "/a%2Fb?c=1", ORIGIN, {"X-Key": "v"}, b"{}")

    assert data == (
        b"POST /a%2Fb?c=1 HTTP/1.1\r\nHost: venue.example\r\nUser-Agent: tandem\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        b"X-Key: v\r\nContent-Length: 2\r\n\r\n{}"
    )


@pytest.mark.parametrize(
    ("method", "body", "length"), [("GET", None, None), ("DELETE", None, None), ("POST", None, 0), ("DELETE", b"abc", 3)]
)
def test_length_is_stated_where_a_body_is_or_might_be_expected(method: str, body: bytes | None, length: int | None) -> None:
    """RFC 9110 8.6: a POST with nothing in it says 0; a GET says nothing."""
    data = render_request(method, "/", ORIGIN, {}, body)

    assert (f"Content-Length: {length}\r\n".encode() in data) == (length is not None)
    assert (b"Content-Length" in data) == (length is not None)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/", {"X": "a\r\nY: b"}),
        ("/", {"X": "a\nY: b"}),
        ("/", {"X\r\n": "a"}),
        ("/", {"X: a": "b"}),
        ("/", {"": "a"}),
        ("/a b", {}),
        ("/a\r\nX: b", {}),
        ("/é", {}),
        ("/", {"X": "é"}),
        ("/", {"X": "\0"}),
        ("/", {"content-length": "1"}),
        ("/", {"Host": "elsewhere"}),
        ("/", {"Transfer-Encoding": "chunked"}),
    ],
)
def test_request_that_would_not_stay_one_is_misuse(target: str, headers: dict[str, str]) -> None:
    """Nothing a caller passes can begin a second header or request."""
    with pytest.raises(Misuse):
        render_request("GET", target, ORIGIN, headers, None)


# -- answers -----------------------------------------------------------------------------------------------------------------

LENGTH = b"HTTP/1.1 201 Created\r\nX-Name:  Value \r\nDATE:now\r\nx-name: two\r\nContent-Length: 5\r\n\r\nhello"
CHUNKS = CHUNKED + b'5\r\nhello\r\n0A;name="v"\r\n, markets!\r\n0\r\nX-Trailer: 1\r\n\r\n'
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH


@pytest.mark.parametrize("data", [LENGTH, CHUNKS, INTERIM])
@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
def test_answer_does_not_depend_on_how_it_is_cut(data: bytes, step: int) -> None:
    """Byte by byte or at once; interim answers are passed over, chunk extensions and trailers too."""
    answer, parser = read(data, step=step)

    assert answer is not None and answer == read(data)[0]
    assert answer.body == (b"hello, markets!" if data is CHUNKS else b"hello")
    assert parser.reusable and parser.started


def test_header_names_are_lower_case_and_values_joined() -> None:
    """RFC 9110 5.2; white space around a value is not part of it."""
    answer, _ = read(LENGTH)

    assert answer is not None and answer.status == 201
    assert answer.headers == {"x-name": "Value, two", "date": "now", "content-length": "5"}


@quick
@given(data=st.data(), body=st.binary(max_size=300), chunked=st.booleans())
def test_any_split_of_any_body_reads_the_same(data: st.DataObject, body: bytes, chunked: bool) -> None:
    """Two answers in a row on one parser, framed either way, cut anywhere."""
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    if chunked:
        marks = sorted({0, len(body), *data.draw(st.lists(st.integers(0, len(body)), max_size=5))})
        pieces = [body[low:high] for low, high in pairwise(marks)]
        wire = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    cuts = sorted({0, len(wire), *data.draw(st.lists(st.integers(0, len(wire)), max_size=8))})
    parser = ResponseParser()
    for method in ("GET", "POST"):
        parser.begin(method)
        answers = [parser.feed(wire[low:high]) for low, high in pairwise(cuts)]

        assert answers[:-1] == [None] * (len(answers) - 1)
        assert answers[-1] is not None and answers[-1].body == body and parser.reusable


@quick
@given(noise=st.binary(max_size=200), head=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", LENGTH[:40], CHUNKED]))
def test_noise_is_an_answer_or_malformed(noise: bytes, head: bytes) -> None:
    """A decoder of a stranger's bytes raises one kind of error."""
    with contextlib.suppress(MalformedAnswer):
        read(head + noise, step=5)


@pytest.mark.parametrize(
    ("head", "method"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", "DELETE"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "POST"),
    ],
)
def test_answer_without_a_body_ends_with_its_head(head: bytes, method: str) -> None:
    """RFC 9112 6.3: by status, by method, by length."""
    answer, parser = read(head, method=method)

    assert answer is not None and answer.body == b"" and parser.reusable


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: upgrade, close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: upgrade\r\nConnection: close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
    ],
)
def test_connection_lives_on_unless_the_peer_says_otherwise(head: bytes, reusable: bool) -> None:
    """RFC 9112 9.3. HTTP/1.0 is not kept."""
    answer, parser = read(head + b"Content-Length: 0\r\n\r\n")

    assert answer is not None and parser.reusable is reusable


def test_bytes_after_the_answer_end_the_connection() -> None:
    """Nobody asked for more: what follows must not become the next answer."""
    answer, parser = read(LENGTH + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    assert answer is not None and answer.body == b"hello" and not parser.reusable


@pytest.mark.parametrize("step", [0, 1])
def test_body_without_a_length_ends_with_the_connection(step: int) -> None:
    """RFC 9112 6.3 rule 8: whole only when the peer closes."""
    answer, parser = read(b"HTTP/1.1 200 OK\r\n\r\nhello", step=step)

    assert answer is None and not parser.reusable
    assert parser.end() == Response(200, {}, b"hello")


@pytest.mark.parametrize("wire", [LENGTH, CHUNKS, INTERIM])
def test_end_inside_an_answer_is_malformed_at_every_byte(wire: bytes) -> None:
    """A shortened answer is never an answer."""
    for size in range(len(wire)):
        parser = ResponseParser()
        parser.begin("POST")
        assert size == 0 or parser.feed(wire[:size]) is None
        with pytest.raises(MalformedAnswer):
            parser.end()


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 600 No\r\n\r\n",
        b"HTTP/1.1 099 No\r\n\r\n",
        "HTTP/1.1 ２００ OK\r\n\r\n".encode(),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"SSH-2.0-peer\r\n\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\rY: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nnothing\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"0x5\r\n",
        CHUNKED + b"-5\r\n",
        CHUNKED + b"g\r\n",
        CHUNKED + b"00000000000000005\r\n",
        CHUNKED + b"5;a\nb\r\n",
        CHUNKED + b"5\r\nhelloX\r\n",
        CHUNKED + b"5\r\nhello\n0\r\n",
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_answer_two_readers_could_read_differently_is_malformed(data: bytes, step: int) -> None:
    """Framing, line ends and status are taken strictly or not at all (RFC 9112 11.2)."""
    with pytest.raises(MalformedAnswer) as caught:
        read(data, step=step)

    assert caught.value.code == "malformed"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        CHUNKED + b"3e9\r\n",
        CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n1\r\n",
        CHUNKED + b"5;" + b"x" * 1100,
        CHUNKED + b"5;" + b"x" * 1100 + b"\r\n",
        CHUNKED + b"0\r\n" + b"X: y\r\n" * 11_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 66_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 66_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3_000,
    ],
)
@pytest.mark.parametrize("step", [0, 4_096])
def test_answer_beyond_a_bound_is_refused(data: bytes, step: int) -> None:
    """Body, headers, interim answers, chunk lines and trailers: a runaway peer does not take the memory."""
    with pytest.raises(MalformedAnswer) as caught:
        read(data, step=step)

    assert caught.value.code == "too_large"


def test_largest_body_allowed_is_read() -> None:
    """The bound itself is inside."""
    assert len(body_of(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)) == 1000
    assert len(body_of(CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n", step=17)) == 1000
