"""From the program's description to az's commands: options, help, completion, table views."""

import json
import os
import re

import yaml
from knack.arguments import CLICommandArgument
from knack.help_files import helps

from . import program

GROUP = "aksbackup"


def description():
    """The description that this extension was made from."""
    path = os.path.join(os.path.dirname(__file__), "description.json")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def declare(loader):
    """Adds each command to the table of `loader`, and its help to that of az."""
    described = description()
    helps[GROUP] = _yaml({
        "type": "group",
        "short-summary": described["summary"],
        "long-summary": "\n".join([_long(described["description"], described["summary"]), "", *_exit_codes(described)]),
    })
    for group in described["groups"]:
        helps[GROUP + " " + group["name"]] = _yaml({"type": "group", "short-summary": group["summary"]})
    for command in described["commands"]:
        name = GROUP + " " + command["name"]
        helps[name] = _yaml({
            "type": "command",
            "short-summary": command["summary"],
            "long-summary": "Exit codes: see 'az {} --help'.".format(GROUP),
            "examples": command["examples"],
        })
        loader._cli_command(  # pylint: disable=protected-access
            name,
            handler=_handler(command),
            argument_loader=_arguments_loader(command),
            description_loader=lambda summary=command["summary"]: summary,
            table_transformer=command["table"],
        )


def _yaml(content):
    # knack reads help as YAML: whatever a text holds, it has to arrive as it is.
    return yaml.safe_dump(content, allow_unicode=True, width=10000)


def _long(text, summary):
    return text[len(summary):].strip() if text.startswith(summary) else text


def _exit_codes(described):
    return ["Exit codes:"] + ["{:>5}  {}".format(one["code"], one["meaning"]) for one in described["exit_codes"]]


def _handler(command):
    return lambda arguments: program.run(arguments.pop("cmd"), command, arguments)


def _arguments_loader(command):
    return lambda: [(argument["name"], _argument(argument)) for argument in command["arguments"]]


def _argument(argument):
    settings = {
        "help": _sentences(argument["help"]),
        "required": argument["required"],
        "completer": _completer(argument),
        # What is global to the program stands with the command's own arguments: az has globals of its own.
        "arg_group": None if argument["group"] == "Global options" else argument["group"],
    }
    if argument["flag"]:
        settings["action"] = "store_true"
    elif argument["many"]:
        settings["nargs"] = "+"
    elif argument["repeat"] and not argument["positional"]:
        settings["action"] = "append"
    if argument["choices"]:
        settings["choices"] = argument["choices"]
    if argument["default"] is not None and not argument["flag"]:
        # The program knows its defaults, and takes some of them from the environment: say them, do not send them.
        settings["help"] += "  Default: {}.".format(argument["default"])
    if argument["positional"]:
        settings.update(nargs=_count(argument), metavar=argument["name"].upper())
        made = CLICommandArgument(argument["name"], **settings)
        # knack makes an option of a positional argument whose list of options is empty when it is constructed.
        made.type.settings["options_list"] = []
        return made
    return CLICommandArgument(argument["name"], options_list=argument["options"], **settings)


def _sentences(text):
    """The help of an argument as az writes it: sentences, the last of which is the default."""
    text = re.sub(r" \[default: (.*)\]$", r".  Default: \1", text)
    return text if not text or text.endswith((".", "?", "!")) else text + "."


def _count(argument):
    if argument["repeat"]:
        return "+" if argument["required"] else "*"
    return None if argument["required"] else "?"


def _completer(argument):
    source = argument["complete"]
    if source == "az:resource-group":
        from azure.cli.core.commands.parameters import get_resource_group_completion_list

        return get_resource_group_completion_list
    if source == "az:cluster":
        from azure.cli.core.commands.parameters import get_resource_name_completion_list

        return get_resource_name_completion_list("Microsoft.ContainerService/ManagedClusters")
    if source == "file":
        from argcomplete.completers import FilesCompleter

        return FilesCompleter()
    if source == "own":
        return lambda parsed_args, **_: program.values(argument["name"], parsed_args)
    return None
