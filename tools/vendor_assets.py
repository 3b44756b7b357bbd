"""Copy the front-end files that pages use from node_modules to carbonaccount/static/vendor.

The list with sizes and hashes is tools/vendor_assets.toml. A file that differs from the list, or
a style sheet that would fetch something from another host, stops the copy.
"""

import hashlib
import re
import shutil
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_suffix(".toml")
# Matches url(...) and @import with a host; XML namespaces inside data: addresses do not count.
FOREIGN = re.compile(rb"""(?:url\(\s*["']?|@import\s+["'])(?:https?:)?//""")
# The maps are not copied, so a browser's developer tools would ask for them in vain.
SOURCE_MAP = re.compile(rb"\n?(?:/\*|//)# sourceMappingURL=[^\n*]*(?:\*/)?\s*$")


class AssetError(Exception):
    """Raised when a file is missing, is not the recorded one, or calls another host."""


@dataclass(frozen=True)
class Asset:
    """One file of a package: where it comes from, where it goes, and what it must be."""

    package: str
    source: str
    target: str
    size_bytes: int
    sha256: str

    def read(self, node_modules: Path) -> bytes:
        """Return the content; raise AssetError when the package does not hold the file."""
        path = node_modules / self.package / self.source
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise AssetError(f"{path} is missing; is node_modules whole?") from None

    def check(self, content: bytes) -> None:
        """Raise AssetError when the content is not the recorded one or calls another host."""
        digest = hashlib.sha256(content).hexdigest()
        if (len(content), digest) != (self.size_bytes, self.sha256):
            raise AssetError(
                f"{self.package}/{self.source} has {len(content)} bytes and sha256 {digest}, "
                f"recorded are {self.size_bytes} bytes and {self.sha256}"
            )
        if self.target.endswith(".css") and FOREIGN.search(content):
            raise AssetError(f"{self.package}/{self.source} fetches from another host")


def read_list(path: Path = LIST) -> list[Asset]:
    """Return the recorded assets."""
    return [Asset(**entry) for entry in tomllib.loads(path.read_text("utf-8"))["file"]]


def copy_assets(assets: list[Asset], *, node_modules: Path, vendor: Path) -> int:
    """Replace the vendor folder by the checked files; return the bytes written.

    All files are checked before the old folder goes, so a bad package leaves the site whole.
    """
    contents = [(asset, asset.read(node_modules)) for asset in assets]
    for asset, content in contents:
        asset.check(content)
    shutil.rmtree(vendor, ignore_errors=True)
    written = 0
    for asset, content in contents:
        target = vendor / asset.target
        target.parent.mkdir(parents=True, exist_ok=True)
        written += target.write_bytes(SOURCE_MAP.sub(b"", content))
    return written


def record(assets: list[Asset], *, node_modules: Path, path: Path = LIST) -> None:
    """Write the present sizes and hashes into the list, keeping its order and comments."""
    text = path.read_text("utf-8")
    for asset in assets:
        content = asset.read(node_modules)
        pattern = re.compile(
            rf'(target = "{re.escape(asset.target)}"\n)size_bytes = \d+\nsha256 = "[0-9a-f]*"'
        )
        digest = hashlib.sha256(content).hexdigest()
        text, replaced = pattern.subn(
            rf'\g<1>size_bytes = {len(content)}\nsha256 = "{digest}"', text
        )
        if replaced != 1:
            raise AssetError(f"{path.name} has no size and hash below target {asset.target}")
    path.write_text(text, "utf-8")


def main(arguments: list[str]) -> int:
    """Copy the assets, or record them first with --record; return the exit status."""
    node_modules = ROOT / "node_modules"
    try:
        if arguments == ["--record"]:
            record(read_list(), node_modules=node_modules)
        assets = read_list()
        vendor = ROOT / "carbonaccount" / "static" / "vendor"
        written = copy_assets(assets, node_modules=node_modules, vendor=vendor)
    except AssetError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"front-end files: {len(assets)}, {written // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
