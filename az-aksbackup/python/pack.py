"""Packs the universal wheel: the extension alone, for a program that is installed otherwise.

Usage: python3 pack.py FOLDER. Prints the path of the wheel. It needs nothing but Python's own library and no network, and
the same sources make the same bytes.
"""

import base64
import hashlib
import json
import os
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "azext_aksbackup"
# Number 2.1 of the format is what the oldest az with this extension reads.
METADATA = """Metadata-Version: 2.1
Name: aksbackup
Version: {version}
Summary: Keyless Azure Backup for AKS, handed from team to team: the cloud side
License: MIT OR Apache-2.0
Requires-Python: >=3.8
"""
WHEEL = """Wheel-Version: 1.0
Generator: aksbackup
Root-Is-Purelib: true
Tag: py3-none-any
"""


def read(*path):
    with open(os.path.join(HERE, *path), "rb") as file:
        return file.read()


def content():
    """Each file of the wheel with its bytes, and the version."""
    files = {}
    for name in sorted(os.listdir(os.path.join(HERE, PACKAGE))):
        if name.endswith((".py", ".json")):
            files[PACKAGE + "/" + name] = read(PACKAGE, name)
    version = json.loads(files[PACKAGE + "/description.json"])["aksbackup"]
    info = "aksbackup-{}.dist-info/".format(version)
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        files[info + "licenses/" + name] = read("..", "..", name)
    files[info + "METADATA"] = METADATA.format(version=version).encode()
    files[info + "WHEEL"] = WHEEL.encode()
    files[info + "RECORD"] = record(files, info + "RECORD").encode()
    return files, version


def record(files, own):
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append("{},sha256={},{}\n".format(name, digest, len(data)))
    return "".join(lines) + own + ",,\n"


def pack(folder):
    files, version = content()
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "aksbackup-{}-py3-none-any.whl".format(version))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            # The earliest moment that a zip can hold: when a file was checked out says nothing.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    print(pack(sys.argv[1]))
