"""What a command prints arrives whole, also where Python runs unbuffered and a pipe takes little at once."""

import io
from typing import Any

from tillbridge.cli.__main__ import whole

LONG = "a line of a long answer\n" * 10_000


class Narrow(io.RawIOBase):
    """A pipe that never takes more than a little, and says how much it took."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        part = bytes(data[:1000])
        self.taken += part
        return len(part)


def test_a_long_answer_arrives_whole_through_an_output_without_a_buffer() -> None:
    pipe, lost = Narrow(), Narrow()
    unbuffered = io.TextIOWrapper(lost, "utf-8", write_through=True)  # type: ignore[type-var]
    unbuffered.write(LONG)
    assert len(lost.taken) < len(LONG), "this is what Python does by itself, and why there is something to mend"
    output = whole(io.TextIOWrapper(pipe, "utf-8", write_through=True))  # type: ignore[type-var]
    output.write(LONG)
    output.flush()
    assert pipe.taken.decode() == LONG


def test_a_line_is_seen_as_soon_as_it_is_written() -> None:
    pipe = Narrow()
    output = whole(io.TextIOWrapper(pipe, "utf-8", write_through=True))  # type: ignore[type-var]
    output.write("Tillbridge listens on http://127.0.0.1:8080\n")
    assert pipe.taken == b"Tillbridge listens on http://127.0.0.1:8080\n"


def test_an_output_with_a_buffer_and_one_in_memory_stay_what_they_are() -> None:
    buffered, memory = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    assert whole(buffered) is buffered
    assert whole(memory) is memory
