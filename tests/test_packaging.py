"""The unit for systemd and the image start a server: their command lines, run as they stand but for ports and paths."""

import json
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UNIT = ROOT / "packaging" / "tcrp-server.service"
IMAGE = ROOT / "packaging" / "Dockerfile"
PROGRAM = "/opt/tcrp/bin/tcrp-server"
ANY_PORTS = ("--tcp-port", "0", "--udp-port", "0", "--metrics", "127.0.0.1:0")  # the last of each option counts


def of_the_unit(folder: Path) -> list[str]:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    return line.replace("${STATE_DIRECTORY}", str(folder)).replace("$TCRP_OPTIONS", "").split()


def of_the_image(folder: Path) -> list[str]:
    parts = dict(re.findall(r"^(ENTRYPOINT|CMD) (.*)$", IMAGE.read_text(encoding="utf-8"), re.MULTILINE))
    words = json.loads(parts["ENTRYPOINT"]) + json.loads(parts["CMD"])
    return [word.replace("/var/lib/tcrp", str(folder)) for word in words]


@pytest.mark.parametrize("command_in", [of_the_unit, of_the_image])
def test_the_command_starts_a_server_that_keeps_its_state(command_in, tmp_path):
    program, *options = command_in(tmp_path)
    assert program == PROGRAM
    command = [sys.executable, "-m", "reference_server", *options, *ANY_PORTS]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline().startswith("ready tcp=0.0.0.0:")
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    assert server.returncode == 0
    assert (tmp_path / "rooms.state").stat().st_mode & 0o777 == 0o600


def test_the_image_is_healthy_as_long_as_its_server_runs(tmp_path):
    image = IMAGE.read_text(encoding="utf-8")
    (check,) = re.findall(r"^HEALTHCHECK .* CMD (.*)$", image, re.MULTILINE)
    (stop,) = re.findall(r"^STOPSIGNAL (.*)$", image, re.MULTILINE)
    _, *options = of_the_image(tmp_path)
    (port,) = (word.rpartition(":")[2] for word in options if word.startswith("127.0.0.1:"))
    assert f":{port}/healthz" in check
    command = [sys.executable, "-m", "reference_server", *options, *ANY_PORTS]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        metrics = server.stdout.readline().strip().rpartition(":")[2]
        program, *words = json.loads(check.replace(f":{port}", f":{metrics}"))
        assert program == str(Path(PROGRAM).with_name("python"))
        asked = [sys.executable, *words]
        assert subprocess.run(asked, check=False).returncode == 0
        server.send_signal(signal.Signals[stop])
        assert server.wait(30) == 0
    assert subprocess.run(asked, stderr=subprocess.DEVNULL, check=False).returncode != 0


def test_neither_runs_as_root():
    assert "\nDynamicUser=yes\n" in UNIT.read_text(encoding="utf-8")
    (user,) = re.findall(r"^USER (\d+)$", IMAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert int(user) > 0


def test_the_image_copies_every_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    image = IMAGE.read_text(encoding="utf-8")
    ignored = (ROOT / "packaging" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    for package in packages:
        assert f"COPY {package} {package}\n" in image
        assert f"!{package}\n" in ignored


def test_systemd_reads_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd-analyze")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace(PROGRAM, sys.executable), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    rated = ["systemd-analyze", "security", "--offline=true", "--threshold=15", unit]
    done = subprocess.run(rated, capture_output=True, text=True, check=False)
    if "nrecognized option" not in done.stderr:  # before 250 it could only rate services that run
        assert done.returncode == 0, done.stdout + done.stderr
