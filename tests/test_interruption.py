"""Signals: what runs is ended, or told that it should end."""

from __future__ import annotations

import signal

import pytest

from voxlate.interruption import end_is_requested, ending_at_signals, stop_requests


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_each_signal_ends_a_block_as_ctrl_c_does(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt, match=number.name), ending_at_signals() as request:
        signal.raise_signal(number)
    assert request.name == number.name
    assert signal.getsignal(number) == before


def test_a_loop_that_saves_first_is_told_and_the_second_signal_ends_it() -> None:
    with ending_at_signals(), stop_requests() as request:
        assert not end_is_requested()
        signal.raise_signal(signal.SIGTERM)
        assert (request.name, end_is_requested()) == ("SIGTERM", True)
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)
    assert not end_is_requested()
