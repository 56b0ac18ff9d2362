"""The extension `aksbackup` of the Azure CLI: its commands are those of the program az-aksbackup.

description.json is what `az-aksbackup __describe` prints; commands.py declares it to az, program.py runs it, session.py
answers it.
"""

from azure.cli.core import AzCommandsLoader


class AksBackupCommandsLoader(AzCommandsLoader):
    """Declares each command of the description. az calls it while it starts: nothing slow may be imported here."""

    def load_command_table(self, args):
        from .commands import declare

        declare(self)
        return self.command_table

    def load_arguments(self, command):
        """Nothing to do: each command brings its arguments along."""


COMMAND_LOADER_CLS = AksBackupCommandsLoader
