"""The client lives in one process with stubs that its user made of our contract, whoever is imported first."""

import subprocess
import sys
from pathlib import Path

import pytest

from codegen.proto.compiler import include_dirs
from codegen.proto.validate import validate_files
from tests_support.checkout import ROOT
from tests_support.contracts.codegen_command import codegen

OURS = "from tally import Client; from tally.generated.tally.v1 import tally_pb2 as ours"
BY_PROTOC = "from shop_stubs.tally.v1 import tally_pb2 as theirs"
BY_CODEGEN = "from shop.generated.tally.v1 import tally_pb2 as theirs, tally_pb2_grpc"
CHECK = """
request = theirs.AddRequest(request_id="id", a="2", b="40.5")
assert ours.AddRequest.FromString(request.SerializeToString()).b == "40.5"
assert ours.DESCRIPTOR.name == theirs.DESCRIPTOR.name == "tally/v1/tally.proto"
from google.rpc import status_pb2
assert type(ours.AddResult().status) is type(theirs.AddResult().status) is status_pb2.Status
"""
WITHOUT_VALIDATE = "import sys; sys.modules['buf'] = None"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with stubs of tally.proto by protoc, in shop_stubs, and by codegen, in shop.generated."""
    folder = tmp_path_factory.mktemp("project")
    stubs = folder / "shop_stubs"
    stubs.mkdir()
    rules = folder / "validate.bin"
    rules.write_bytes(validate_files().SerializeToString(deterministic=True))
    proto = ROOT / "contracts" / "proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{proto}", *(f"-I{each}" for each in include_dirs())]
    command += [f"--descriptor_set_in={rules}", f"--python_out={stubs}", "tally/v1/tally.proto"]
    subprocess.run(command, check=True, timeout=60)
    codegen(folder, "generate", "--from", str(ROOT / "contracts"), "--out", "shop/generated")
    return folder


@pytest.mark.parametrize(
    "program",
    [
        (OURS, BY_PROTOC),
        (BY_PROTOC, OURS),
        (OURS, BY_CODEGEN),
        (BY_CODEGEN, OURS),
        (WITHOUT_VALIDATE, OURS, BY_CODEGEN),
        (WITHOUT_VALIDATE, BY_CODEGEN, OURS),
    ],
    ids=["ours, protoc", "protoc, ours", "ours, codegen", "codegen, ours", "bare ours, codegen", "bare codegen, ours"],
)
def test_the_client_and_stubs_of_its_user_live_in_one_process(project: Path, program: tuple[str, ...]) -> None:
    """Both register the file by the contract's own name with the same content, so the pool takes them as one."""
    code = "\n".join((*program, CHECK))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project, env={"PYTHONPATH": f"{project}:{ROOT}"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
