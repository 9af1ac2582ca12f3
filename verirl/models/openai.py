"""Any server that speaks the OpenAI chat-completions protocol (vLLM, llama.cpp, Ollama, hosted ones)."""

from __future__ import annotations

import contextlib
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from verirl.errors import InputError, VerirlError
from verirl.models import Progress
from verirl.seeds import derive
from verirl.types import Task

TRIES = 5
PARALLEL = 8
TIMEOUT_S = 600.0
RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class OpenAIPolicy:
    """Asks a server for completions. The key comes from `VERIRL_OPENAI_KEY` or `OPENAI_API_KEY`.

    A server that stays unreachable or refuses is our failure, never a wrong answer: `sample` raises.
    """

    sampled = True

    def __init__(self, url: str, model: str) -> None:
        self.name = f"openai:{url}#{model}"
        self._model = model
        base = url.rstrip("/")
        self._endpoint = base if base.endswith("/chat/completions") else f"{base}/chat/completions"

    @classmethod
    def from_argument(cls, argument: str) -> OpenAIPolicy:
        """From `URL#MODEL`; InputError where either is missing or the URL is not http(s)."""
        url, _, model = argument.partition("#")
        if not url.startswith(("http://", "https://")) or not model:
            raise InputError(
                f"openai:{argument}: expected openai:URL#MODEL, as in openai:http://localhost:8000/v1#name"
            )
        return cls(url, model)

    def sample(
        self,
        tasks: Sequence[Task],
        *,
        n: int,
        temperature: float,
        max_new_tokens: int,
        seed: int,
        on_progress: Progress | None = None,
    ) -> list[list[str]]:
        """`n` completions a task, one request each (not every server can give several at once)."""
        wanted = [(index, draw) for index in range(len(tasks)) for draw in range(n)]

        def ask(place: tuple[int, int]) -> str:
            index, draw = place
            return self._ask(
                {
                    "model": self._model,
                    "messages": [message.model_dump() for message in tasks[index].prompt],
                    "temperature": temperature,
                    "max_tokens": max_new_tokens,
                    # Some servers take a signed 32-bit seed.
                    "seed": derive("openai", seed, index, draw) % 2**31,
                }
            )

        texts = [[""] * n for _ in tasks]
        for (index, draw), text in _in_parallel(ask, wanted):
            texts[index][draw] = text
            if on_progress:
                on_progress(1)
        return texts

    def _ask(self, body: dict[str, Any]) -> str:
        headers = {"Content-Type": "application/json"}
        key = os.environ.get("VERIRL_OPENAI_KEY") or os.environ.get("OPENAI_API_KEY")
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked in from_argument
            self._endpoint, data=json.dumps(body).encode(), headers=headers
        )
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(min(2.0**attempt, 20.0))
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310
                    return _content(reply.read())
            except urllib.error.HTTPError as problem:
                reason = f"HTTP {problem.code}: {problem.read(300).decode('utf-8', 'replace')}"
                if problem.code not in RETRY_STATUS:
                    break
            except (urllib.error.URLError, TimeoutError, ConnectionError) as problem:
                reason = str(getattr(problem, "reason", problem))
            except (ValueError, KeyError, IndexError, TypeError) as problem:
                reason = f"a reply that is no chat completion ({type(problem).__name__})"
                break
        raise VerirlError(f"{self._endpoint} did not answer: {reason}")


def _content(reply: bytes) -> str:
    message = json.loads(reply)["choices"][0]["message"]
    return message["content"] or ""


Place = tuple[int, int]


def _in_parallel(ask: Callable[[Place], str], places: Sequence[Place]) -> Iterator[tuple[Place, str]]:
    """Each place with its answer, as they come; the first failure is raised and ends the asking.

    On daemon threads: one that waits for a server which never answers must not keep us from leaving.
    """
    left: SimpleQueue[Place] = SimpleQueue()
    done: SimpleQueue[tuple[Place, str | Exception]] = SimpleQueue()

    def work() -> None:
        while True:
            try:
                place = left.get_nowait()
            except Empty:
                return
            try:
                done.put((place, ask(place)))
            except Exception as problem:  # noqa: BLE001 - it is raised where the answers are awaited
                done.put((place, problem))

    for place in places:
        left.put(place)
    for _ in range(min(PARALLEL, len(places))):
        Thread(target=work, daemon=True).start()
    try:
        for _ in places:
            place, found = done.get()
            if isinstance(found, Exception):
                raise found
            yield place, found
    finally:
        with contextlib.suppress(Empty):
            while True:
                left.get_nowait()
