"""`tcrp-conformance bundle`: one file with what a maintainer needs who is told that a right server was blamed."""

import argparse
import os
import platform
import zipfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from conformance.outcome.verdicts import CommandError, Exit
from conformance.report import compare, formats
from conformance.report.model import Report
from conformance.report.redaction import redacted
from conformance.report.repro.files import DIALECT, FOLDER
from conformance.trace.text import as_json_text, printable
from tcrp import dialects

REPORT, VERSIONS, OPTIONS, OUTPUT = "report.json", "versions.json", "options.json", "output.txt"
_TOLD = {
    REPORT: "the report",
    OPTIONS: "what the run was asked for: the command of the server, its address, every option",
    VERSIONS: "versions of Python, of its packages and of the system",
    OUTPUT: "the last lines that the server printed, as far as the report has them",
    DIALECT: "the dialect file of the run",
}


def bundle(arguments: argparse.Namespace) -> Exit:
    """Pack the folder of a report. CommandError, in one line, if there is none or the file cannot be written."""
    folder, out = Path(arguments.report_dir), Path(arguments.output)
    try:
        report = compare.load(folder)
        if not isinstance(report.get("findings"), list) or not isinstance(report.get("options"), dict):
            raise ValueError(f"{folder / REPORT}: it has no findings or no options: only a whole report can be packed")
        packed = dict(_contents(folder, report, redact=arguments.redact))
    except ValueError as error:
        raise CommandError(str(error)) from None
    except (KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"{folder}: no whole report of this version: {type(error).__name__}: {error}") from None
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in packed.items():
                archive.writestr(name, content)
        part.replace(out)
    except OSError as error:
        raise CommandError(f"-o {str(out)!r}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    print(f"{printable(str(out))} holds:")
    width = max(map(len, packed))
    for name, content in packed.items():
        print(f"  {printable(name):<{width}}  {len(content):>8} bytes  {_about(name)}")
    if not arguments.redact:
        print("It holds names, tokens and passwords of the run: look into it before you send it, or give --redact.")
    return Exit.CONFORMS


def _about(name: str) -> str:
    if name in _TOLD:
        return _TOLD[name]
    return "a finding to be replayed" if name.endswith(".json") else "a finding as a script"


def _contents(folder: Path, report: Report, *, redact: bool) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file. Redacted, what holds bytes of the wire or words of the server is left out."""
    told = redacted(report) if redact else report
    yield REPORT, formats.as_json(told)
    yield OPTIONS, as_json_text(told["options"]).encode("utf-8", "backslashreplace")
    yield VERSIONS, as_json_text(versions(told["tool"])).encode()
    if redact:
        return
    words = [f"{one['clause']}:\n" + "".join(f"  {line}\n" for line in one["output"]) for one in report["findings"]]
    yield OUTPUT, "\n".join(words).encode("utf-8", "backslashreplace")
    if (dialect := _dialect(folder, report)) is not None:
        yield DIALECT, dialect
    for path in sorted((*(folder / FOLDER).glob("*.json"), *(folder / FOLDER).glob("*.py"))):
        if path.is_file() and not path.is_symlink():
            yield f"{FOLDER}/{path.name}", _read(path)


def _dialect(folder: Path, report: Report) -> bytes | None:
    """The dialect file that a probe has written beside the report, or that the run was given and is still there."""
    if (found := folder / DIALECT).is_file():
        return _read(found)
    given = report["options"].get("dialect")
    if not isinstance(given, str) or given in dialects.names() or not given.endswith(".toml"):
        return None
    return _read(Path(given)) if Path(given).is_file() else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: it cannot be read: {error.strerror}") from None


def versions(tool: str) -> dict[str, Any]:
    """Of whatever may have a part in a verdict. `tool`: what has made the report."""
    packages = {str(one.metadata["Name"]): one.version for one in distributions()}
    return {
        "report": tool, "python": platform.python_version(), "implementation": platform.python_implementation(),
        "system": platform.platform(), "machine": platform.machine(), "cpus": os.cpu_count(),
        "packages": dict(sorted(packages.items(), key=lambda one: one[0].lower())),
    }  # fmt: skip
