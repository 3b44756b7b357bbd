"""Front-end files: only the recorded ones reach a browser, and none calls another host."""

import hashlib
from pathlib import Path

import pytest

from tools.vendor_assets import Asset, AssetError, copy_assets, read_list, record

ROOT = Path(__file__).resolve().parents[2]


def _asset(content: bytes, *, target: str = "style.css") -> Asset:
    digest = hashlib.sha256(content).hexdigest()
    return Asset("pkg", "dist/file", target, len(content), digest)


@pytest.fixture
def node_modules(tmp_path: Path) -> Path:
    (tmp_path / "node_modules" / "pkg" / "dist").mkdir(parents=True)
    return tmp_path / "node_modules"


def _place(node_modules: Path, content: bytes) -> None:
    (node_modules / "pkg" / "dist" / "file").write_bytes(content)


def test_a_recorded_file_is_copied_without_its_source_map(
    node_modules: Path, tmp_path: Path
) -> None:
    content = b"a{color:red}\n/*# sourceMappingURL=file.map */"
    _place(node_modules, content)
    written = copy_assets([_asset(content)], node_modules=node_modules, vendor=tmp_path / "v")
    assert (tmp_path / "v" / "style.css").read_bytes() == b"a{color:red}"
    assert written == 12


def test_a_changed_file_is_refused_and_the_old_folder_stays(
    node_modules: Path, tmp_path: Path
) -> None:
    vendor = tmp_path / "v"
    vendor.mkdir()
    (vendor / "style.css").write_text("old")
    _place(node_modules, b"a{color:blue}")
    with pytest.raises(AssetError, match="sha256"):
        copy_assets([_asset(b"a{color:red}")], node_modules=node_modules, vendor=vendor)
    assert (vendor / "style.css").read_text() == "old"


def test_a_missing_file_is_named(node_modules: Path, tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="dist/file is missing"):
        copy_assets([_asset(b"")], node_modules=node_modules, vendor=tmp_path / "v")


@pytest.mark.parametrize(
    "content",
    [
        b"@import '//fonts.example/x.css';",
        b'@import url("https://fonts.example/x.css");',
        b"a{background:url(http://img.example/x.png)}",
    ],
)
def test_a_style_sheet_that_calls_another_host_is_refused(
    node_modules: Path, tmp_path: Path, content: bytes
) -> None:
    _place(node_modules, content)
    with pytest.raises(AssetError, match="another host"):
        copy_assets([_asset(content)], node_modules=node_modules, vendor=tmp_path / "v")


def test_an_xml_namespace_inside_an_image_is_no_call(node_modules: Path, tmp_path: Path) -> None:
    content = b"a{background:url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'\")}"
    _place(node_modules, content)
    assert copy_assets([_asset(content)], node_modules=node_modules, vendor=tmp_path / "v")


def test_recording_writes_size_and_hash(node_modules: Path, tmp_path: Path) -> None:
    _place(node_modules, b"abc")
    listing = tmp_path / "list.toml"
    listing.write_text(
        '[[file]]\npackage = "pkg"\nsource = "dist/file"\n'
        'target = "t.js"\nsize_bytes = 0\nsha256 = ""\n'
    )
    record(read_list(listing), node_modules=node_modules, path=listing)
    (asset,) = read_list(listing)
    # The hash of "abc" is the first example of FIPS 180-4.
    assert asset.size_bytes == 3
    assert asset.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_every_listed_file_is_from_a_declared_package() -> None:
    declared = (ROOT / "package.json").read_text("utf-8")
    for asset in read_list():
        assert f'"{asset.package}":' in declared
