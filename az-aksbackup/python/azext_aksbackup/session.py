"""az's login for the program: tokens and context over a socket that the program alone inherits."""

import json
import os
import socket
import subprocess
import threading


class Session:
    """Answers the program's questions, a JSON document a line, until it ends.

    Only the scope of the cloud's Resource Manager is answered. Nothing of a token is logged or kept.
    """

    def __init__(self, cli_ctx):
        self.cli_ctx = cli_ctx
        self.own = None

    def start(self, line, env, stdout):
        """Starts the program with its end of the socket. Gives the process."""
        if os.name == "nt":
            # Nothing can be inherited so there: the program asks az by its command line.
            return subprocess.Popen(line, env=env, stdout=stdout, encoding="utf-8", errors="replace")
        self.own, other = socket.socketpair()
        with other:
            env = dict(env, LISTEN_FDS="1", LISTEN_FDS_FIRST_FD=str(other.fileno()))
            env.pop("LISTEN_PID", None)
            process = subprocess.Popen(
                line, env=env, stdout=stdout, encoding="utf-8", errors="replace", pass_fds=(other.fileno(),)
            )
        # A thread before the start of a process could hold a lock that the copy then never gets.
        threading.Thread(target=self._answer, daemon=True).start()
        return process

    def close(self):
        """Closes this end of the socket."""
        if self.own is not None:
            self.own.close()

    def _answer(self):
        try:
            with self.own.makefile("rw", encoding="utf-8", newline="\n") as lines:
                for line in lines:
                    lines.write(json.dumps(self._reply(json.loads(line))) + "\n")
                    lines.flush()
        except (OSError, ValueError):
            # The program has ended, or is not the one that this was made for.
            return

    def _reply(self, question):
        try:
            if question.get("get") == "context":
                return self._context()
            if question.get("get") == "token":
                return self._token(question)
            return {"error": "unknown question"}
        except (Exception, SystemExit) as error:  # pylint: disable=broad-except
            # Whatever az says goes to the person by way of the program.
            return {"error": str(error) or type(error).__name__}

    def _context(self):
        cloud = self.cli_ctx.cloud
        return {
            "cloud": cloud.name,
            "resourceManager": cloud.endpoints.resource_manager,
            "login": cloud.endpoints.active_directory,
            "audience": self._audience(),
            "storageSuffix": cloud.suffixes.storage_endpoint,
        }

    def _audience(self):
        endpoints = self.cli_ctx.cloud.endpoints
        return (endpoints.active_directory_resource_id or endpoints.resource_manager).rstrip("/")

    def _token(self, question):
        from azure.cli.core._profile import Profile
        from azure.cli.core.auth.util import resource_to_scopes

        if question.get("scope") != self._audience() + "/.default":
            return {"error": "the extension hands out tokens for the Resource Manager alone"}
        scopes = resource_to_scopes(self.cli_ctx.cloud.endpoints.active_directory_resource_id)
        credential, _, _ = Profile(cli_ctx=self.cli_ctx).get_raw_token(
            scopes=scopes, subscription=question.get("subscription")
        )
        _, token, full = credential
        return {"token": token, "expiresOn": int(full.get("expires_on") or full["expiresOn"])}
