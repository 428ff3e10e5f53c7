"""A worker that is left waits for the next client with what it holds; folders that nobody holds are removed."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from defocus.worker.client import WorkerClient, WorkerError

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets")
STUB = [sys.executable, str(Path(__file__).with_name("stub_worker.py"))]
LONG_AGO = time.time() - 3600


def opened(folder):
    client = WorkerClient(command=STUB, parent_folder=folder)
    picture = np.broadcast_to(np.linspace(0, 1, 60, dtype=np.float32), (40, 60))
    client.open(picture.tobytes(), shape=picture.shape, dtype="float32")
    return client


def another(folder, fits=lambda greeting: True):
    """Return the client of a worker that waits, given a moment to begin with that."""
    for _ in range(200):
        found = WorkerClient.waiting(fits, parent_folder=folder)
        if found is not None:
            return found
        time.sleep(0.02)
    return None


def gone(folder):
    for _ in range(300):
        if not folder.exists():
            return True
        time.sleep(0.02)
    return False


def mask_of(client):
    result = client.request("focus_mask", {"parameters": {"threshold": 5}})
    return Path(result["path"]).read_bytes()


def test_the_next_client_finds_what_the_last_one_left(tmp_path):
    first = opened(tmp_path)
    mask = mask_of(first)
    assert first.stay(60, {"pixels": "0a", "analysis": {"noise": "auto"}})
    assert not first.alive
    second = another(tmp_path)
    assert second.folder == first.folder
    assert second.held == {"pixels": "0a", "analysis": {"noise": "auto"}}
    assert mask_of(second) == mask  # without another open
    assert second.stay(60, {})
    third = another(tmp_path)
    assert third.held == {}
    assert mask_of(third) == mask
    third.close()
    assert gone(first.folder)


def test_closing_or_cancelling_it_ends_it_as_any_other(tmp_path):
    for end in (WorkerClient.close, WorkerClient.cancel):
        opened(tmp_path).stay(60, {})
        client = another(tmp_path)
        end(client)
        assert gone(client.folder)
        assert not client.alive


def test_nobody_waits_longer_than_was_said(tmp_path):
    client = opened(tmp_path)
    client.stay(0.3, {})
    assert gone(client.folder)
    assert WorkerClient.waiting(lambda greeting: True, parent_folder=tmp_path) is None


def test_one_that_does_not_fit_is_ended(tmp_path):
    client = opened(tmp_path)
    client.stay(60, {"python": "another"})
    greetings = []
    assert another(tmp_path, lambda said: greetings.append(said) is not None) is None
    assert [said["held"] for said in greetings] == [{"python": "another"}]
    assert gone(client.folder)


def test_a_request_revokes_it(tmp_path):
    """Whoever is killed in the middle of a request does not want the worker to stay."""
    client = opened(tmp_path)
    client.request("stay", {"seconds": 60})
    mask_of(client)
    client.close()
    assert gone(client.folder)


@pytest.mark.parametrize("seconds", [0, -1, 1e9, "long", True, None])
def test_it_must_be_told_for_how_long(tmp_path, seconds):
    with opened(tmp_path) as client, pytest.raises(WorkerError, match="seconds must be"):
        client.request("stay", {"seconds": seconds})


def orphan(parent, name, *files, moment=LONG_AGO):
    folder = parent / name
    folder.mkdir()
    for file in files:
        (folder / file).write_bytes(b"1234")
    os.utime(folder, (moment, moment))
    return folder


def test_folders_of_workers_that_were_killed_are_removed(tmp_path):
    empty = orphan(tmp_path, "defocus-abcd1234")
    full = orphan(tmp_path, "defocus-abcd1235", "worker.log", "input-1.raw")
    recent = orphan(tmp_path, "defocus-abcd1236", "worker.log", moment=time.time())
    other = orphan(tmp_path, "defocus-abcd1237", "letter.txt")
    named = orphan(tmp_path, "defocus-results", "worker.log")
    WorkerClient(command=STUB, parent_folder=tmp_path).close()
    assert [folder.exists() for folder in (empty, full, recent, other, named)] == [False, False, True, True, True]


def test_the_folder_of_a_worker_that_lives_is_not(tmp_path):
    with opened(tmp_path) as client:
        os.utime(client.folder, (LONG_AGO, LONG_AGO))
        WorkerClient(command=STUB, parent_folder=tmp_path).close()
        assert client.folder.exists()
        assert len(mask_of(client)) == 4 * 40 * 60


@pytest.mark.skipif(sys.platform == "win32", reason="signals are a thing of Unix")
def test_after_kill_9_nothing_stays_for_long(tmp_path):
    client = opened(tmp_path)
    os.kill(client._process.pid, signal.SIGKILL)
    client._process.wait()
    folder = client.folder
    assert folder.exists()
    os.utime(folder, (LONG_AGO, LONG_AGO))
    WorkerClient(command=STUB, parent_folder=tmp_path).close()
    assert not folder.exists()
    client.close()
