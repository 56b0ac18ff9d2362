"""Parses command lines of az with az's own parser, without running them: one JSON list of words on each line of standard
input. Prints for each a JSON string with az's complaint, empty if there is none. An unknown command is reported as such."""

import contextlib
import io
import json
import sys

from azure.cli.core import get_default_cli
from azure.cli.core.commands.events import EVENT_INVOKER_PRE_LOAD_ARGUMENTS
from knack.events import EVENT_INVOKER_POST_CMD_TBL_CREATE


def complaint(cli, words):
    invoker = cli.invocation_cls(
        cli_ctx=cli, parser_cls=cli.parser_cls, commands_loader_cls=cli.commands_loader_cls, help_cls=cli.help_cls
    )
    cli.invocation = invoker
    loader = invoker.commands_loader
    loader.load_command_table(words)
    path = []
    for word in words:
        if word.startswith("-"):
            break
        path.append(word)
    # Positional arguments follow the command's name.
    while path and " ".join(path) not in loader.command_table:
        path.pop()
    if not path:
        return "unknown command"
    loader.command_name = " ".join(path)
    loader.command_table = {loader.command_name: loader.command_table[loader.command_name]}
    invoker.data["command_string"] = loader.command_name
    cli.data["command"] = loader.command_name
    cli.raise_event(EVENT_INVOKER_PRE_LOAD_ARGUMENTS, commands_loader=loader)
    loader.load_arguments(loader.command_name)
    cli.raise_event(EVENT_INVOKER_POST_CMD_TBL_CREATE, commands_loader=loader)
    invoker.parser.cli_ctx = cli
    invoker.parser.load_command_table(loader)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            invoker.parser.parse_args(words)
    except SystemExit as ended:
        if ended.code not in (0, None):
            return said.getvalue().strip() or f"exit {ended.code}"
    except Exception as error:  # az raises its own errors, each with its words
        return f"{type(error).__name__}: {error}"
    return ""


def main():
    cli = get_default_cli()
    for line in sys.stdin:
        print(json.dumps(complaint(cli, json.loads(line))), flush=True)


main()
