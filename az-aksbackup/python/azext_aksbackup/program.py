"""Finds and runs the program az-aksbackup, and hands its result to az."""

import json
import os
import shutil
import signal
import subprocess
import sys

from azure.cli.core.azclierror import CLIInternalError, UnclassifiedUserFault
from knack.log import get_logger

from . import session

NAME = "az-aksbackup.exe" if os.name == "nt" else "az-aksbackup"
logger = get_logger(__name__)


def version():
    """The version of this extension, which has to be the program's."""
    from .commands import description

    return description()["aksbackup"]


def find():
    """The program: AKSBACKUP_BIN, in this package, in the extension's folder, on PATH, in this order."""
    own = os.path.dirname(os.path.abspath(__file__))
    named = os.environ.get("AKSBACKUP_BIN")
    if named:
        found = shutil.which(named)
        if not found:
            raise UnclassifiedUserFault(
                "AKSBACKUP_BIN names no program: {}".format(named),
                recommendation="Unset it, or set it to the path of {}.".format(NAME),
            )
        return found
    for folder in (os.path.join(own, "bin"), os.path.join(os.path.dirname(own), "bin")):
        found = shutil.which(NAME, path=folder)
        if found:
            return found
    found = shutil.which(NAME)
    if not found:
        raise UnclassifiedUserFault(
            "The program {} is not installed: it is neither beside this extension nor on PATH.".format(NAME),
            recommendation="Install it with install.sh, or name it by AKSBACKUP_BIN.",
        )
    return found


def environment():
    """The environment of the program: az's own, without what az sets for its Python."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "AZ_INSTALLER")}
    kept["AKSBACKUP_AZ_EXTENSION"] = version()
    return kept


def words(command, arguments):
    """The command line of `command` with the parsed `arguments`: what was not given is left away."""
    line, positionals = command["name"].split(), []
    for argument in command["arguments"]:
        value = arguments.get(argument["name"])
        if value is None or value is False:
            continue
        if argument["positional"]:
            positionals += value if isinstance(value, list) else [value]
        elif argument["flag"]:
            line.append(argument["options"][0])
        else:
            for one in value if isinstance(value, list) else [value]:
                line.append("{}={}".format(argument["options"][0], one))
    return line + (["--"] + positionals if positionals else [])


def _talk(cmd):
    """az's own flags for more or fewer words."""
    from logging import CRITICAL, DEBUG, ERROR, INFO

    level = getattr(cmd.cli_ctx.logging, "console_log_level", None) if hasattr(cmd.cli_ctx, "logging") else None
    if cmd.cli_ctx.only_show_errors or level in (ERROR, CRITICAL):
        return ["--quiet"]
    asked = any(word in ("--debug", "--verbose") for word in sys.argv)
    return ["--verbose"] if asked or level in (DEBUG, INFO) else []


def run(cmd, command, arguments):
    """Runs `command`. Gives its document to az, or ends az with the program's exit code."""
    form, is_shown_by_az = _form(cmd, command, arguments)
    line = [find()] + words(command, arguments)
    if not command["stream"]:
        # Right behind the command's name: what follows the positionals would be one of them.
        behind = 1 + len(command["name"].split())
        line[behind:behind] = ["--output=" + form] + _talk(cmd)
        chosen = cmd.cli_ctx.data.get("subscription_id")
        if chosen:
            line.insert(behind, "--subscription=" + chosen)
    code, text = _finish(cmd, line, subprocess.PIPE if is_shown_by_az else None)
    document = _parse(text, code) if is_shown_by_az else None
    if code == 0:
        return document
    _show(cmd, document)
    raise SystemExit(code)


# What `--output` of az means to the program where it writes the document itself.
WRITTEN = {"json": "json", "jsonc": "json", "yaml": "yaml", "yamlc": "yaml"}


def _form(cmd, command, arguments):
    """The program's form of the result, and whether az shows it: az shows documents, and only those.

    A text is the result of a command that writes one (`report`, `handoff`) or that has no end (`--watch`, `--fix`), unless another
    form is chosen, and of every command on a terminal where az has no form to prefer: there, a document would repeat the text.
    """
    given = [argument for argument in command["arguments"] if arguments.get(argument["name"])]
    chosen = _chosen(cmd)
    if command["stream"] or any(argument["writes"] for argument in given):
        return WRITTEN.get(chosen, "text"), False
    is_text = command["text"] or any(argument["text"] for argument in given)
    if chosen == "table" and is_text and not command["table"]:
        # az makes an empty line of it: a message is no table.
        return "text", False
    if chosen:
        return "json", True
    if is_text or (not _configured(cmd) and sys.stdout.isatty()):
        return "text", False
    return "json", True


def _configured(cmd):
    """The form that az's configuration prefers."""
    return cmd.cli_ctx.config.get("core", "output", fallback=None)


def _chosen(cmd):
    """The form that the command line asks for, by `--output` or, for a document to apply it to, by `--query`."""
    data = cmd.cli_ctx.invocation.data
    names = cmd.cli_ctx.data.get("safe_params") or []
    is_named = any(name == "-o" or name == "--output" for name in names)
    # An option among joined letters, or cut short, is not in the names.
    is_other = data["output"] != (_configured(cmd) or "json")
    return data["output"] if is_named or is_other or data.get("query_active") else None


def _finish(cmd, line, stdout):
    """Runs `line` to its end while a thread answers it. Ctrl-C goes to the program alone, which ends cleanly."""
    logger.debug("running %s", line)
    answering = session.Session(cmd.cli_ctx)
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with answering.start(line, environment(), stdout) as process:
            text, _ = process.communicate()
            return process.returncode if process.returncode >= 0 else 128 - process.returncode, text
    except OSError as error:
        raise UnclassifiedUserFault(
            "The program {} cannot be run here: {}".format(line[0], error.strerror or error),
            recommendation="Install the one for this system and processor, or name it by AKSBACKUP_BIN.",
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
        answering.close()


def _parse(text, code):
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise CLIInternalError("az-aksbackup ended with {} and no JSON document: {}".format(code, text[:200])) from error


def _show(cmd, document):
    """Prints the document of a command that did not end 0, in the form that was asked for."""
    from knack.events import EVENT_INVOKER_FILTER_RESULT
    from knack.util import CommandResultItem

    if document is None:
        return
    cli_ctx, invocation = cmd.cli_ctx, cmd.cli_ctx.invocation
    result = {"result": document}
    cli_ctx.raise_event(EVENT_INVOKER_FILTER_RESULT, event_data=result)
    item = CommandResultItem(
        result["result"],
        table_transformer=invocation.commands_loader.command_table[cmd.name].table_transformer,
        is_query_active=invocation.data["query_active"],
    )
    formatter = cli_ctx.output.get_formatter(invocation.data["output"])
    cli_ctx.output.out(item, formatter=formatter, out_file=sys.stdout)


def values(option, parsed):
    """The values of `option` that the program knows; none where it cannot tell."""
    line = [find(), "__complete", option]
    state = getattr(parsed, "state", None)
    if state:
        line.insert(1, "--state=" + state)
    before = getattr(parsed, option, None)
    if isinstance(before, list):
        line += ["--"] + [word for word in before if isinstance(word, str)]
    try:
        done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split()
