"""Whatever keeps a registry from being asked is reported as what it is, with exit code 5 and no secret."""

import json
import ssl
from collections.abc import Callable

import httpx
import pytest

from codegen.errors import UnreachableError
from tests_support.contracts.publishing_world import World
from tests_support.contracts.small_contracts import Run
from tests_support.registries.tls import Answers, TlsFolder, serving

SECRET = "hush-4711"


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (lambda _: httpx.Response(401, json={}), r"refuses GET subjects \(401\)"),
        (lambda _: httpx.Response(403, json={}), r"refuses GET subjects \(403\)"),
        (lambda _: httpx.Response(503, text="busy"), r"gave up waiting .* answers 503"),
        (lambda _: httpx.Response(200, text="<html>"), "does not answer as a schema registry"),
    ],
)
def test_each_failure_of_the_registry_has_its_words_and_exit_code_5(
    failure: Callable[[httpx.Request], httpx.Response], words: str
) -> None:
    """Refused access, a broken server and a page of HTML each end with exit code 5 and their own words."""
    with pytest.raises(UnreachableError, match=words) as caught:
        World(failure).plan()
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ssl.SSLCertVerificationError("self-signed certificate"), "no TLS connection"),
        (None, "gave up waiting .*no answer in time"),
    ],
)
def test_tls_and_time_outs_are_told_apart(cause: Exception | None, words: str) -> None:
    """A certificate that cannot be verified and a time-out are reported in different words."""

    def failing(request: httpx.Request) -> httpx.Response:
        if cause is None:
            raise httpx.ReadTimeout("timed out", request=request)
        raise httpx.ConnectError("failed", request=request) from cause

    with pytest.raises(UnreachableError, match=words):
        World(failing).plan()


# --- on real sockets, through the command -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFolder:
    return TlsFolder.make(tmp_path_factory.mktemp("tls"))


def _kind(run: Run, url: str) -> str:
    """Return the kind of failure that ``plan --json`` tells, after it exited 5 and showed no secret."""
    code, said = run("plan", "--registry", url, "--json", "--timeout-s", "1")
    assert code == 5, said
    assert SECRET not in said
    document = json.loads(said[said.index("{") :])
    assert (document["exit_code"], document["changes"]) == (5, None)
    return str(document["error"]["kind"])


ANSWERS: dict[str, Answers] = {
    "unauthorised": lambda _: (401, b"{}"),
    "server-error": lambda _: (503, b"busy"),
    "not-a-registry": lambda _: (200, b"<html>Welcome"),
    "time-out": lambda _: None,
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_each_wrong_answer_is_a_kind_of_its_own(run: Run, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A person and a program can tell a refusal, a broken server, a page of HTML and silence apart."""
    monkeypatch.setenv("TALLY_REGISTRY_USER", "me")
    monkeypatch.setenv("TALLY_REGISTRY_PASSWORD", SECRET)
    monkeypatch.setattr("codegen.remote.publishing.REQUEST_TIMEOUT_S", 0.2)
    with serving(ANSWERS[kind]) as url:
        assert _kind(run, url) == kind
    assert _kind(run, "http://127.0.0.1:1") == "no-connection"


def _registry(user: Callable[[dict[str, str]], bool]) -> Answers:
    """Answer as a registry without subjects, to requests whose headers are right."""
    return lambda headers: (200, b"[]") if user(headers) else (401, b"{}")


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({"TALLY_REGISTRY_USER": "me", "TALLY_REGISTRY_PASSWORD": SECRET}, "Basic bWU6aHVzaC00NzEx"),
        ({"TALLY_REGISTRY_TOKEN": SECRET}, f"Bearer {SECRET}"),
    ],
)
def test_basic_and_bearer_secrets_come_from_the_environment_and_are_never_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], header: str
) -> None:
    """A password or a token from the environment opens the registry and is never printed."""
    with serving(_registry(lambda headers: headers.get("authorization") == header)) as url:
        assert _kind(run, url) == "unauthorised"
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code, said = run("pull", "--registry", url, "--subject", "x", "--out", "theirs")
        assert (code, "matches no subject" in said) == (1, True), said
        assert SECRET not in said


def test_a_client_certificate_and_an_own_authority_come_from_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch, tls: TlsFolder
) -> None:
    """mTLS: unknown authority, no certificate, a wrong password of the key, and then all right."""
    with serving(_registry(lambda _: True), tls.server_context()) as url:
        assert _kind(run, url) == "tls"
        monkeypatch.setenv("TALLY_REGISTRY_CA", str(tls.authority))
        assert _kind(run, url) == "tls"
        monkeypatch.setenv("TALLY_REGISTRY_CERT", str(tls.client_certificate))
        monkeypatch.setenv("TALLY_REGISTRY_KEY", str(tls.client_key))
        monkeypatch.setenv("TALLY_REGISTRY_KEY_PASSWORD", f"{SECRET}-wrong")
        assert _kind(run, url) == "tls"
        monkeypatch.setenv("TALLY_REGISTRY_KEY_PASSWORD", tls.key_password)
        code, said = run("pull", "--registry", url, "--subject", "x", "--out", "theirs")
        assert (code, "matches no subject" in said) == (1, True), said


def test_files_that_are_no_certificates_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file of certificates ends with exit code 5, the variable and the file."""
    monkeypatch.setenv("TALLY_REGISTRY_CA", "nowhere.pem")
    code, said = run("plan", "--registry", "https://127.0.0.1:1", "--timeout-s", "0")
    assert code == 5
    assert "TALLY_REGISTRY_CA nowhere.pem: is not a file of PEM certificates" in said
